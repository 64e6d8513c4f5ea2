"""The seams of a call, each of which tells that a step begins and that it has ended, so that a test can strike."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event

from tests.world import World
from vettr_cron.database.transactions import Database
from vettr_cron.domain.attempt import Attempt
from vettr_cron.domain.errors import Problem
from vettr_cron.domain.lease import Held
from vettr_cron.domain.run import JobResult
from vettr_cron.jobs.job import Item, Job
from vettr_cron.pings import Pings
from vettr_cron.redis_store.client import connect_redis
from vettr_cron.redis_store.cursors import Cursor, CursorKeys, Cursors, Moved
from vettr_cron.redis_store.leases import Lease, Leases
from vettr_cron.registry import EXTENSION
from vettr_cron.services.refresh.call import Progress, unwatched
from vettr_cron.services.refresh.refresh import Refresh
from vettr_cron.services.refresh.request import Request


class Steps:
    """Names each moment of a call, as in "before results committed 2", and tells `strike` of it."""

    def __init__(self, strike: Callable[[str], None]) -> None:
        self.moments: list[str] = []
        self.next_commit = "orphans closed"
        self._strike = strike
        self._counts: dict[str, int] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """A step that has a moment before and a moment after it, unless it fails."""
        self.reached(f"before {name}")
        yield
        self.reached(f"after {name}")

    def reached(self, moment: str) -> None:
        self._counts[moment] = self._counts.get(moment, 0) + 1
        self.moments.append(f"{moment} {self._counts[moment]}")
        self._strike(self.moments[-1])


class SteppedLeases(Leases):
    def __init__(self, steps: Steps, redis: Any, term: float) -> None:
        super().__init__(redis, term)
        self._steps = steps

    def acquire(self, job: str, call_id: str = "") -> Lease | Held:
        with self._steps.step("lease taken"):
            return super().acquire(job, call_id)

    def renew(self, lease: Lease, run_id: str = "") -> bool:
        if threading.current_thread() is not threading.main_thread():  # the keeper's renewals come when they come
            return super().renew(lease, run_id)
        with self._steps.step("run named" if run_id else "lease confirmed"):
            return super().renew(lease, run_id)

    @contextmanager
    def kept(self, lease: Lease) -> Iterator[Lease]:
        with super().kept(lease):
            yield lease
            self._steps.reached("before lease given back")
        self._steps.reached("after lease given back")


class SteppedCursors(Cursors):
    def __init__(self, steps: Steps, redis: Any, ttl: int) -> None:
        super().__init__(redis, ttl)
        self._steps = steps

    def read(self, job: str) -> CursorKeys:
        with self._steps.step("cursor read"):
            self._steps.next_commit = "run row inserted"
            return super().read(job)

    def begin(self, job: str, lease: Any, seen: CursorKeys, cursor: Cursor) -> Moved:
        with self._steps.step("cycle begun"):
            return super().begin(job, lease, seen, cursor)

    def move(self, *args: Any, **kwargs: Any) -> Moved:
        with self._steps.step("cursor moved"):
            self._steps.next_commit = "run row finished"
            return super().move(*args, **kwargs)


class SteppedDatabase(Database):
    def __init__(self, steps: Steps, *args: Any) -> None:
        super().__init__(*args)
        self._steps = steps

    def writing(self, timeout: float | None = None) -> AbstractContextManager[Connection]:
        return self._stepped(super().writing(timeout))

    def saving(self, timeout: float | None = None) -> AbstractContextManager[Connection]:
        return self._stepped(super().saving(timeout))

    @contextmanager
    def _stepped(self, transaction: AbstractContextManager[Connection]) -> Iterator[Connection]:
        self._steps.reached("before transaction begun")
        statements: list[str] = []
        with transaction as connection:
            event.listen(connection, "before_cursor_execute", lambda *given: statements.append(given[2]))
            yield connection
            committed = _beside_the_work(statements) or self._steps.next_commit
            self._steps.reached(f"before {committed}")
        self._steps.reached(f"after {committed}")
        if committed == "run row finished":
            self._steps.next_commit = "run row inserted"


def _beside_the_work(statements: Sequence[str]) -> str | None:
    """What a transaction is for that writes nothing but what the service remembers of its calls."""
    if any("INTO cron_samples" in statement for statement in statements):
        return "sample taken"
    return "call logged" if len(statements) == 1 and "INTO cron_calls" in statements[0] else None


def stepped_job(steps: Steps, job: Job, evaluated: Callable[[str], None]) -> Job:
    """The job, whose loading and saving are steps, and which tells of every stock that it evaluates."""

    def load(*args: Any) -> Any:
        with steps.step("inputs read"):
            return job.load(*args)

    def evaluate(item: Item, attempt: Attempt) -> Any:
        evaluated(item.ticker)
        return job.evaluate(item, attempt)

    def save(connection: Connection, attempt: Attempt, results: Sequence[Any]) -> Mapping[str, Problem]:
        steps.next_commit = "results committed"
        with steps.step("results written"):
            return job.save(connection, attempt, results)

    return replace(job, load=load, evaluate=evaluate, save=save)


class SteppedRefresh(Refresh):
    """The use case with the seams' own pieces, for whichever job it is asked to advance."""

    def __init__(self, steps: Steps, evaluated: Callable[[str], None], *args: Any) -> None:
        super().__init__(*args)
        self._steps = steps
        self._evaluated = evaluated

    def run(self, job: Job, request: Request, progress: Progress = unwatched) -> JobResult:
        return super().run(stepped_job(self._steps, job, self._evaluated), request, progress)


def put_steps_into(world: World, steps: Steps, evaluated: Callable[[str], None]) -> None:
    """Let the application's routes advance jobs through the stepped pieces."""
    services, settings = world.services, world.services.settings
    redis = connect_redis(settings, Path(world.app.instance_path) / "redis")
    shutdown = services.shutdown
    database = SteppedDatabase(steps, services.database.engine, settings.cron_lease_seconds / 2, lambda: shutdown.at)
    leases = SteppedLeases(steps, redis, settings.cron_lease_seconds)
    cursors = SteppedCursors(steps, redis, settings.cron_cursor_ttl_seconds)
    pings = Pings({}, lambda: shutdown.ends)
    engine = services.refresh._engine
    refresh = SteppedRefresh(steps, evaluated, database, leases, cursors, settings, shutdown, pings, engine)
    world.app.extensions[EXTENSION] = replace(services, refresh=refresh)
