"""For which share of a time every stock was fresh: what each sample says, and until when."""

from datetime import datetime, timedelta

import pytest

from vettr_cron.domain.objective import MOST_SPANS, Objective, Sample, Span, objective

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
START = datetime(2026, 11, 1)
WITHIN = 25 * HOUR


def hours(number: float) -> datetime:
    return START + number * HOUR


def a_sample(at: float, *, oldest: float | None = None, never: int = 0, total: int = 10) -> Sample:
    """A sample so many hours after the start; by default all results are as new as it."""
    return Sample(hours(at), total, never, hours(at if oldest is None else oldest))


def found(*samples: Sample, end: float, within: timedelta = WITHIN) -> Objective:
    return objective(samples, START, hours(end), within)


def spans(*ends: tuple[float, float]) -> list[Span]:
    return [Span(hours(start), hours(end)) for start, end in ends]


@pytest.mark.parametrize(
    ("samples", "fresh", "counted", "not_fresh"),
    [
        # Daily calls, a little late, in a day of 25 hours.
        ([a_sample(0), a_sample(24.5), a_sample(48)], 60, 60, []),
        # One is missed: not fresh from 25 hours after the last one.
        ([a_sample(0), a_sample(48)], 37, 60, [(25, 48)]),
        # No call comes any more.
        ([a_sample(0)], 25, 60, [(25, 60)]),
        # The time before the first sample is not counted.
        ([a_sample(40)], 20, 20, []),
        # A sample from before the beginning holds until its oldest result is too old.
        ([a_sample(-20)], 5, 60, [(5, 60)]),
        ([a_sample(-30)], 0, 60, [(0, 60)]),
        # The oldest result counts, not the sample.
        ([a_sample(0, oldest=-20), a_sample(24), a_sample(48)], 41, 60, [(5, 24)]),
        # Stale at the sample already.
        ([a_sample(0, oldest=-26), a_sample(24), a_sample(48)], 36, 60, [(0, 24)]),
        # A stock that was never refreshed is not fresh, whatever the others are.
        ([a_sample(0, never=1), a_sample(1), a_sample(24), a_sample(48)], 59, 60, [(0, 1)]),
        ([Sample(hours(0), 10, 10, None), a_sample(36)], 24, 60, [(0, 36)]),
        # Times that touch are one, whatever the reasons.
        ([a_sample(0), a_sample(30, never=2), a_sample(31, oldest=0), a_sample(40)], 45, 60, [(25, 40)]),
        # Times that do not touch come newest first.
        ([a_sample(0, never=1), a_sample(10), a_sample(20, never=1), a_sample(35)], 35, 60, [(20, 35), (0, 10)]),
        # Without stocks nothing counts, but only for as long as a result would be fresh.
        ([a_sample(0), a_sample(10, total=0), a_sample(20), a_sample(40)], 50, 50, []),
        ([a_sample(0, total=0)], 0, 35, [(25, 60)]),
        ([a_sample(0, total=0, never=0, oldest=-90), a_sample(30)], 25, 35, [(55, 60), (25, 30)]),
        # A result from the future, of a machine whose clock was ahead, ages from the sample on.
        ([a_sample(0, oldest=500)], 25, 60, [(25, 60)]),
        # Nor do samples after the end say anything about the time before.
        ([a_sample(48), a_sample(61, never=1)], 12, 12, []),
        ([a_sample(61)], 0, 0, []),
        ([], 0, 0, []),
    ],
)
def test_what_counts_as_fresh(
    samples: list[Sample], fresh: float, counted: float, not_fresh: list[tuple[float, float]]
) -> None:
    assert found(*samples, end=60) == Objective(counted * HOUR, fresh * HOUR, spans(*not_fresh))


def test_the_share_is_that_of_the_counted_time() -> None:
    assert found(a_sample(0), end=100).share == 0.25
    assert found(a_sample(0), end=25).share == 1
    assert found(end=100).share is None
    assert found(a_sample(100), end=100).share is None


def test_what_is_asked_now_counts_and_not_what_was_fresh_then() -> None:
    samples = [a_sample(12 * number, oldest=12 * number - 6) for number in range(5)]
    assert found(*samples, end=60, within=19 * HOUR).share == 1
    assert found(*samples, end=60, within=12 * HOUR).share == 0.5
    assert found(*samples, end=60, within=6 * HOUR).share == 0


def test_fresh_and_not_fresh_time_add_up_and_the_list_is_bounded() -> None:
    samples = [a_sample(number, never=number % 2) for number in range(1_000)]
    whole = found(*samples, end=1_000)
    assert (whole.fresh, whole.counted) == (500 * HOUR, 1_000 * HOUR)
    assert whole.not_fresh == spans(*((number, number + 1) for number in range(999, 999 - 2 * MOST_SPANS, -2)))
