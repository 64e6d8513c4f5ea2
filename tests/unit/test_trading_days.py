"""Weekdays as trading days."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vettr_cron.datasets.trading_days import last_trading_day, trading_day_number, trading_days

FRIDAY = date(2026, 11, 20)
days = st.dates(date(1900, 1, 1), date(2200, 1, 1))


@pytest.mark.parametrize("later", [1, 2, 3])
def test_on_a_weekend_and_a_monday_the_last_trading_day_is_the_friday(later: int) -> None:
    assert last_trading_day(FRIDAY + timedelta(days=later)) == FRIDAY


def test_on_other_days_it_is_the_day_before() -> None:
    assert last_trading_day(FRIDAY) == FRIDAY - timedelta(days=1)
    assert last_trading_day(FRIDAY + timedelta(days=4)) == FRIDAY + timedelta(days=3)


@given(days)
def test_it_is_a_weekday_before_today_and_none_lies_between(today: date) -> None:
    last = last_trading_day(today)
    assert last < today
    assert last.weekday() < 5
    between = (last + timedelta(days=days) for days in range(1, (today - last).days))
    assert all(day.weekday() >= 5 for day in between)


@given(days, st.integers(1, 60))
def test_trading_days_are_consecutive_weekdays_up_to_the_last(today: date, count: int) -> None:
    found = trading_days(last_trading_day(today), count)
    assert len(found) == count
    assert found[-1] == last_trading_day(today)
    assert all(day.weekday() < 5 for day in found)
    numbers = [trading_day_number(day) for day in found]
    assert numbers == list(range(numbers[0], numbers[0] + count))
