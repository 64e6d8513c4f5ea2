"""Time in buckets whose edges stay where they are."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vettr_cron.domain.attendance import CLOCK_AHEAD
from vettr_cron.domain.buckets import MOST_BUCKETS, buckets

DAY = timedelta(days=1)
NOON = datetime(2026, 11, 23, 12)
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1))


@given(now=MOMENTS, days=st.integers(1, 31))
def test_the_days_are_covered_by_a_few_buckets_that_begin_at_whole_multiples(now: datetime, days: int) -> None:
    cut = buckets(now, days)
    assert now - days * DAY - cut.size < cut.since <= now - days * DAY
    assert now + CLOCK_AHEAD < cut.until <= now + CLOCK_AHEAD + cut.size
    assert (cut.until - cut.since) % cut.size == timedelta()
    assert days < (cut.until - cut.since) / cut.size <= MOST_BUCKETS
    assert (cut.since - datetime(1970, 1, 1)) % cut.size == timedelta()


@pytest.mark.parametrize(("days", "minutes"), [(1, 10), (2, 15), (3, 20), (4, 30), (7, 60), (14, 120), (31, 240)])
def test_more_days_have_larger_buckets(days: int, minutes: int) -> None:
    assert buckets(NOON, days).size == timedelta(minutes=minutes)


def test_the_buckets_stay_the_same_until_the_next_begins() -> None:
    size, last = timedelta(minutes=10), NOON + timedelta(minutes=10) - CLOCK_AHEAD - datetime.resolution
    assert buckets(last, 1) == buckets(NOON, 1)
    after = buckets(NOON + size, 1)
    assert (after.since, after.until) == (buckets(NOON, 1).since + size, buckets(NOON, 1).until + size)
