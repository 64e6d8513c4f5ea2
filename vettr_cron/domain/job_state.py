"""One job's state, in figures and in words: what is going on, and what to do about it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from vettr_cron.domain.attendance import Attendance, Timetable
from vettr_cron.domain.lease import Held
from vettr_cron.domain.logged_call import LoggedCall, LoggedStatus
from vettr_cron.domain.pace import Pace
from vettr_cron.domain.rounding import rhu
from vettr_cron.domain.run import Pause, Run, RunStatus
from vettr_cron.domain.scheduled_cycle import ScheduledCycle

EMPTY_UNIVERSE = "there are no stocks; import some, or check that this is the right database"
LONG_CYCLE = timedelta(hours=6)
MOST_TIMES = 3  # of missed calls that are named
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
    last_run: Run | None = None  # along the cursor, like all that follows unless it says otherwise
    last_success: Run | None = None
    last_call: LoggedCall | None = None
    last_completed_call: LoggedCall | None = None
    last_call_by_hand: LoggedCall | None = None  # one for certain stocks
    # What is from after `as_of`, by a clock that was wrong; it counts for nothing else.
    future_run: Run | None = None
    future_call: LoggedCall | None = None
    future_sample: datetime | None = None
    has_results: bool = False  # some stock was refreshed at some time, although no call is known
    timetable: Timetable | None = None  # None: nothing says when calls are expected
    next_call: datetime | None = None
    attendance: Attendance = field(default_factory=Attendance)
    pace: Pace = field(default_factory=Pace)
    scheduled_cycle: ScheduledCycle | None = None  # None: no call shows how much it does, or no schedule when it comes

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
    def call_failed(self) -> bool:
        """Whether the newest call failed before its first run, which then says nothing of it."""
        last = self.last_call
        return last is not None and last.status == LoggedStatus.FAILED and last.last_run_id is None

    @property
    def was_called(self) -> bool:
        """Whether a call along the cursor is known; the run log may know one that the call log does not."""
        return self.last_call is not None or self.last_run is not None or self.running is not None or self.offset > 0

    @property
    def summary(self) -> str:
        """What is going on, and what to do about it, in a few sentences."""
        if self.paused:
            reason = f": {self.paused.reason}" if self.paused.reason else ""
            return f"Paused since {clock(self.paused.since)}{reason}. Use resume to continue."
        if self.total_stocks == 0:
            return f"{EMPTY_UNIVERSE.capitalize()}."
        if not self.was_called:
            known = "No call along the cycle is known" if self.has_results else "It has never run"
            return f"{known}; call /v1/cron/{self.name}, or run the command `cron {self.name}`."
        return " ".join([*_progress(self), *_last_progress(self), *_outlook(self), *_problems(self)])


def failure(last: Run) -> str:
    """That the last run failed, and why if that is known."""
    return f"The last run failed{f': {last.error_message}' if last.error_message else ' without an error message'}"


def failed_call(last: LoggedCall) -> str:
    """That the last call failed before its first run, and why."""
    return f"The last call failed, before its first run: {last.error}"


def missing_calls(state: JobState) -> str | None:
    """That calls did not come when they were expected; None if all came."""
    if state.attendance.late_since:
        last = f"since {clock(state.last_call.started_at)}" if state.last_call else "yet"
        return f"No call {last}, though one was expected at {clock(state.attendance.late_since)}"
    missed = state.attendance.missed
    if not missed:
        return None
    times = ", ".join(clock(time) for time in missed[-MOST_TIMES:])
    more = f"the last {MOST_TIMES} at " if len(missed) > MOST_TIMES else "at "
    calls = "1 expected call" if len(missed) == 1 else f"{len(missed)} expected calls"
    return f"{calls} did not come, {more}{times}"


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


def place(state: JobState) -> str:
    """How far the cycle has come, as people say it."""
    return f"{state.offset} of {state.total_stocks} stocks"


def _progress(state: JobState) -> list[str]:
    if state.running:
        return [f"Running: {place(state)} are done."]
    if state.offset >= state.total_stocks:  # some were removed, or another program has set the offset
        return [f"Between two calls: {place(state)} are done; the next call ends this cycle, or starts a new one."]
    if state.offset:
        return [f"Between two calls: {place(state)} are done."]
    return ["Between two cycles: the next call starts a new one."]


def _last_progress(state: JobState) -> list[str]:
    if state.seconds_since_progress is None:
        return []
    hangs = "; if it hangs, its lease runs out and a later call takes over" if state.may_hang else ""
    return [f"The call at work made its last progress {ago(state.seconds_since_progress)}{hangs}."]


def _outlook(state: JobState) -> list[str]:
    said, pace = [], state.pace
    if state.offset and pace.calls_left:
        calls = "1 more call" if pace.calls_left == 1 else f"{pace.calls_left} more calls"
        done = f", done at about {clock(pace.done_at)}" if pace.done_at else " of this size"
        said.append(f"The cycle takes {calls}{done}.")
    if state.next_call:
        said.append(f"The next call is expected at {clock(state.next_call)}.")
    cycle = state.scheduled_cycle
    if cycle and cycle.calls > 1 and cycle.time > LONG_CYCLE:
        said.append(
            f"By the schedule, a cycle takes {span(cycle.time)}; for one within {span(LONG_CYCLE)}, call every "
            f"{span(LONG_CYCLE / cycle.calls)} or run more chunks per call (CRON_CHUNKS_PER_CALL=all)."
        )
    return said


def _problems(state: JobState) -> list[str]:
    said = []
    if state.last_call and state.call_failed:
        said.append(f"{failed_call(state.last_call)}.")
    elif state.last_run and state.has_failed:
        said.append(f"{failure(state.last_run)}; see runs/{state.last_run.id}.")
    missing = missing_calls(state)
    if missing:
        said.append(f"{missing}: is the scheduler on?" if state.attendance.late else f"{missing}.")
    return said


def clock(moment: datetime) -> str:
    """A time as people read it."""
    return f"{moment:%Y-%m-%d %H:%M} UTC"
