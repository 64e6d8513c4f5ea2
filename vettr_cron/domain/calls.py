"""The calls that the runs in the log belong to, and until when the next one may be waited for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median

from vettr_cron.domain.run import BriefRun, Run

SAME_CALL = timedelta(seconds=2)  # between two chunks of one call lies much less
MINIMUM_CALLS = 3
LEEWAY = timedelta(minutes=5)
LONGEST_EXCUSE = timedelta(days=3)
FRESH = timedelta(hours=24)  # what `coverage` asks for when it is not told otherwise
JITTER = timedelta(hours=1)  # a daily call is a daily call although schedulers are not on the minute

_A_SUNDAY = datetime(2026, 1, 4)
_WEEK, _WEEKEND = timedelta(days=7), timedelta(days=2)
_WORKING_WEEK = timedelta(days=4) - JITTER  # from Monday's calls to Friday's
_EVERY_GAP = timedelta(days=8)  # so many days show each night and a weekend
_ENOUGH_CALLS = 6
# Around the midnight before Sunday in UTC: it is a weekend nearly everywhere, or somewhere where people have offices. A
# wider span than from Friday 18:00 to Monday 6:00 would let a Friday's morning in America pass for a weekend.
_EVERYWHERE, _SOMEWHERE = timedelta(hours=12), timedelta(hours=30)


@dataclass(frozen=True, slots=True)
class PastCall:
    """The runs of one call, as far as the run log tells them apart."""

    began: datetime
    ended: datetime
    stocks: int


def calls_of(runs: Sequence[Run | BriefRun]) -> list[PastCall]:
    """The calls that these runs, in any order, belong to; oldest first. Runs outside the cycle are left out."""
    calls: list[PastCall] = []
    for run in sorted(runs, key=lambda run: run.started_at):
        if run.chunk_offset is None:
            continue
        ended = run.completed_at or run.started_at + timedelta(milliseconds=run.duration_ms or 0)
        if calls and run.started_at - calls[-1].ended <= SAME_CALL:
            calls[-1] = PastCall(calls[-1].began, max(ended, calls[-1].ended), calls[-1].stocks + run.stocks_processed)
        else:
            calls.append(PastCall(run.started_at, ended, run.stocks_processed))
    return calls


def usual_gap(calls: Sequence[PastCall]) -> timedelta:
    """The usual time from one call's start to the next; there are two calls at least."""
    return timedelta(seconds=median(gap.total_seconds() for gap in _gaps(calls)))


def due(calls: Sequence[PastCall]) -> datetime:
    """By when the next call is late, if it has not come; there is one call at least, and the oldest is first.

    1. From the last call's start twice the usual gap may pass.
    2. Or as long a gap as was seen twice, as nights are, but no more than three days; what was seen once was an
       outage.
    3. Where no call ever came on a weekend, though calls were seen for a working week, a weekend takes no part in a
       gap, and a call that would be due on a weekend has two days more.
    4. Of fewer than three calls no usual gap is known: then the next one is to come while the stocks are fresh.
    """
    last = calls[-1].began
    if len(calls) < MINIMUM_CALLS:
        return last + FRESH + JITTER
    idle = _rest_on_weekends(calls)
    seen_twice = sorted(_gaps(calls, without_weekends=idle))[-2]
    latest = last + max(2 * usual_gap(calls), min(seen_twice, LONGEST_EXCUSE)) + LEEWAY
    sunday = _nearest_sunday(latest)
    on_a_weekend = last < sunday and abs(latest - sunday) <= _SOMEWHERE
    return latest + _WEEKEND if idle and on_a_weekend else latest


def say_enough(calls: Sequence[PastCall], now: datetime) -> bool:
    """Whether older calls would tell nothing new: these show the pace, and that no call is late, or every long gap."""
    if len(calls) < _ENOUGH_CALLS:
        return False
    return now <= due(calls) or calls[-1].began - calls[0].began >= _EVERY_GAP


def _gaps(calls: Sequence[PastCall], *, without_weekends: bool = False) -> list[timedelta]:
    pairs = [(earlier.began, later.began) for earlier, later in pairwise(calls)]
    if without_weekends:
        return [later - earlier - _weekends(earlier, later) * _WEEKEND for earlier, later in pairs]
    return [later - earlier for earlier, later in pairs]


def _weekends(earlier: datetime, later: datetime) -> int:
    return (later - _A_SUNDAY) // _WEEK - (earlier - _A_SUNDAY) // _WEEK


def _rest_on_weekends(calls: Sequence[PastCall]) -> bool:
    if calls[-1].began - calls[0].began < _WORKING_WEEK:
        return False
    return all(abs(call.began - _nearest_sunday(call.began)) >= _EVERYWHERE for call in calls)


def _nearest_sunday(moment: datetime) -> datetime:
    """The midnight with which the nearest Sunday begins."""
    return _A_SUNDAY + round((moment - _A_SUNDAY) / _WEEK) * _WEEK
