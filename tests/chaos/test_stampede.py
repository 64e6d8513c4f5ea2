"""Many callers at once, over HTTP and from the command line: one at a time, and nobody waits for nothing."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from statistics import quantiles
from typing import Any, NamedTuple

import pytest

from tests.e2e.programs import Environment, environment, finished, flask
from tests.e2e.web import Reply, serving
from tests.integration.bare_stocks import add_stocks
from tests.servers.celery_worker import Work, working
from tests.world import World

STOCKS, CHUNK = 1300, 100
CALLERS, COMMANDS, WORKERS = 40, 3, 4
BURST = 200


class Timed(NamedTuple):
    """A reply, and the seconds that it took."""

    reply: Reply
    seconds: float


@pytest.fixture
def world(migrated_postgres_url: str, redis_url: str) -> Iterator[World]:
    world = World.make(migrated_postgres_url, redis_url)
    yield world
    world.close()


@pytest.fixture(params=["threads", "celery"])
def engine(request: pytest.FixtureRequest, world: World) -> Iterator[Environment]:
    """The variables that name an engine, whose workers are there."""
    if request.param == "threads":
        yield {}
        return
    with working(Work(database_url=world.database_url, redis_url=world.redis_url)):
        yield {"CRON_ENGINE": "celery", "CRON_CHUNK_SIZE": str(CHUNK), "CRON_GROUP_SIZE": "30"}


def at_once(number: int, call: Callable[[], Any]) -> list[Any]:
    """The answers of so many callers who start together."""
    together = threading.Barrier(number)

    def start() -> Any:
        together.wait(60)
        return call()

    with ThreadPoolExecutor(number) as callers:
        return [future.result() for future in [callers.submit(start) for _ in range(number)]]


def timed(call: Callable[[], Reply]) -> Timed:
    begun = time.monotonic()
    return Timed(call(), time.monotonic() - begun)


@dataclass(slots=True)
class Tally:
    """What all the callers have heard so far."""

    results: list[Any] = field(default_factory=list)
    skips: list[float] = field(default_factory=list)  # the seconds that each skipped call took
    complete: threading.Event = field(default_factory=threading.Event)

    def note(self, result: Any, seconds: float | None = None) -> None:
        self.results.append(result)
        if result["status"] == "skipped" and seconds is not None:
            self.skips.append(seconds)
        if result["chunk_info"]["is_complete"]:
            self.complete.set()


@pytest.mark.chaos
@pytest.mark.timed
@pytest.mark.parametrize("job", ["scores", "red-flags"])
def test_callers_from_everywhere_share_one_cycle(world: World, job: str, engine: Environment) -> None:
    tickers, tally = add_stocks(world, STOCKS), Tally()

    def give_commands() -> None:
        while not tally.complete.is_set():
            done = finished(flask("cron", job, "--json"), environment(world, **engine))
            result = json.loads(done.stdout)
            assert done.returncode == (75 if result["status"] == "skipped" else 0), done.stderr
            tally.note(result)

    with serving(world, {"WEB_CONCURRENCY": str(WORKERS), **engine}) as web, ThreadPoolExecutor(COMMANDS) as commands:
        ends = [commands.submit(give_commands) for _ in range(COMMANDS)]
        while not tally.complete.is_set():
            for answer in at_once(CALLERS, lambda: timed(lambda: web.call(f"/v1/cron/{job}", method="POST"))):
                assert answer.reply.status == 200, answer.reply
                tally.note(answer.reply.body["data"], answer.seconds)
        for end in ends:
            end.result()
    *_, nine_of_ten = quantiles(tally.skips, n=10)
    counts = f"{len(tally.results)} calls, {len(tally.skips)} of them skipped over HTTP"
    print(f"{job}: {counts}, the slowest in {max(tally.skips):.2f} s")
    assert nine_of_ten < 1  # the slowest may have shared two cores with everybody else's work
    check_cycles(world, job, tickers, tally.results)


def check_cycles(world: World, job: str, tickers: list[str], results: list[Any]) -> None:
    """The first cycle is whole, each chunk of it done once and by one; a second may have begun meanwhile."""
    worked = [result for result in results if result["status"] != "skipped"]
    assert {result["status"] for result in worked} == {"completed"}
    runs = {str(run["id"]): run for run in world.table("cron_job_runs")}
    assert sorted(runs) == sorted(result["run_id"] for result in worked)
    assert {run["status"] for run in runs.values()} == {"completed"}
    calls = world.table("cron_calls")
    assert Counter(call["status"] for call in calls) == Counter(result["status"] for result in results)
    assert all(call["ended_at"] for call in calls)
    # One at the first call, none in the 15 minutes after it, and one at each cycle's end.
    assert len(world.table("cron_samples")) == 1 + sum(result["chunk_info"]["is_complete"] for result in results)
    cycles: dict[str, list[Any]] = {}
    for result in worked:
        cycles.setdefault(result["cycle_id"], []).append(runs[result["run_id"]])
    first, *more = sorted(cycles.values(), key=lambda of_cycle: min(run["started_at"] for run in of_cycle))
    assert len(more) <= 1
    for cycle in (first, *more):
        in_order = sorted(cycle, key=lambda run: run["started_at"])
        assert [run["chunk_offset"] for run in in_order] == list(range(0, len(cycle) * CHUNK, CHUNK))
        assert all(run["stocks_processed"] == run["succeeded"] == CHUNK for run in cycle)
    assert len(first) == STOCKS // CHUNK
    table, rows = {"scores": ("vetr_score_history", 1), "red-flags": ("red_flag_history", 5)}[job]
    again = sum(len(cycle) for cycle in more) * CHUNK
    expected = Counter(dict.fromkeys(tickers, rows)) + Counter(dict.fromkeys(tickers[:again], rows))
    assert Counter(row["stock_ticker"] for row in world.table(table)) == expected


@pytest.mark.chaos
@pytest.mark.timed
def test_two_hundred_requests_at_once_are_all_answered(world: World) -> None:
    world.generate(CHUNK)
    paths = ["scores", "red-flags", "refresh-all", "status", "history"]
    with serving(world) as web:
        turns = iter(paths * (BURST // len(paths)))
        answers = at_once(BURST, lambda: timed(lambda: web.call(f"/v1/cron/{next(turns)}")))
        slowest = max(answer.seconds for answer in answers)
        print(f"{BURST} requests at once: the slowest took {slowest:.2f} s")
        assert {answer.reply.status for answer in answers} == {200}
        assert slowest < 5
        again = timed(lambda: web.call("/readyz"))
        assert again.reply.status == 200
        assert again.seconds < 1
    assert {run["status"] for run in world.table("cron_job_runs")} == {"completed"}
