"""When calls are expected, by the calendar: all literal times are UTC."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vettr_cron.schedule import MOST_AHEAD, NeverComes, Schedule, checked_expression, checked_timezone


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def a_schedule(expression: str, timezone: str = "UTC") -> Schedule:
    return Schedule(expression, timezone, timedelta(minutes=15))


# 2026: New York changes on 8 March and 1 November, Berlin on 29 March and 25 October.
TIMES = [
    ("0 */6 * * *", "UTC", "2026-11-23", "2026-11-24", ["23 06:00", "23 12:00", "23 18:00", "24 00:00"]),
    ("0-20/5 6 * * *", "UTC", "2026-11-23", "2026-11-24", ["23 06:00", "23 06:05", "23 06:10", "23 06:15", "23 06:20"]),
    ("0 6 * * 1,4", "UTC", "2026-11-20", "2026-11-30", ["23 06:00", "26 06:00"]),
    ("30 7 * * MON-FRI", "UTC", "2026-11-20", "2026-11-25", ["20 07:30", "23 07:30", "24 07:30"]),
    ("0 22 L * *", "UTC", "2028-02-01", "2028-03-01", ["29 22:00"]),
    ("0 22 L * *", "UTC", "2026-02-01", "2026-03-01", ["28 22:00"]),
    ("0 6 29 2 *", "UTC", "2027-01-01", "2028-12-31", ["29 06:00"]),
    ("0 0 * * *", "UTC", "2026-11-23", "2026-11-23", []),
    ("0 6 * * *", "America/New_York", "2026-03-07", "2026-03-09", ["07 11:00", "08 10:00"]),
    ("0 6 * * *", "America/New_York", "2026-10-31", "2026-11-02", ["31 10:00", "01 11:00"]),
    ("30 2 * * *", "America/New_York", "2026-03-07", "2026-03-09", ["07 07:30", "08 07:00"]),
    ("30 1 * * *", "America/New_York", "2026-10-31", "2026-11-02", ["31 05:30", "01 05:30"]),
    ("30 2 * * *", "Europe/Berlin", "2026-03-28", "2026-03-30", ["28 01:30", "29 01:00"]),
    ("30 2 * * *", "Europe/Berlin", "2026-10-24", "2026-10-26", ["24 00:30", "25 00:30"]),
    ("0-20/5 2 * * *", "Europe/Berlin", "2026-03-29", "2026-03-29 12:00", ["29 01:00"]),
    ("0 */6 * * *", "Europe/Berlin", "2026-03-29", "2026-03-30", ["29 04:00", "29 10:00", "29 16:00", "29 22:00"]),
    ("0 * * * *", "Europe/Berlin", "2026-10-25", "2026-10-25 03:00", ["25 01:00", "25 02:00", "25 03:00"]),
]


@pytest.mark.parametrize(("expression", "timezone", "start", "end", "times"), TIMES)
def test_the_expected_times_are_those_of_the_calendar(
    expression: str, timezone: str, start: str, end: str, times: list[str]
) -> None:
    found = a_schedule(expression, timezone).between(at(start), at(end))
    assert [f"{time:%d %H:%M}" for time in found] == times


def test_a_day_of_minutes_has_each_of_them() -> None:
    found = a_schedule("* * * * *").between(at("2026-11-23 12:00"), at("2026-11-24 12:00"))
    assert (len(found), found[0], found[-1]) == (1_440, at("2026-11-23 12:01"), at("2026-11-24 12:00"))


def test_the_next_time_is_after_the_moment_and_the_last_may_be_the_moment() -> None:
    schedule = a_schedule("0 */6 * * *")
    assert schedule.next_after(at("2026-11-23 05:59:59.5")) == at("2026-11-23 06:00")
    assert schedule.next_after(at("2026-11-23 06:00")) == at("2026-11-23 12:00")
    assert schedule.last_before(at("2026-11-23 06:00")) == at("2026-11-23 06:00")
    assert schedule.last_before(at("2026-11-23 05:59:59.999999")) == at("2026-11-23 00:00")


def test_after_the_second_of_two_equal_times_the_first_is_past() -> None:
    schedule = a_schedule("45 2 * * *", "Europe/Berlin")
    second_half_past_two = at("2026-10-25 01:30")
    assert schedule.last_before(second_half_past_two) == at("2026-10-25 00:45")
    assert schedule.next_after(second_half_past_two) == at("2026-10-26 01:45")
    assert schedule.nth_after(second_half_past_two, 1) == at("2026-10-26 01:45")


def test_the_nth_time_is_counted_from_the_next() -> None:
    schedule = a_schedule("0 6 * * 1,4")
    assert schedule.nth_after(at("2026-11-23 06:00"), 1) == at("2026-11-26 06:00")
    assert schedule.nth_after(at("2026-11-23 06:00"), 3) == at("2026-12-03 06:00")


def test_what_is_too_far_ahead_is_not_said() -> None:
    now = at("2026-11-23 06:00")
    assert a_schedule("* * * * *").nth_after(now, MOST_AHEAD) == now + timedelta(minutes=MOST_AHEAD)
    assert a_schedule("* * * * *").nth_after(now, MOST_AHEAD + 1) is None
    assert a_schedule("0 6 29 2 *").nth_after(now, MOST_AHEAD) is None


@given(
    expression=st.sampled_from(
        ["0 */6 * * *", "30 2 * * *", "*/7 * * * *", "0-20/5 2 * * *", "0 6 * * 1,4", "0 0 L * *"]
    ),
    timezone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"]),
    month=st.sampled_from([3, 10, 11]),
    second=st.integers(0, 30 * 24 * 60 * 60),
)
def test_looking_back_and_ahead_finds_the_same_times(expression: str, timezone: str, month: int, second: int) -> None:
    schedule, moment = a_schedule(expression, timezone), datetime(2026, month, 1) + timedelta(seconds=second)
    last, following = schedule.last_before(moment), schedule.next_after(moment)
    assert last <= moment < following
    assert schedule.between(last - timedelta(seconds=1), following) == [last, following]


@pytest.mark.parametrize(
    "text",
    [
        *("", "*", "* * * *", "* * * * * *", "@daily", "61 * * * *", "* 24 * * *", "* * 32 * *", "* * * 13 *"),
        *("* * * * 8", "*/0 * * * *", "5-1 * * * *", "a * * * *", "* * * * 1#6", "-1 * * * *", "1, * * * *"),
        *("² * * * *", f"{'9' * 5_000} * * * *", "* * ? * *", "0 0 31 2 8"),
    ],
)
def test_what_is_no_expression_is_refused(text: str) -> None:
    with pytest.raises(ValueError) as caught:
        checked_expression(text)
    assert not isinstance(caught.value, NeverComes)


@pytest.mark.parametrize("text", ["0 0 31 2 *", "0 0 30 FEB *", "0 0 31 4,6,9,11 *", "0 0 */31 * MON#2"])
def test_an_expression_whose_day_never_comes_is_told_apart(text: str) -> None:
    with pytest.raises(NeverComes):
        checked_expression(text)


@pytest.mark.parametrize("text", ["0 0 29 2 *", "0 0 * 2 MON#5", "0 0 L * *", "0 0 31 2 1", "0 0 lw jan-mar *"])
def test_an_expression_that_rarely_comes_is_taken(text: str) -> None:
    assert checked_expression(f" {text}\n") == text


@pytest.mark.parametrize(
    "name", ["", "America", "Mars/Base", "../UTC", "/etc/localtime", "\udcff", "x" * 5_000, "CEST"]
)
def test_an_unknown_zone_is_refused(name: str) -> None:
    with pytest.raises(ValueError):
        checked_timezone(name)


@pytest.mark.parametrize("name", ["UTC", "Europe/Berlin", "America/New_York"])
def test_a_known_zone_is_taken(name: str) -> None:
    assert checked_timezone(name) == name
