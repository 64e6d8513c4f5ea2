"""The state of each job: its cursor, current run, last run and last success."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from sqlalchemy import Connection

from vettr_cron.database.transactions import Database
from vettr_cron.domain.calls import PastCall, calls_of, say_enough
from vettr_cron.domain.job_state import JobState
from vettr_cron.domain.pace import pace
from vettr_cron.domain.run import RunStatus
from vettr_cron.jobs.job import Job
from vettr_cron.redis_store.cursors import Cursors
from vettr_cron.redis_store.leases import Leases
from vettr_cron.repositories import marks, pauses, runs, universe
from vettr_cron.services.clock import utc_now
from vettr_cron.services.monitor.liveness import TIMEOUT_SECONDS, liveness

RUNS_READ = (200, 1_000, 5_000)  # more of them only if fewer do not show how often calls come
CLOCK_LEEWAY = timedelta(minutes=1)  # runs of a machine whose clock is ahead by no more than this count


@dataclass(frozen=True, slots=True)
class Status:
    """The service now, each job by its key."""

    total_stocks: int
    jobs: dict[str, JobState]


class ReadStatus:
    """The use case behind `status`."""

    def __init__(self, database: Database, leases: Leases, cursors: Cursors, jobs: Mapping[str, Job]) -> None:
        self._database = database
        self._leases = leases
        self._cursors = cursors
        self._jobs = jobs

    def read(self) -> Status:
        """The service now. Raises ServiceUnavailable."""
        cursors = {name: self._cursors.read(name) for name in self._jobs}
        seen = liveness(self._database, self._leases, self._jobs)
        with self._database.reading(TIMEOUT_SECONDS) as connection:
            total, paused, now = universe.count(connection), pauses.every(connection), utc_now()
            database = marks.find(connection, marks.DATABASE_ID)
            states = {}
            for name, job in self._jobs.items():
                keys = cursors[name]
                state = JobState(
                    name=name,
                    run_name=job.run_name,
                    as_of=now,
                    total_stocks=total,
                    offset=keys.rank or 0,
                    cycle_id=keys.cursor.cycle_id if keys.cursor else None,
                    is_foreign=keys.is_of_another(database),
                    held=seen.holders.get(name),
                    paused=paused.get(name),
                )
                states[job.key] = _with_runs(connection, state, seen.orphaned_runs)
        return Status(total, states)


def _with_runs(connection: Connection, state: JobState, orphans: set[UUID]) -> JobState:
    """The state of a job, completed with what the run log has about it."""
    newest = partial(runs.newest, connection, 1, job_names=[state.run_name])
    # What a machine with a wrong clock has left must not hide all that comes after it.
    latest = state.as_of + CLOCK_LEEWAY
    last = newest(until=latest, orphans=orphans)
    success = newest(until=latest, status=RunStatus.COMPLETED)
    future = newest(after=latest)
    # A run that ended between these statements ran when the first of them was made.
    running = newest(status=RunStatus.RUNNING, orphans=orphans) or [
        run for run in last if run.status is RunStatus.RUNNING
    ]
    calls = _recent_calls(connection, state.run_name, state.as_of, latest)
    # Between two chunks of a call no run is running, but the call is.
    call_expected = not (state.lease_held or state.paused)
    return replace(
        state,
        running=running[0] if running else None,
        last_run=last[0] if last else None,
        last_success=success[0] if success else None,
        future_run=future[0] if future else None,
        pace=pace(calls, state.offset, state.total_stocks, state.as_of, call_expected=call_expected),
    )


def _recent_calls(connection: Connection, job_name: str, now: datetime, latest: datetime) -> list[PastCall]:
    """The newest calls, oldest first: enough of them to tell how they come, if that many runs are in the log."""
    for limit in RUNS_READ:
        recent = runs.newest_in_brief(connection, limit, job_name, latest)
        calls = calls_of(recent)
        if len(recent) < limit:
            return calls
        calls = calls[1:] or calls  # the oldest call may have earlier runs
        if say_enough(calls, now):
            return calls
    return calls
