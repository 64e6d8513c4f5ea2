"""How the tables of expected calls are read.

Each schedule has a table, and each case a line: the situation, when it is looked at, which expected times are missed,
since when the job is late, and what happened. There, a mere time is a call along the cursor, and `before` stands for
the calls that came on time before. A time without a date is of the same day as the one before it. All times are UTC,
and the grace is 15 minutes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

SITUATIONS = (
    "early",
    "late, there",
    "late, not there",
    "doubled",
    "missing",
    "by hand",
    "cleanup",
    "resumed",
    "first start",
)
CALL, SKIPPED, FAILED, BY_HAND = "", "skipped", "failed", "by hand"
CLEANUP, PAUSE, RESUME = "cleanup", "pause", "resume"  # a cleanup removes the calls that began before its time


@dataclass(frozen=True)
class Event:
    """A call that began, or what an operator did."""

    kind: str
    at: datetime


@dataclass(frozen=True)
class Case:
    """What happened, seen now; and what is missed, and since when the job is late."""

    name: str
    events: Sequence[Event]
    now: datetime
    missed: Sequence[datetime]
    late_since: datetime | None

    @property
    def situation(self) -> str:
        return self.name.partition(":")[0]


class Table:
    """The cases of a schedule; `years` is what all dates begin with."""

    def __init__(self, name: str, expression: str, timezone: str, years: str, before: str, lines: str) -> None:
        self.name = name
        self.schedule = (expression, timezone)
        self._years = years
        self.cases = [self._case(before, line) for line in lines.strip().splitlines()[1:]]

    def _case(self, before: str, line: str) -> Case:
        name, now, missed, late_since, events = (cell.strip() for cell in line.split("|"))
        happened = self._read(events.replace("before", before))
        late = self._times(late_since)
        return Case(name, happened, self._times(now)[0], self._times(missed), late[0] if late else None)

    def _times(self, cell: str) -> list[datetime]:
        return [event.at for event in self._read(cell)]

    def _read(self, cell: str) -> list[Event]:
        events, day = [], ""
        for text in filter(None, map(str.strip, cell.split(","))):
            *words, time = text.split()
            if words and words[-1][0].isdigit():
                day = words.pop()
            events.append(Event(" ".join(words), datetime.fromisoformat(f"{self._years}{day} {time}")))
        return events
