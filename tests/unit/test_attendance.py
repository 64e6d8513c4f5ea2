"""Which expected calls came: what a person with a calendar says, and what the code says of the same calls."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.expected_calls import TABLES
from tests.unit.expected_calls.changes_of_the_clock import HALF_PAST_TWO_IN_BERLIN_IN_AUTUMN
from tests.unit.expected_calls.regular import BURST, EVERY_6_HOURS, LEAP_DAY, TWICE_A_WEEK, WEEKDAYS
from tests.unit.expected_calls.table import BY_HAND, CLEANUP, PAUSE, RESUME, SITUATIONS, Case, Event, Table
from vettr_cron.domain.attendance import Attendance, attendance, calls_needed_from
from vettr_cron.schedule import Schedule

GRACE = timedelta(minutes=15)
MIDNIGHT, SIX = datetime(2026, 11, 23), datetime(2026, 11, 23, 6)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def every_6_hours(grace: timedelta = GRACE) -> Schedule:
    return Schedule(*EVERY_6_HOURS.schedule, grace)


def of_these(schedule: Schedule, events: Sequence[Event], now: datetime) -> Attendance:
    """What the code says of what happened."""
    calls: list[datetime] = []
    paused, resumed = False, None
    for event in events:
        if event.kind == CLEANUP:
            calls = [call for call in calls if call >= event.at] or calls[-1:]
        elif event.kind in (PAUSE, RESUME):
            paused, resumed = (True, resumed) if event.kind == PAUSE else (False, event.at)
        elif event.kind != BY_HAND:
            calls.append(event.at)
    since = max(calls[0], resumed or calls[0]) if calls else None
    return attendance(schedule, calls, now, since, paused=paused)


@pytest.mark.parametrize(
    ("table", "case"),
    [pytest.param(table, case, id=f"{table.name}: {case.name}") for table in TABLES for case in table.cases],
)
def test_the_calls_that_are_missed_are_those_that_a_person_misses(table: Table, case: Case) -> None:
    found = of_these(Schedule(*table.schedule, GRACE), case.events, case.now)
    assert (list(found.missed), found.late_since) == (case.missed, case.late_since)
    assert found.late == (case.late_since is not None)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_each_schedule_is_seen_in_each_situation(table: Table) -> None:
    assert {case.situation for case in table.cases} >= set(SITUATIONS)
    assert len({case.name for case in table.cases}) == len(table.cases)


def test_the_order_of_the_calls_does_not_matter() -> None:
    calls = [SIX, at("2026-11-22 18:00")]
    assert attendance(every_6_hours(), calls, at("2026-11-23 11:00"), calls[1]) == Attendance((MIDNIGHT,))


def test_while_a_call_is_running_the_job_is_not_late() -> None:
    found = attendance(every_6_hours(), [MIDNIGHT], at("2026-11-23 06:16"), MIDNIGHT, running=True)
    assert (found.missed, found.late) == ((SIX,), False)


def test_all_calls_of_a_job_may_be_gone() -> None:
    found = attendance(every_6_hours(), [], at("2026-11-23 06:16"), at("2026-11-23 00:00:03"))
    assert (found.missed, found.late_since) == ((SIX,), SIX)


def test_a_call_by_a_clock_that_is_a_minute_ahead_counts() -> None:
    calls = [MIDNIGHT, at("2026-11-23 06:17")]
    assert not attendance(every_6_hours(), calls, at("2026-11-23 06:16"), MIDNIGHT).late
    assert attendance(every_6_hours(), calls, at("2026-11-23 06:15:59.999"), MIDNIGHT).late


def test_without_grace_a_call_is_missed_a_moment_later_and_is_never_early() -> None:
    schedule, calls = every_6_hours(timedelta(0)), [MIDNIGHT, at("2026-11-23 05:59:59")]
    assert not attendance(schedule, calls, SIX, MIDNIGHT).late
    assert attendance(schedule, calls, at("2026-11-23 06:00:00.001"), MIDNIGHT).missed == (SIX,)


@pytest.mark.parametrize(
    ("table", "now", "start"),
    [
        (EVERY_6_HOURS, "2026-11-23 12:10", "2026-11-22 11:55"),
        (TWICE_A_WEEK, "2026-11-25 12:00", "2026-11-23 05:45"),
        (TWICE_A_WEEK, "2026-11-26 06:15", "2026-11-23 05:45"),
        (TWICE_A_WEEK, "2026-11-26 06:15:01", "2026-11-25 06:00:01"),
        (LEAP_DAY, "2026-11-23 12:00", "2024-02-29 05:45"),
    ],
)
def test_the_calls_needed_are_those_of_a_day_or_since_the_newest_expected(table: Table, now: str, start: str) -> None:
    assert calls_needed_from(Schedule(*table.schedule, GRACE), at(now)) == at(start)


START = at("2026-10-12 00:00")
MINUTES_OF_THREE_WEEKS = st.integers(0, 21 * 24 * 60)


@given(
    table=st.sampled_from([EVERY_6_HOURS, BURST, TWICE_A_WEEK, WEEKDAYS, HALF_PAST_TWO_IN_BERLIN_IN_AUTUMN]),
    minutes=st.lists(MINUTES_OF_THREE_WEEKS, min_size=1, max_size=30),
    now=MINUTES_OF_THREE_WEEKS,
    grace=st.sampled_from([0, 1, 15, 60, 1_440]),
)
def test_older_calls_but_the_newest_change_nothing(table: Table, minutes: list[int], now: int, grace: int) -> None:
    timetable, moment = Schedule(*table.schedule, timedelta(minutes=grace)), START + timedelta(minutes=now)
    calls = sorted(START + timedelta(minutes=minute) for minute in minutes)
    calls = [call for call in calls if call <= moment]
    start = calls_needed_from(timetable, moment)
    newest = [call for call in calls if call < start][-1:]
    needed = [*newest, *(call for call in calls if call >= start)]
    since = calls[0] if calls else None
    assert attendance(timetable, needed, moment, since) == attendance(timetable, calls, moment, since)
