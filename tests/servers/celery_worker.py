"""A worker of the service in processes of its own, which a test may kill, freeze and start again."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from redis import Redis

from tests.integration.meddling import wait_until
from tests.world import make_settings
from vettr_cron.app import create_app
from vettr_cron.jobs.job import Job
from vettr_cron.redis_store.groups import Groups
from vettr_cron.registry import EXTENSION, Services

THE_TWO = "tests.jobs:THE_TWO"


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a worker is started for."""

    database_url: str
    redis_url: str
    jobs: str = THE_TWO  # where the table of its jobs is, or what makes it of this, as module:name
    processes: int = 1
    settings: Mapping[str, Any] = field(default_factory=dict)


class CeleryWorker:
    """A worker that is ready, as `flask --app wsgi cron worker` would be, with a table of jobs of the test's own."""

    def __init__(self, work: Work) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([__name__])  # so that it starts with everything imported
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_run, args=(work, theirs))
        self._process.start()
        theirs.close()
        self.pid = self._process.pid or 0
        self._groups = Groups(Redis.from_url(work.redis_url, decode_responses=True))
        wait_until(lambda: self.children() and self._is_seen(), seconds=60)

    def _is_seen(self) -> bool:
        return any(worker.name.endswith(f":{self.pid}") for worker in self._groups.workers())

    def children(self) -> list[int]:
        """The processes that do groups."""
        text = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        return [int(each) for each in text.split()]

    def signal_one(self, pid: int, number: int) -> None:
        """Send a signal to one of its processes."""
        with suppress(ProcessLookupError):
            os.kill(pid, number)

    def signal_all(self, number: int) -> None:
        """Send a signal to the worker with all its processes."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def kill(self) -> None:
        """End it as a power cut would."""
        self.signal_all(signal.SIGKILL)
        self._process.join()

    def stop(self, seconds: float = 30) -> int | None:
        """Ask it to stop, and return its exit status."""
        os.kill(self.pid, signal.SIGTERM)
        self._process.join(seconds)
        return self._process.exitcode

    def end(self) -> None:
        """End it, in whatever state it is."""
        self.kill()
        self._pipe.close()


@contextmanager
def working(work: Work) -> Iterator[CeleryWorker]:
    """A worker, until the block ends."""
    worker = CeleryWorker(work)
    try:
        yield worker
    finally:
        worker.end()


def _run(work: Work, pipe: Any) -> None:
    os.setsid()
    threading.Thread(target=_end_with_the_test, args=(pipe,), daemon=True).start()
    os.environ["REMAP_SIGTERM"] = "SIGQUIT"
    from vettr_cron.celery_engine.broker import celery_app
    from vettr_cron.celery_engine.worker import run_worker

    module, _, name = work.jobs.partition(":")
    table = getattr(import_module(module), name)
    jobs: Mapping[str, Job] = table(work) if callable(table) else table
    settings = make_settings(work.database_url, work.redis_url, cron_engine="celery", **work.settings)
    own: Services = create_app(settings, jobs).extensions[EXTENSION]
    app = celery_app(settings, jobs)
    os._exit(run_worker(app, own.database, own.redis, jobs, settings.cron_workers, work.processes))


def _end_with_the_test(pipe: Any) -> None:
    """The test run may be killed itself, and then nobody ends the worker."""
    with suppress(EOFError, OSError):
        pipe.recv()
    os.killpg(0, signal.SIGKILL)
