"""The state of each job: its cursor, its runs and calls, and whether these come when they are expected."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from sqlalchemy import Connection

from vettr_cron.config import Settings
from vettr_cron.database.transactions import Database
from vettr_cron.domain.attendance import CLOCK_AHEAD, Timetable, attendance, calls_needed_from, served_until
from vettr_cron.domain.engine import EngineState
from vettr_cron.domain.job_state import JobState
from vettr_cron.domain.logged_call import LoggedStatus
from vettr_cron.domain.pace import pace
from vettr_cron.domain.run import RunStatus
from vettr_cron.domain.scheduled_cycle import scheduled_cycle
from vettr_cron.jobs.job import Job
from vettr_cron.redis_store.cursors import Cursors
from vettr_cron.redis_store.leases import Leases
from vettr_cron.repositories import calls, marks, pauses, runs, samples, states, universe
from vettr_cron.services.clock import utc_now
from vettr_cron.services.monitor.engine import ReadEngine
from vettr_cron.services.monitor.liveness import TIMEOUT_SECONDS, liveness

RECENT_CALLS = 20  # that show how much a call does


@dataclass(frozen=True, slots=True)
class Status:
    """The service now, each job by its key."""

    total_stocks: int
    calls_since: datetime | None  # when the oldest call in the log began
    jobs: dict[str, JobState]
    engine: EngineState


class ReadStatus:
    """The use case behind `status`."""

    def __init__(
        self,
        database: Database,
        leases: Leases,
        cursors: Cursors,
        jobs: Mapping[str, Job],
        settings: Settings,
        engine: ReadEngine,
    ) -> None:
        self._database = database
        self._settings = settings
        self._leases = leases
        self._cursors = cursors
        self._jobs = jobs
        self._engine = engine

    def read(self) -> Status:
        """The service now. Raises ServiceUnavailable."""
        cursors = {name: self._cursors.read(name) for name in self._jobs}
        engine = self._engine.read()
        seen = liveness(self._database, self._leases, self._jobs)
        with self._database.reading(TIMEOUT_SECONDS) as connection:
            total, paused, now = universe.count(connection), pauses.every(connection), utc_now()
            database = marks.find(connection, marks.DATABASE_ID)
            calls_since = calls.first_at(connection)
            cursor_ttl = timedelta(seconds=self._settings.cron_cursor_ttl_seconds)
            by_key = {}
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
                state = _with_runs(connection, state, seen.orphaned_runs)
                timetable = self._settings.schedule_of(job.key)
                by_key[job.key] = _with_calls(connection, state, seen.orphaned_calls, timetable, cursor_ttl)
        return Status(total, calls_since, by_key, engine)


def _with_runs(connection: Connection, state: JobState, orphans: set[UUID]) -> JobState:
    """The state of a job, completed with what the run log has about it."""
    newest = partial(runs.newest, connection, 1, job_names=[state.run_name])
    along_cursor = partial(newest, outside_cycle=False)
    # What a machine with a wrong clock has left must not hide all that comes after it.
    latest = state.as_of + CLOCK_AHEAD
    last = along_cursor(until=latest, orphans=orphans)
    success = along_cursor(until=latest, status=RunStatus.COMPLETED)
    future = newest(since=latest)
    # A run that ended between these statements ran when the first of them was made.
    running = newest(status=RunStatus.RUNNING, orphans=orphans) or [
        run for run in last if run.status is RunStatus.RUNNING
    ]
    return replace(
        state,
        running=running[0] if running else None,
        last_run=last[0] if last else None,
        last_success=success[0] if success else None,
        future_run=future[0] if future else None,
    )


def _with_calls(
    connection: Connection, state: JobState, orphans: set[UUID], timetable: Timetable | None, cursor_ttl: timedelta
) -> JobState:
    """The state of a job, completed with what the call log has about it, and the schedule says."""
    latest = state.as_of + CLOCK_AHEAD
    newest = partial(calls.newest, connection, job=state.name, orphans=orphans)
    recent = newest(RECENT_CALLS, along_cursor=True, until=latest)
    completed = newest(1, along_cursor=True, until=latest, status=LoggedStatus.COMPLETED)
    by_hand = newest(1, along_cursor=False, until=latest)
    future = newest(1, since=latest)
    worked = [call for call in recent if call.status not in (LoggedStatus.SKIPPED, LoggedStatus.RUNNING)]
    last = recent[0] if recent else None
    # Of calls before the log began, the run log knows when the last one came.
    came = last.started_at if last else state.last_run.started_at if state.last_run else None
    after = served_until(timetable, came, state.as_of) if timetable else state.as_of
    state = replace(
        state,
        last_call=last,
        last_completed_call=completed[0] if completed else None,
        last_call_by_hand=by_hand[0] if by_hand else None,
        future_call=future[0] if future else None,
        future_sample=samples.newest_after(connection, state.name, latest),
        timetable=timetable,
        pace=pace(worked, state.offset, state.total_stocks, after, timetable),
        next_call=timetable.next_after(after) if timetable else None,
    )
    if not state.was_called:
        state = replace(state, has_results=states.any_refreshed(connection, state.name))
    return state if timetable is None else _by_schedule(connection, state, timetable, came, cursor_ttl)


def _by_schedule(
    connection: Connection, state: JobState, timetable: Timetable, last: datetime | None, cursor_ttl: timedelta
) -> JobState:
    now = state.as_of
    begun = calls.beginnings(connection, state.name, calls_needed_from(timetable, now), now + CLOCK_AHEAD)
    first = calls.first_at(connection, state.name) or last
    resumed = marks.resumed_at(connection, state.name, now + CLOCK_AHEAD)
    if first and resumed:
        first = max(first, resumed)
    came = attendance(
        timetable,
        [*begun, *([last] if last else [])],
        now,
        first,
        # Between two chunks of a call no run is running, but the call is.
        running=state.lease_held,
        paused=state.paused is not None,
    )
    stocks = state.pace.stocks_per_call
    cycle = scheduled_cycle(timetable, state.total_stocks, stocks, now, cursor_ttl) if stocks else None
    return replace(state, attendance=came, scheduled_cycle=cycle)
