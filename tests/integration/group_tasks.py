"""A task for a group of stocks, of a run that has begun."""

from dataclasses import replace
from typing import Any
from uuid import uuid4

from tests.jobs import THE_TWO
from tests.world import World
from vettr_cron.domain.run import Run, RunStatus
from vettr_cron.repositories import runs
from vettr_cron.repositories.universe import Between
from vettr_cron.services.clock import utc_now
from vettr_cron.services.refresh.group import GroupTask


def task_of(world: World, job: str, **values: Any) -> GroupTask:
    """A task for the stocks from the eleventh to the twentieth, of a run that has begun."""
    run = Run(
        id=uuid4(),
        job_name=THE_TWO[job].run_name,
        status=RunStatus.RUNNING,
        chunk_offset=10,
        chunk_size=10,
        total_stocks=30,
        started_at=utc_now(),
    )
    with world.write() as connection:
        runs.start(connection, run)
    selection = Between("T00009", "T00019")
    task = GroupTask(job=job, run=run, cycle_id=uuid4(), selection=selection, batch_size=4, seconds_left=None)
    return replace(task, **values)
