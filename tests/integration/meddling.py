"""Ways for a test to meddle with a run while it is under way, at a place of the test's choice."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any, TypeVar

import psycopg
from psycopg.sql import SQL, Identifier

from tests.world import World
from vettr_cron.domain.attempt import Attempt
from vettr_cron.domain.run import JobResult
from vettr_cron.jobs.job import Item, Job
from vettr_cron.services.refresh.request import Request

Answer = TypeVar("Answer")


def wait_until(condition: Callable[[], Any], seconds: float = 20) -> None:
    """Return as soon as the condition holds."""
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "waited in vain"
        time.sleep(0.01)


def under_way(call: Callable[[], Answer]) -> "Future[Answer]":
    """The call's answer to be, from a thread of its own."""
    executor = ThreadPoolExecutor(1)
    try:
        return executor.submit(call)
    finally:
        executor.shutdown(wait=False)


def refresh(
    world: World, job: Job, *, chunk_size: int = 100, chunks: int | None = 1, time_budget: float | None = None
) -> JobResult:
    """One call of a job that need not be one of the service's own."""
    return world.services.refresh.run(job, Request(chunk_size=chunk_size, chunks=chunks, time_budget=time_budget))


def at_stock(job: Job, number: int, meddle: Callable[[], object]) -> Job:
    """The job, with something happening once, while its stock of that number is evaluated; the first is 1."""
    lock, counted = threading.Lock(), [0]

    def evaluate(item: Item, attempt: Attempt) -> Any:
        with lock:
            counted[0] += 1
            due = counted[0] == number
        if due:
            meddle()
        return job.evaluate(item, attempt)

    return replace(job, evaluate=evaluate)


@contextmanager
def waited_for_table(world: World, table: str) -> Iterator[Callable[[], bool]]:
    """Tells whether somebody waits for a PostgreSQL table."""
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = %s::regclass"
    with closing(psycopg.connect(world.database_url, autocommit=True)) as seer:

        def waited_for() -> bool:
            row = seer.execute(waiting, [table]).fetchone()
            return bool(row and row[0])

        yield waited_for


@contextmanager
def locked_table(world: World, table: str) -> Iterator[Callable[[], bool]]:
    """Hold a PostgreSQL table, so that whoever writes to it waits; tells whether somebody does."""
    with closing(psycopg.connect(world.database_url)) as holder, waited_for_table(world, table) as waited_for:
        holder.execute(SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(Identifier(table)))
        yield waited_for
