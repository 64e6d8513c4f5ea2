"""Calls and runs at the times of a schedule, and what status makes of them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from vettr_cron.domain.attendance import attendance
from vettr_cron.domain.job_state import JobState
from vettr_cron.domain.logged_call import Caller, LoggedCall, LoggedStatus
from vettr_cron.domain.pace import pace
from vettr_cron.domain.run import Run, RunStatus
from vettr_cron.domain.scheduled_cycle import scheduled_cycle
from vettr_cron.schedule import Schedule

NOON = datetime(2026, 11, 23, 12)  # a Monday
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
STOCKS = 1_300


def a_run(began: datetime, **values: object) -> Run:
    known = {
        "id": UUID(int=0),
        "job_name": "refresh-scores",
        "status": RunStatus.COMPLETED,
        "chunk_offset": 0,
        "chunk_size": 100,
        "total_stocks": STOCKS,
        "started_at": began,
        "completed_at": began + timedelta(seconds=1),
    }
    return Run(**known | values)  # type: ignore[arg-type]  # all of them are there


def a_call(began: datetime, stocks: int = 100, seconds: float = 1, **values: object) -> LoggedCall:
    known = {
        "id": UUID(int=0),
        "job": "scores",
        "along_cursor": True,
        "caller": Caller.HTTP,
        "started_at": began,
        "ended_at": began + timedelta(seconds=seconds),
        "status": LoggedStatus.COMPLETED,
        "stocks_processed": stocks,
    }
    return LoggedCall(**known | values)  # type: ignore[arg-type]  # all of them are there


def calls_every(interval: timedelta, count: int, until: datetime, stocks: int = 100) -> list[LoggedCall]:
    """So many calls, the newest first, at `until`."""
    return [a_call(until - number * interval, stocks) for number in range(count)]


def on(expression: str) -> Schedule:
    return Schedule(expression, "UTC", 15 * MINUTE)


def state_after(
    calls: Sequence[LoggedCall],
    now: datetime,
    schedule: Schedule | None = None,
    *,
    cursor_ttl: timedelta = DAY,
    **values: object,
) -> JobState:
    """The job's state after these calls, newest first."""
    state = JobState(name="scores", run_name="refresh-scores", as_of=now, total_stocks=STOCKS)
    state = replace(state, last_call=calls[0] if calls else None, timetable=schedule, has_results=bool(calls))
    state = replace(state, **values)  # type: ignore[arg-type]  # all of them are fields
    rate = pace(calls, state.offset, state.total_stocks, now, schedule)
    if schedule is None:
        return replace(state, pace=rate)
    began = [call.started_at for call in calls]
    busy, paused = state.running is not None, state.paused is not None
    stocks = rate.stocks_per_call
    return replace(
        state,
        pace=rate,
        next_call=schedule.next_after(now),
        attendance=attendance(schedule, began, now, min(began, default=None), running=busy, paused=paused),
        scheduled_cycle=scheduled_cycle(schedule, state.total_stocks, stocks, now, cursor_ttl) if stocks else None,
    )
