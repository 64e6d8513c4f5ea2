"""Which runs are one call, and when the next call is late: whatever rhythm the schedule has, and after an outage."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta

import pytest

from tests.unit.runs import HOUR, MINUTE, NOON, a_run, calls_every
from vettr_cron.domain.calls import LEEWAY, PastCall, calls_of, due, say_enough

DAY = timedelta(days=1)
MONDAY = datetime(2026, 11, 16)
WORKING_DAYS, EVERY_DAY = range(5), range(7)
OFFICE_HOURS = range(9, 18)
NIGHT = (*range(6), 22, 23)


def schedule(
    until: datetime,
    since: datetime,
    *,
    days: Collection[int] = EVERY_DAY,
    hours: Collection[int] = range(24),
    minutes: Collection[int] = (0,),
    east: int = 0,
) -> list[PastCall]:
    """The calls of a cron line, whose clock is so many hours east of Greenwich."""

    def moments() -> Iterator[datetime]:
        moment = since
        while moment <= until:
            local = moment + east * HOUR
            if local.weekday() in days and local.hour in hours and local.minute in minutes:
                yield moment
            moment += 10 * MINUTE

    return [PastCall(moment, moment, 100) for moment in moments()]


def late(calls: list[PastCall], now: datetime) -> bool:
    return now > due([call for call in calls if call.began <= now])


def test_the_chunks_of_one_call_are_one_call() -> None:
    chunks = [a_run(NOON + number * timedelta(seconds=1.1)) for number in range(5)]
    later = a_run(NOON + HOUR)
    calls = calls_of([later, *reversed(chunks)])
    assert [(call.began, call.stocks) for call in calls] == [(NOON, 500), (NOON + HOUR, 100)]
    assert calls[0].ended == chunks[-1].completed_at


def test_a_run_without_an_end_lasts_until_its_last_sign_of_life() -> None:
    (call,) = calls_of([a_run(NOON, completed_at=None, duration_ms=3_000), a_run(NOON + timedelta(seconds=4))])
    assert call.stocks == 200


def test_work_outside_the_cycle_is_not_a_call() -> None:
    assert calls_of([a_run(NOON, chunk_offset=None)]) == []


@pytest.mark.parametrize(("every", "silent"), [(HOUR, 9 * HOUR), (10 * MINUTE, HOUR), (DAY, 3 * DAY)])
def test_calls_around_the_clock_that_cease_are_late(every: timedelta, silent: timedelta) -> None:
    calls = calls_of(calls_every(every, 50, NOON))
    assert (late(calls, NOON + 2 * every), late(calls, NOON + silent)) == (False, True)


def test_an_outage_excuses_no_other_until_it_has_come_twice() -> None:
    before = schedule(MONDAY + 10 * HOUR, MONDAY)
    after = schedule(MONDAY + 2 * DAY, MONDAY + 19 * HOUR)
    calls = [*before, *after]
    assert late(calls, MONDAY + 2 * DAY + 3 * HOUR)
    again = schedule(MONDAY + 3 * DAY, MONDAY + 2 * DAY + 9 * HOUR)
    assert not late([*calls, *again], MONDAY + 3 * DAY + 9 * HOUR)
    assert late([*calls, *again], MONDAY + 3 * DAY + 10 * HOUR)


def test_no_gap_excuses_a_silence_of_more_than_three_days() -> None:
    bursts = [schedule(start + 9 * HOUR, start) for start in (MONDAY, MONDAY + 6 * DAY, MONDAY + 12 * DAY)]
    calls = [call for burst in bursts for call in burst]
    last = calls[-1].began
    assert due(calls) == last + 3 * DAY + LEEWAY


@pytest.mark.parametrize("weeks", [1, 4])  # what a log of seven days has, and what a longer one has
@pytest.mark.parametrize(
    ("hours", "east"),
    [
        (OFFICE_HOURS, 0),
        (OFFICE_HOURS, -8),  # a clock in Vancouver
        (OFFICE_HOURS, 11),  # a clock in Sydney
        (range(24), 0),
        (range(24), -8),
        ((20,), 0),
    ],
)
def test_calls_on_working_days_are_late_on_no_weekend(weeks: int, hours: Sequence[int], east: int) -> None:
    monday = MONDAY + 7 * DAY - east * HOUR
    calls = schedule(monday, monday - 7 * weeks * DAY, days=WORKING_DAYS, hours=hours, east=east)
    calls = [call for call in calls if call.began < monday]
    moments = [monday - 2 * DAY + half * HOUR / 2 for half in range(2 * (48 + hours[0]))]
    assert [str(moment) for moment in moments if late(calls, moment)] == []
    assert late(calls, monday + (25 if len(hours) == 1 else 2) * HOUR + hours[0] * HOUR)


def test_one_working_week_shows_a_weekend() -> None:
    moments = [MONDAY + day * DAY + 6 * HOUR + timedelta(seconds=after) for day, after in enumerate((3, 1, 2, 0, 1))]
    assert not late([PastCall(moment, moment, 100) for moment in moments], MONDAY + 7 * DAY - HOUR)


@pytest.mark.parametrize("weeks", [1, 4])
def test_calls_in_office_hours_are_late_on_a_working_day_without_any(weeks: int) -> None:
    for day in range(1, 5):
        morning = MONDAY + day * DAY
        calls = schedule(morning, morning - 7 * weeks * DAY, days=WORKING_DAYS, hours=OFFICE_HOURS)
        assert not late(calls, morning + 8 * HOUR + 30 * MINUTE)
        assert late(calls, morning + 9 * HOUR + 6 * MINUTE), day


def test_calls_that_came_on_weekends_have_no_weekend_off() -> None:
    saturday = MONDAY + 5 * DAY
    calls = schedule(saturday, saturday - 8 * DAY)
    assert late(calls, saturday + 3 * HOUR)


def test_a_short_record_tells_of_no_weekend() -> None:
    friday = MONDAY + 4 * DAY
    calls = schedule(friday + 20 * HOUR, friday, minutes=range(0, 60, 10))
    assert late(calls, friday + 21 * HOUR)


@pytest.mark.parametrize("minutes", [(0,), range(0, 60, 10)])
def test_calls_by_night_are_late_on_no_day_and_after_a_night_without_any(minutes: Collection[int]) -> None:
    morning = MONDAY + 6 * HOUR
    calls = schedule(morning, morning - 4 * DAY, hours=NIGHT, minutes=minutes)
    assert not any(late(calls, morning + hour * HOUR) for hour in range(16))
    assert late(calls, morning + 17 * HOUR)
    assert late(calls, morning + DAY)


@pytest.mark.parametrize("count", [1, 2])
def test_after_one_or_two_calls_the_next_is_late_once_stocks_are_stale(count: int) -> None:
    calls = calls_of(calls_every(DAY, count, NOON))
    assert (late(calls, NOON + 25 * HOUR), late(calls, NOON + 26 * HOUR)) == (False, True)


def test_older_calls_do_not_change_the_verdict() -> None:
    calls = calls_of(calls_every(HOUR, 10, NOON))
    assert say_enough(calls, NOON + HOUR)
    assert not say_enough(calls[-5:], NOON + HOUR)
    assert not say_enough(calls, NOON + 9 * HOUR)
    assert say_enough(calls_of(calls_every(HOUR, 200, NOON)), NOON + 9 * HOUR)
