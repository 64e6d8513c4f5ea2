"""A month in which the service was called every two hours, so that every view has something to show."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from random import Random
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from tests.world import World

EVERY = timedelta(hours=2)
DAYS = 30
LEFT_OUT = range(100, 104)  # calls, counted back from now, that did not come
FAILED = {47, 212}


def write_past(world: World, newest: datetime) -> None:
    """Calls and samples of a month before the newest call, which is the test's own, and snapshots of each stock."""
    total = len(world.tickers())
    for job, seconds in (("scores", 2.4), ("red-flags", 1.6)):
        world.add("cron_calls", *_calls(job, newest, total, seconds))
        world.add("cron_samples", *_samples(world, job, newest, total))
    world.add("vetr_score_snapshots", *_snapshots(world, newest))


def schedule_of(newest: datetime) -> str:
    """The schedule by which this is an expected time."""
    return f"{newest.minute} {newest.hour % 2}-23/2 * * *"


def _times(newest: datetime) -> Iterator[tuple[int, datetime]]:
    """The times of all calls that came, counted back."""
    for number in range(1, DAYS * 12):
        if number not in LEFT_OUT:
            yield number, newest - number * EVERY


def _calls(job: str, newest: datetime, total: int, seconds: float) -> Iterator[dict[str, Any]]:
    chance = Random(job)
    for number, at in _times(newest):
        is_failed = number in FAILED
        done = 0 if is_failed else total
        began = at + timedelta(seconds=chance.uniform(0, 3))
        failed = min(done, chance.choice([0, 0, 0, 1, 4]))
        yield {
            "id": uuid5(NAMESPACE_URL, f"{job} {number}"),
            "job": job,
            "along_cursor": True,
            "caller": "http",
            "started_at": began,
            "ended_at": began + timedelta(seconds=seconds * chance.uniform(0.9, 1.2)),
            "status": "failed" if is_failed else "completed",
            "stop_reason": "error" if is_failed else "cycle_complete",
            "is_complete": not is_failed,
            "chunks_run": done // 100 + 1,
            "stocks_processed": done,
            "succeeded": done - failed,
            "failed": failed,
            "error": "the database is not available" if is_failed else None,
        }


def _samples(world: World, job: str, newest: datetime, total: int) -> Iterator[dict[str, Any]]:
    (kinds,) = [row["distribution"] for row in world.table("cron_samples") if row["job"] == job][-1:]
    for number, at in _times(newest):
        stale = total // 3 if LEFT_OUT.start - 2 <= number < LEFT_OUT.start else 0
        yield {
            "job": job,
            "taken_at": at + timedelta(seconds=5),
            "total": total,
            "fresh": total - stale,
            "stale": stale,
            "never": 0,
            "failing": number % 5 // 4,
            "oldest": at - (timedelta(hours=30) if stale else EVERY),
            "distribution": _shifted(kinds, number // 40),
        }


def _shifted(kinds: dict[str, int] | None, by: int) -> dict[str, int]:
    """A little of each kind in the one before it."""
    words = list(kinds or {})
    shifted = dict(kinds or {})
    for lower, higher in pairwise(words):
        moved = min(by, shifted[higher])
        shifted[higher], shifted[lower] = shifted[higher] - moved, shifted[lower] + moved
    return shifted


def _snapshots(world: World, newest: datetime) -> Iterator[dict[str, Any]]:
    today = newest.replace(hour=0)
    for row in world.table("vetr_score_snapshots"):
        for day in range(1, DAYS):
            wave = (hash_of(row["stock_ticker"]) + day * day) % 7 - 3
            yield {
                **row,
                "id": uuid5(NAMESPACE_URL, f"{row['stock_ticker']} {day}"),
                "overall_score": min(max(row["overall_score"] + wave, 0), 100),
                "recorded_at": today - timedelta(days=day),
            }


def hash_of(text: str) -> int:
    """The same in every process, as Python's own is not."""
    return sum(map(ord, text))
