"""For which share of a time every stock was fresh, by samples of how fresh the results were."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

MOST_SPANS = 100  # that an objective lists


class Sample(NamedTuple):
    """How fresh one job's results were at one time; `oldest` is when the stock with the oldest result was refreshed."""

    taken_at: datetime
    total: int
    never: int  # stocks that were never refreshed
    oldest: datetime | None


class Span(NamedTuple):
    """A time from its start to its end."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Objective:
    """For how much of the counted time every stock was fresh, and when not: the newest MOST_SPANS times, newest first.

    Fresh and not fresh add up to what was counted.
    """

    counted: timedelta
    fresh: timedelta
    not_fresh: Sequence[Span]

    @property
    def share(self) -> float | None:
        """Fresh time as a share of the counted time, from 0 to 1; None if no time was counted."""
        return self.fresh / self.counted if self.counted else None


def objective(samples: Sequence[Sample], start: datetime, end: datetime, fresh_within: timedelta) -> Objective:
    """The objective from `start` to `end`, by samples that are sorted by time; one may be from before `start`.

    1. What a sample says holds until the next one.
    2. Every stock is fresh from a sample without stocks that were never refreshed until its oldest result becomes
       older than `fresh_within`. Whatever was fresh when the sample was taken, this goes by what is asked now.
    3. Any other time is not fresh, also if it is only unknown, because no calls came that could take a sample.
    4. Without stocks there is nothing to refresh: for as long as a result would be fresh, that time is not counted.
    5. Nor is the time before the first sample.
    """
    counted = fresh = timedelta()
    gaps: list[Span] = []
    for sample, span in _each_with_its_time(samples, start, end):
        good_until = min(max(_good_until(sample, fresh_within), span.start), span.end)
        fresh += good_until - span.start if sample.total else timedelta()
        counted += span.end - (span.start if sample.total else good_until)
        if good_until < span.end:
            is_same = bool(gaps) and gaps[-1].end == good_until
            gaps.append(Span(gaps.pop().start if is_same else good_until, span.end))
    return Objective(counted, fresh, gaps[: -MOST_SPANS - 1 : -1])


def _each_with_its_time(samples: Sequence[Sample], start: datetime, end: datetime) -> Iterator[tuple[Sample, Span]]:
    """Each sample with the part of the time that it speaks for, if there is such a part."""
    ends = [*(later.taken_at for _sample, later in pairwise(samples)), end]
    for sample, until in zip(samples, ends, strict=False):
        span = Span(max(sample.taken_at, start), min(until, end))
        if span.start < span.end:
            yield sample, span


def _good_until(sample: Sample, fresh_within: timedelta) -> datetime:
    if sample.total == 0:
        return sample.taken_at + fresh_within
    if sample.never or sample.oldest is None:
        return sample.taken_at
    # A result of a machine whose clock was ahead is no newer than the sample that knows of it.
    return min(sample.oldest, sample.taken_at) + fresh_within
