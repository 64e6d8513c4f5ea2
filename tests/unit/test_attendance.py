"""Which expected calls came: what a person with a calendar says, and what the code says of the same calls."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.expected_calls import (
    BURST,
    CASES,
    EVERY_6_HOURS,
    HALF_PAST_TWO_IN_BERLIN,
    LEAP_DAY,
    LONG_AGO,
    MIDNIGHT,
    MONDAYS_AND_THURSDAYS,
    SIX,
    WEEKDAYS,
    Case,
)
from vettr_cron.domain.attendance import attendance, calls_needed_from
from vettr_cron.schedule import Schedule

GRACE = timedelta(minutes=15)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.schedule[0]}: {case.name}")
def test_the_calls_that_are_missed_are_those_that_a_person_misses(case: Case) -> None:
    schedule, calls = Schedule(*case.schedule, GRACE), [at(call) for call in case.calls]
    found = attendance(schedule, calls, at(case.now), at(case.since) if case.since else None)
    assert list(found.missed) == [at(time) for time in case.missed]
    assert found.late_since == (at(case.late_since) if case.late_since else None)
    assert found.late == bool(case.late_since)


def test_while_a_call_is_running_the_job_is_not_late() -> None:
    schedule = Schedule(*EVERY_6_HOURS, GRACE)
    found = attendance(schedule, [at(MIDNIGHT)], at("2026-11-23 06:16"), at(MIDNIGHT), running=True)
    assert (found.missed, found.late) == ((at(SIX),), False)


def test_while_the_job_is_paused_nothing_is_missed() -> None:
    schedule = Schedule(*EVERY_6_HOURS, GRACE)
    found = attendance(schedule, [at(MIDNIGHT)], at("2026-11-23 06:16"), at(MIDNIGHT), paused=True)
    assert (found.missed, found.late) == ((), False)


def test_without_grace_a_call_is_missed_a_moment_later_and_is_never_early() -> None:
    schedule = Schedule(*EVERY_6_HOURS, timedelta(0))
    calls = [at(MIDNIGHT), at("2026-11-23 05:59:59")]
    assert not attendance(schedule, calls, at(SIX), at(MIDNIGHT)).late
    assert attendance(schedule, calls, at("2026-11-23 06:00:00.001"), at(MIDNIGHT)).missed == (at(SIX),)


def test_how_far_back_is_looked_can_be_said() -> None:
    schedule = Schedule(*EVERY_6_HOURS, GRACE)
    found = attendance(schedule, [at(SIX)], at("2026-11-23 11:00"), at(LONG_AGO), back=timedelta(hours=12))
    assert found.missed == (at(MIDNIGHT),)


@pytest.mark.parametrize(
    ("schedule", "now", "start"),
    [
        (EVERY_6_HOURS, "2026-11-23 12:10", "2026-11-22 11:55"),
        (MONDAYS_AND_THURSDAYS, "2026-11-25 12:00", "2026-11-23 05:45"),
        (MONDAYS_AND_THURSDAYS, "2026-11-26 06:15", "2026-11-23 05:45"),
        (MONDAYS_AND_THURSDAYS, "2026-11-26 06:15:01", "2026-11-25 06:00:01"),
        (LEAP_DAY, "2026-11-23 12:00", "2024-02-29 05:45"),
    ],
)
def test_the_calls_needed_are_those_of_a_day_or_since_the_newest_expected(
    schedule: tuple[str, str], now: str, start: str
) -> None:
    assert calls_needed_from(Schedule(*schedule, GRACE), at(now)) == at(start)


START = at("2026-10-12 00:00")
MINUTES_OF_THREE_WEEKS = st.integers(0, 21 * 24 * 60)


@given(
    schedule=st.sampled_from([EVERY_6_HOURS, BURST, MONDAYS_AND_THURSDAYS, WEEKDAYS, HALF_PAST_TWO_IN_BERLIN]),
    minutes=st.lists(MINUTES_OF_THREE_WEEKS, min_size=1, max_size=30),
    now=MINUTES_OF_THREE_WEEKS,
    grace=st.sampled_from([0, 1, 15, 60, 1_440]),
)
def test_older_calls_but_the_newest_change_nothing(
    schedule: tuple[str, str], minutes: list[int], now: int, grace: int
) -> None:
    timetable, moment = Schedule(*schedule, timedelta(minutes=grace)), START + timedelta(minutes=now)
    calls = sorted(START + timedelta(minutes=minute) for minute in minutes)
    calls = [call for call in calls if call <= moment]
    start = calls_needed_from(timetable, moment)
    newest = [call for call in calls if call < start][-1:]
    needed = [*newest, *(call for call in calls if call >= start)]
    since = calls[0] if calls else None
    assert attendance(timetable, needed, moment, since) == attendance(timetable, calls, moment, since)
