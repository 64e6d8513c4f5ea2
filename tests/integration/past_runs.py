"""Runs as earlier calls have left them."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from tests.world import World
from vettr_cron.services.clock import utc_now


def add_running_run(world: World, job: str, **values: Any) -> UUID:
    """A run of this job that began a minute ago and of which nothing more is known."""
    run_id: UUID = values.get("id", uuid4())
    row = {"id": run_id, "job_name": job, "status": "running", "started_at": utc_now() - timedelta(minutes=1)}
    world.add("cron_job_runs", row | values)
    return run_id


def add_call(world: World, **values: Any) -> UUID:
    """A call that is still `running`, unless the values say otherwise."""
    call_id = uuid4()
    row = {
        "id": call_id,
        "job": "scores",
        "along_cursor": True,
        "caller": "http",
        "started_at": utc_now() - timedelta(minutes=1),
        "status": "running",
        "is_complete": False,
        **dict.fromkeys(("chunks_run", "stocks_processed", "succeeded", "failed"), 0),
    }
    world.add("cron_calls", row | values)
    return call_id


def add_calls(
    world: World, calls: int, every: timedelta, ago: timedelta = timedelta(), stocks: int = 100, **values: Any
) -> None:
    """Completed calls of so many stocks along the scores' cursor; the last one began so long ago."""
    began = utc_now() - ago
    known = {
        "job": "scores",
        "along_cursor": True,
        "caller": "http",
        "status": "completed",
        "is_complete": False,
        "chunks_run": 1,
        "stocks_processed": stocks,
        "succeeded": stocks,
        "failed": 0,
    }
    moments = [began - number * every for number in range(calls)]
    rows = [{"id": uuid4(), "started_at": each, "ended_at": each + timedelta(seconds=1)} for each in moments]
    world.add("cron_calls", *(known | row | values for row in rows))
