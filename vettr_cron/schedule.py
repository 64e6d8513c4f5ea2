"""When calls are expected: the times of a cron expression in a time zone, changes of the clock as in Debian's cron."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

from vettr_cron.domain.timestamps import naive_utc

MOST_AHEAD = 2_000  # expected times that are counted one by one, which takes some 20 µs each
FIELDS = 5  # cronsim would take a sixth, for seconds

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)
# A clock that is set back shows some times twice. Whoever looks back from the second must begin after both.
_SET_BACK = timedelta(hours=3)
_ANY_MOMENT = datetime(2000, 1, 1)  # what comes at all comes within 50 years of any moment


class NeverComes(ValueError):
    """An expression of which each field can be read, but which names a day that no year has."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """When calls of a job are expected: a cron expression that comes, in an IANA zone.

    A call may be `grace` late, and as much early. All times are naive UTC, and whole seconds.
    """

    expression: str
    timezone: str
    grace: timedelta

    def between(self, start: datetime, end: datetime) -> list[datetime]:
        """The expected times after `start`, up to `end` and with it; the days are kept by the process."""
        found: list[datetime] = []
        for day, times in self._days_from(start):
            is_whole = start < day and day + _DAY <= end
            found += times if is_whole else [time for time in times if start < time <= end]
            if day + _DAY > end:
                break
        return found

    def next_after(self, moment: datetime) -> datetime:
        """The first expected time after the moment."""
        return next(_times_after(self.expression, self.timezone, moment))

    def last_before(self, moment: datetime) -> datetime:
        """The last expected time before the moment, or at it."""
        return next(time for time in _times_backwards(self.expression, self.timezone, moment) if time <= moment)

    def nth_after(self, moment: datetime, n: int) -> datetime | None:
        """The n-th expected time after the moment, from 1 on; None if that is too far ahead to say."""
        if n > MOST_AHEAD:
            return None
        try:
            return next(islice(self._after(moment), n - 1, None))
        except (OverflowError, ValueError):  # beyond the year 9999
            return None

    def _after(self, moment: datetime) -> Iterator[datetime]:
        """The expected times after the moment, by the days that are kept."""
        for _day, times in self._days_from(moment):
            yield from (time for time in times if time > moment)

    def _days_from(self, moment: datetime) -> Iterator[tuple[datetime, tuple[datetime, ...]]]:
        """The days from that of the moment on, each with its expected times; of a rare schedule, not all other days."""
        day = _midnight(moment)
        while True:
            times = _times_of_day(self.expression, self.timezone, day)
            yield day, times
            # A rare schedule has few days, however far apart.
            day = day + _DAY if times else _midnight(self.next_after(day))


def checked_expression(text: str) -> str:
    """The cron expression with one space between its five fields. Raises ValueError; NeverComes if no day fits it."""
    fields = text.split()
    if len(fields) != FIELDS:
        raise ValueError("not five fields")
    expression = " ".join(fields)
    if not _can_be_read(fields):
        raise ValueError("not a cron expression")
    try:
        comes = next(_times(expression, _ANY_MOMENT), None) is not None
    except ValueError:  # for a day that none of the months has
        comes = False
    if not comes:
        raise NeverComes("names a day that no year has")
    return expression


def checked_timezone(name: str) -> str:
    """The name of a time zone. Raises ValueError if there is none of this name."""
    try:
        _zone(name)
    except (KeyError, OSError) as error:  # not there, or a folder of zones
        raise ValueError("not a time zone") from error
    return name


def _can_be_read(fields: list[str]) -> bool:
    """Whether each field means something, wherever the others are."""
    minute, hour, day, month, weekday = fields
    try:
        for one in (f"{minute} {hour} * {month} {weekday}", f"* * {day} * *"):
            _times(one, _ANY_MOMENT)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=2_048)
def _times_of_day(expression: str, timezone: str, midnight: datetime) -> tuple[datetime, ...]:
    """The expected times of one day in UTC. A day of minutes takes 30 ms to find."""
    times = _times_after(expression, timezone, midnight - _SECOND)
    return tuple(takewhile(lambda time: time < midnight + _DAY, times))


def _times_after(expression: str, timezone: str, moment: datetime) -> Iterator[datetime]:
    times = _times(expression, _local(moment, timezone))
    # From the second of two equal times of the clock, the first comes again.
    return (time for time in map(naive_utc, times) if time > moment)


def _times_backwards(expression: str, timezone: str, moment: datetime) -> Iterator[datetime]:
    return map(naive_utc, _times(expression, _local(moment + _SET_BACK, timezone), reverse=True))


def _times(expression: str, moment: datetime, *, reverse: bool = False) -> Iterator[datetime]:
    """The times after the moment, or before it. Raises ValueError, also for a number of thousands of digits."""
    from cronsim import CronSim, CronSimError  # imported only where there is a schedule

    try:
        return CronSim(expression, moment, reverse=reverse)
    except CronSimError as error:
        raise ValueError(str(error)) from error


def _local(moment: datetime, timezone: str) -> datetime:
    return moment.replace(tzinfo=UTC).astimezone(_zone(timezone))


def _zone(name: str) -> tzinfo:
    return UTC if name == "UTC" else ZoneInfo(name)  # cronsim knows the former by its type, and is faster with it


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)
