"""Which of the expected calls came: what a person with the schedule and the list of calls would say."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

DAY = timedelta(days=1)
CLOCK_AHEAD = timedelta(minutes=1)  # a call may have begun so much after now, by another machine's clock

_BARELY = datetime.resolution  # expected times are whole seconds


class Timetable(Protocol):
    """When calls are expected; times are naive UTC."""

    @property
    def grace(self) -> timedelta:
        """How late a call may be, and how early."""

    def between(self, start: datetime, end: datetime) -> list[datetime]:
        """The expected times after `start`, up to `end` and with it."""

    def next_after(self, moment: datetime) -> datetime:
        """The first expected time after the moment."""

    def last_before(self, moment: datetime) -> datetime:
        """The last expected time before the moment, or at it."""

    def nth_after(self, moment: datetime, n: int) -> datetime | None:
        """The n-th expected time after the moment, from 1 on; None if that is too far ahead to say."""


@dataclass(frozen=True, slots=True)
class Attendance:
    """The expected times without a call, oldest first, and since which of them no call came at all.

    `late_since` may be older than all that is looked at; it is None if the job is not late.
    """

    missed: Sequence[datetime] = ()
    late_since: datetime | None = None

    @property
    def late(self) -> bool:
        """Whether the newest call that was to come has not come, nor a later one."""
        return self.late_since is not None


def calls_needed_from(timetable: Timetable, now: datetime) -> datetime:
    """From when on `attendance` needs the beginnings of all calls; of those before, it needs the newest alone."""
    return _looked_at_from(timetable, now) - timetable.grace


def attendance(
    timetable: Timetable,
    calls: Iterable[datetime],
    now: datetime,
    since: datetime | None,
    *,
    running: bool = False,
    paused: bool = False,
) -> Attendance:
    """Which expected times of the last day, and the newest of them however old, had no call.

    `calls` are the beginnings of those that were not made by hand, in any order: all from `calls_needed_from` on, and
    the newest one however old. `since` is when the first call ever came, or the job was last resumed if that is later;
    nothing is expected before, nor while the job is paused, nor if there never was a call (None).
    """
    if since is None or paused:
        return Attendance()
    come = sorted(call for call in calls if call <= now + CLOCK_AHEAD)
    last = come[-1] if come else None
    missed = _missed(timetable, come, now, max(since, _looked_at_from(timetable, now)))
    late = bool(missed) and not running and (last is None or last < missed[-1])
    return Attendance(tuple(missed), _late_since(timetable, last, since) if late else None)


def missed_between(timetable: Timetable, calls: Iterable[datetime], start: datetime, now: datetime) -> list[datetime]:
    """Which expected times from `start` on had no call, oldest first; only those whose grace is over.

    `calls` are as in `attendance`: all from `start` less the grace on.
    """
    come = sorted(call for call in calls if call <= now + CLOCK_AHEAD)
    return _missed(timetable, come, now, start) if start <= now else []


def newest_expected_from(timetable: Timetable, start: datetime, end: datetime, most: int) -> datetime:
    """From when on there are only so many expected times until `end`, however dense they are; `start` at the earliest.

    It looks at not much more of them than that, as a day of minutes takes long to find.
    """
    span = DAY
    while True:
        begin = max(start, end - span)
        times = timetable.between(begin - _BARELY, end)
        if begin == start or len(times) >= most:
            return times[-most] if len(times) >= most else start
        span *= 4


def served_until(timetable: Timetable, last: datetime | None, now: datetime) -> datetime:
    """The time after which the next call is expected: now, or what the last call has come early for."""
    if last is None:
        return now
    served = _time_of(last, [timetable.last_before(last), timetable.next_after(last)], timetable.grace)
    return now if served is None else max(now, served)


def _looked_at_from(timetable: Timetable, now: datetime) -> datetime:
    """A day ago, or the newest expected time whose grace is over: a rare schedule has none in a day."""
    return min(now - DAY, timetable.last_before(now - timetable.grace - _BARELY))


def _missed(timetable: Timetable, calls: Sequence[datetime], now: datetime, start: datetime) -> list[datetime]:
    """The expected times from `start` on whose grace is over, and that have no call."""
    # A call belongs to the nearest expected time, which may be the one before the first, or one that is still to come.
    one_before = timetable.last_before(start - _BARELY)
    times = timetable.between(one_before - _BARELY, now + CLOCK_AHEAD + timetable.grace)
    met = {_time_of(call, times, timetable.grace) for call in calls}
    return [time for time in times if start <= time < now - timetable.grace and time not in met]


def _late_since(timetable: Timetable, last: datetime | None, since: datetime) -> datetime:
    """The first expected time that counts and that no call came for, nor came after."""
    from_since = timetable.next_after(since - _BARELY)
    if last is None:
        return from_since
    first = timetable.next_after(last)
    came_early = _time_of(last, [timetable.last_before(last), first], timetable.grace) == first
    return max(timetable.next_after(first) if came_early else first, from_since)


def _time_of(call: datetime, times: Sequence[datetime], grace: timedelta) -> datetime | None:
    """The nearest of the sorted times, of two the earlier; but none that is more than the grace ahead of the call."""
    place = bisect_right(times, call)
    before = times[place - 1] if place > 0 else None
    after = times[place] if place < len(times) and times[place] <= call + grace else None
    if before is None or after is None:
        return before or after
    return before if call - before <= after - call else after
