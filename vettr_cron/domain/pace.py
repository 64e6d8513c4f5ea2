"""What goes on, in words: how often calls come, how far they get, when the cycle will be done, and what to do."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from vettr_cron.domain.calls import MINIMUM_CALLS, Call, due, usual_gap
from vettr_cron.domain.run import Pause, Run, RunStatus

LONG_CYCLE = timedelta(hours=6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How calls have come lately; None where there were too few of them to say.

    `every` is the usual time from one call's start to the next; `calls_left` is for the cycle under way, or for a
    whole one when none is, and 0 when more stocks are done than there are now; `done_at` is when that will be done at
    this pace.
    """

    last_call: datetime | None = None
    every: timedelta | None = None
    stocks_per_call: int | None = None
    stocks_per_second: float | None = None
    calls_left: int | None = None
    done_at: datetime | None = None
    late: bool = False


def pace(calls: Sequence[Call], offset: int, total: int, now: datetime, *, call_expected: bool = True) -> Pace:
    """How calls have come lately, and what that means for a cycle that stands at an offset of so many stocks.

    No call is late where none is `call_expected`: while one is at work, or the job is paused.
    """
    if not calls:
        return Pace()
    last = calls[-1]
    seconds = (last.ended - last.began).total_seconds()
    rate = last.stocks / seconds if seconds > 0 else None
    late = call_expected and now > due(calls)
    if len(calls) < MINIMUM_CALLS:
        return Pace(last_call=last.began, stocks_per_second=rate, late=late)
    every = usual_gap(calls)
    # The last call of a cycle takes the stocks that are left, which says nothing about the others.
    stocks = int(median(call.stocks for call in calls))
    # Where more stocks are done than there are now, the next call ends the cycle all the same.
    left = max(math.ceil((total - offset) / stocks), 0) if stocks else None
    return Pace(
        last_call=last.began,
        every=every,
        stocks_per_call=stocks,
        stocks_per_second=rate,
        calls_left=left,
        done_at=None if left is None else max(last.began + max(left, 1) * every, now),
        late=late,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What is known of one job just now."""

    job: str
    offset: int
    total: int
    running: Run | None
    last_run: Run | None
    paused: Pause | None
    pace: Pace


def in_words(situation: Situation, now: datetime) -> str:
    """What is going on, and what to do about it, in a few sentences."""
    if situation.paused:
        reason = f": {situation.paused.reason}" if situation.paused.reason else ""
        return f"Paused since {_clock(situation.paused.paused_at)}{reason}. Let it go on with resume."
    if situation.total == 0:
        return "There are no stocks; import some, or check that this is the right database."
    if situation.last_run is None:
        return f"It has never run; call /v1/cron/{situation.job}, or run the command `cron {situation.job}`."
    return " ".join([*_progress(situation), *_outlook(situation), *_troubles(situation, now)])


def failure(last: Run) -> str:
    """That the last run failed, and why as far as it is known."""
    return f"The last run failed: {last.error_message}" if last.error_message else "The last run failed without a word"


def silence(pace: Pace, now: datetime) -> str:
    """For how long there was no call, and how often there usually is one."""
    since = now - (pace.last_call or now)
    return f"No call for {span(since)}" + (f", usually every {span(pace.every)}" if pace.every else "")


def span(time: timedelta) -> str:
    """A length of time as people say it, rounded."""
    seconds = time.total_seconds()
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size or (unit == "min" and seconds >= size):
            return f"{round(seconds / size)} {unit}"
    return f"{round(seconds)} s"


def _progress(situation: Situation) -> list[str]:
    place = f"{situation.offset} of {situation.total} stocks"
    if situation.running:
        return [f"Running: {place} are done."]
    if situation.offset >= situation.total:  # some were removed, or another program has set the offset
        return [f"Between two calls: {place} are done; the next call ends this cycle, or starts a new one."]
    if situation.offset:
        return [f"Between two calls: {place} are done."]
    return ["Between two cycles: the next call starts a new one."]


def _outlook(situation: Situation) -> list[str]:
    pace = situation.pace
    if pace.calls_left is None or pace.every is None or pace.done_at is None or not pace.stocks_per_call:
        return []
    said = []
    if not pace.late and situation.offset and pace.calls_left:
        calls = "1 more call" if pace.calls_left == 1 else f"{pace.calls_left} more calls"
        said.append(f"At this pace, {calls}, done about {_clock(pace.done_at)}.")
    calls_a_cycle = math.ceil(situation.total / pace.stocks_per_call)
    if calls_a_cycle > 1 and (calls_a_cycle - 1) * pace.every > LONG_CYCLE:
        often = LONG_CYCLE / calls_a_cycle
        said.append(
            f"A cycle takes {span(calls_a_cycle * pace.every)} this way; for one within {span(LONG_CYCLE)} "
            f"call every {span(often)}, or raise the chunks a call (CRON_CHUNKS_PER_CALL=all)."
        )
    return said


def _troubles(situation: Situation, now: datetime) -> list[str]:
    said = []
    last = situation.last_run
    if last and last.status is RunStatus.FAILED:
        said.append(f"{failure(last)}; see runs/{last.id}.")
    pace = situation.pace
    if pace.late and pace.last_call:
        said.append(f"{silence(pace, now)}: is the scheduler on?")
    return said


def _clock(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
