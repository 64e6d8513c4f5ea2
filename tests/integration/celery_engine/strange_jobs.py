"""Jobs that workers have in place of the service's own, and what a test tells them through Redis."""

import os
import signal
import time
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from redis import Redis

from tests.integration.meddling import wait_until
from tests.jobs import THE_TWO
from tests.servers.celery_worker import Work
from vettr_cron.celery_engine.worker import GroupWorker
from vettr_cron.domain.attempt import Attempt
from vettr_cron.jobs.job import Item, Job

HOLD, BEGUN, MOMENT = "test:hold", "test:begun", "test:moment"
EVERYTHING = "*"
HELD, NOTED = f"{__name__}:held", f"{__name__}:noted"
SLOW = f"{__name__}:slow"
DEADLY = f"{__name__}:deadly"
DYING = f"{__name__}:dying"
DEADLY_STOCK = "T00017"


def held(work: Work) -> Mapping[str, Job]:
    """The scores job, which notes each stock that it begins, and waits while the test holds it, or every stock."""
    redis = Redis.from_url(work.redis_url, decode_responses=True)

    def evaluate(item: Item, attempt: Attempt) -> Any:
        redis.rpush(BEGUN, item.ticker)
        while redis.get(HOLD) in (EVERYTHING, item.ticker):
            time.sleep(0.01)
        return THE_TWO["scores"].evaluate(item, attempt)

    return {"scores": replace(THE_TWO["scores"], evaluate=evaluate)}


def slow(work: Work) -> Mapping[str, Job]:
    """The scores job, which notes each stock that it begins, waits while it is held, and then takes its time."""
    redis = Redis.from_url(work.redis_url, decode_responses=True)

    def evaluate(item: Item, attempt: Attempt) -> Any:
        redis.rpush(BEGUN, item.ticker)
        while redis.exists(HOLD):
            time.sleep(0.01)
        time.sleep(0.08)
        return THE_TWO["scores"].evaluate(item, attempt)

    return {"scores": replace(THE_TWO["scores"], evaluate=evaluate)}


def noted(work: Work) -> Mapping[str, Job]:
    """The two jobs, which note each stock that they evaluate."""
    redis = Redis.from_url(work.redis_url, decode_responses=True)

    def noting(job: Job) -> Job:
        def evaluate(item: Item, attempt: Attempt) -> Any:
            redis.rpush(BEGUN, item.ticker)
            return job.evaluate(item, attempt)

        return replace(job, evaluate=evaluate)

    return {name: noting(job) for name, job in THE_TWO.items()}


def deadly(_work: Work) -> Mapping[str, Job]:
    """The scores job, whose process dies of one of the stocks, as one does that takes all memory."""

    def evaluate(item: Item, attempt: Attempt) -> Any:
        if item.ticker == DEADLY_STOCK:
            os.kill(os.getpid(), signal.SIGKILL)
        return THE_TWO["scores"].evaluate(item, attempt)

    return {"scores": replace(THE_TWO["scores"], evaluate=evaluate)}


def dying(work: Work) -> Mapping[str, Job]:
    """The scores job, whose process dies once, at the moment of a group that the test has named."""
    redis = Redis.from_url(work.redis_url, decode_responses=True)
    leave = GroupWorker._leave

    def reached(moment: str) -> None:
        if redis.get(MOMENT) == moment and redis.delete(MOMENT):
            os.kill(os.getpid(), signal.SIGKILL)

    def save(*given: Any) -> Any:
        reached("before the results are written")
        lost = THE_TWO["scores"].save(*given)
        reached("before the commit")
        return lost

    def leave_outcome(*given: Any) -> None:
        reached("before the outcome")
        leave(*given)
        reached("after the outcome")

    GroupWorker._leave = leave_outcome  # type: ignore[method-assign, assignment]  # in the worker's process alone
    return {"scores": replace(THE_TWO["scores"], save=save)}


@contextmanager
def holding(redis: "Redis", ticker: str = EVERYTHING) -> Any:
    """Hold every stock that workers begin, or this one, until the block ends."""
    redis.set(HOLD, ticker)
    try:
        yield
    finally:
        redis.delete(HOLD)


def wait_for_the_first(redis: "Redis", stocks: int = 1) -> None:
    """Wait until so many stocks are begun."""
    wait_until(lambda: redis.llen(BEGUN) >= stocks, seconds=60)
