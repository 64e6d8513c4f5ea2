"""A time that is cut into equal pieces, whose edges stay where they are as time goes by."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from vettr_cron.domain.attendance import CLOCK_AHEAD, DAY

MOST_BUCKETS = 240
_SIZES = [timedelta(minutes=minutes) for minutes in (10, 15, 20, 30, 60, 120, 180, 240)]  # each divides a day


@dataclass(frozen=True, slots=True)
class Buckets:
    """The time from `since` until `until`, in buckets of one size; each begins at a whole multiple of it in the day."""

    since: datetime
    until: datetime
    size: timedelta


def buckets(now: datetime, days: int) -> Buckets:
    """The last days, in at most MOST_BUCKETS buckets; the last one is that of the newest calls that may count."""
    # The days need not begin at an edge, nor end at one.
    size = next(size for size in _SIZES if days * DAY // size + 2 <= MOST_BUCKETS)
    return Buckets(_edge_before(now - days * DAY, size), _edge_before(now + CLOCK_AHEAD, size) + size, size)


def _edge_before(time: datetime, size: timedelta) -> datetime:
    midnight = time.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + (time - midnight) // size * size
