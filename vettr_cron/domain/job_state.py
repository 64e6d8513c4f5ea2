"""One job's state, in figures and in words: what is going on, and what to do about it."""

import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from vettr_cron.domain.lease import Held
from vettr_cron.domain.pace import Pace
from vettr_cron.domain.rounding import rhu
from vettr_cron.domain.run import Pause, Run, RunStatus

EMPTY_UNIVERSE = "there are no stocks; import some, or check that this is the right database"
LONG_CYCLE = timedelta(hours=6)
LONG_STEP = timedelta(minutes=1)  # a stock, a chunk's reading or a commit takes far less


@dataclass(frozen=True, slots=True, kw_only=True)
class JobState:
    """One job as it was at `as_of`, naive UTC; `total_stocks` is the universe's size then."""

    name: str
    run_name: str
    as_of: datetime
    total_stocks: int
    offset: int = 0  # stocks done in this cycle; 0 if there is no cursor
    cycle_id: UUID | None = None  # None between two cycles
    is_foreign: bool = False  # the cursor was last moved through another database's stocks
    held: Held | None = None  # the lease of the running call, which may be between two runs
    running: Run | None = None
    paused: Pause | None = None
    last_run: Run | None = None
    last_success: Run | None = None
    future_run: Run | None = None  # one that began after `as_of`, by a clock that was wrong; it counts for nothing else
    pace: Pace = field(default_factory=Pace)

    @property
    def lease_held(self) -> bool:
        """Whether a call is running."""
        return self.held is not None

    @property
    def seconds_since_progress(self) -> int | None:
        """How long ago the running call last made progress; None if no call is running, or it does not say."""
        return self.held.seconds_since_progress if self.held else None

    @property
    def may_hang(self) -> bool:
        """Whether a call is running that has made no progress for far longer than a step takes."""
        return timedelta(seconds=self.seconds_since_progress or 0) >= LONG_STEP

    @property
    def progress(self) -> float:
        """How much of the cycle is done, from 0 to 1."""
        return min(self.offset / self.total_stocks, 1.0) if self.total_stocks else 0.0

    @property
    def progress_pct(self) -> int:
        """The same as a percentage, rounded half up."""
        return min(int(rhu(self.offset * 100 / self.total_stocks)), 100) if self.total_stocks else 0

    @property
    def has_failed(self) -> bool:
        """Whether the newest run failed."""
        return self.last_run is not None and self.last_run.status is RunStatus.FAILED

    @property
    def summary(self) -> str:
        """What is going on, and what to do about it, in a few sentences."""
        if self.paused:
            reason = f": {self.paused.reason}" if self.paused.reason else ""
            return f"Paused since {_clock(self.paused.since)}{reason}. Use resume to continue."
        if self.total_stocks == 0:
            return f"{EMPTY_UNIVERSE.capitalize()}."
        if self.last_run is None:
            return f"It has never run; call /v1/cron/{self.name}, or run the command `cron {self.name}`."
        return " ".join([*_progress(self), *_last_progress(self), *_outlook(self), *_problems(self)])


def failure(last: Run) -> str:
    """That the last run failed, and why if that is known."""
    return f"The last run failed{f': {last.error_message}' if last.error_message else ' without an error message'}"


def missing_calls(state: JobState) -> str:
    """How long there has been no call, and how often there usually is one."""
    every, since = state.pace.every, state.as_of - (state.pace.last_call or state.as_of)
    return f"No call for {span(since)}" + (f", usually every {span(every)}" if every else "")


def span(time: timedelta) -> str:
    """A duration as people say it, rounded."""
    seconds = time.total_seconds()
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size or (unit == "min" and seconds >= size):
            return f"{round(seconds / size)} {unit}"
    return f"{round(seconds)} s"


def ago(seconds: int) -> str:
    """How long ago something was, as people say it."""
    return f"{span(timedelta(seconds=seconds))} ago"


def _progress(state: JobState) -> list[str]:
    place = f"{state.offset} of {state.total_stocks} stocks"
    if state.running:
        return [f"Running: {place} are done."]
    if state.offset >= state.total_stocks:  # some were removed, or another program has set the offset
        return [f"Between two calls: {place} are done; the next call ends this cycle, or starts a new one."]
    if state.offset:
        return [f"Between two calls: {place} are done."]
    return ["Between two cycles: the next call starts a new one."]


def _last_progress(state: JobState) -> list[str]:
    if state.seconds_since_progress is None:
        return []
    hangs = "; if it hangs, its lease runs out and a later call takes over" if state.may_hang else ""
    return [f"The call at work made its last progress {ago(state.seconds_since_progress)}{hangs}."]


def _outlook(state: JobState) -> list[str]:
    pace = state.pace
    if pace.calls_left is None or pace.every is None or pace.done_at is None or not pace.stocks_per_call:
        return []
    said = []
    if not pace.late and state.offset and pace.calls_left:
        calls = "1 more call" if pace.calls_left == 1 else f"{pace.calls_left} more calls"
        said.append(f"At this pace: {calls}, done at about {_clock(pace.done_at)}.")
    calls_a_cycle = math.ceil(state.total_stocks / pace.stocks_per_call)
    if calls_a_cycle > 1 and (calls_a_cycle - 1) * pace.every > LONG_CYCLE:
        often = LONG_CYCLE / calls_a_cycle
        said.append(
            f"At the usual pace, a cycle takes {span(calls_a_cycle * pace.every)}; to finish one within "
            f"{span(LONG_CYCLE)}, call every {span(often)} or run more chunks per call (CRON_CHUNKS_PER_CALL=all)."
        )
    return said


def _problems(state: JobState) -> list[str]:
    said = []
    if state.last_run and state.has_failed:
        said.append(f"{failure(state.last_run)}; see runs/{state.last_run.id}.")
    if state.pace.late and state.pace.last_call:
        said.append(f"{missing_calls(state)}: is the scheduler on?")
    return said


def _clock(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
