"""Samples in the database, and how tests add some."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from tests.world import World
from vettr_cron.services.clock import utc_now

QUARTER = timedelta(minutes=15)


def samples(world: World, job: str = "scores") -> Sequence[Any]:
    """The job's samples, oldest first."""
    found = [row for row in world.table("cron_samples") if row["job"] == job]
    return sorted(found, key=lambda row: row["taken_at"])


def add_sample(world: World, at: datetime, job: str = "scores", **values: Any) -> None:
    """A sample of ten stocks whose results are as new as it."""
    row = {"job": job, "taken_at": at, "total": 10, "fresh": 10, "stale": 0, "never": 0, "failing": 0, "oldest": at}
    world.add("cron_samples", row | values)


def make_older(world: World, by: timedelta, job: str = "scores") -> None:
    """Move the job's samples into the past."""
    rows = samples(world, job)
    world.execute("DELETE FROM cron_samples WHERE job = :job", job=job)
    world.add("cron_samples", *({**row, "taken_at": row["taken_at"] - by} for row in rows))


def ago(**units: float) -> datetime:
    return utc_now() - timedelta(**units)
