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


def add_calls(world: World, calls: int, runs_a_call: int, every: timedelta, ago: timedelta = timedelta()) -> None:
    """Calls of so many runs of 100 stocks, a second one after the other; the last call began so long ago."""
    began = utc_now() - ago
    moments = [
        began - call * every + number * timedelta(seconds=1) for call in range(calls) for number in range(runs_a_call)
    ]
    rows = [
        {
            "id": uuid4(),
            "job_name": "refresh-scores",
            "status": "completed",
            "chunk_offset": 0,
            "stocks_processed": 100,
            "started_at": moment,
            "completed_at": moment + timedelta(seconds=0.9),
        }
        for moment in moments
    ]
    world.add("cron_job_runs", *rows)
