"""Calls the jobs when their schedules expect it, where the host has nothing that does: `cron scheduler`."""

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from vettr_cron.domain.attendance import CLOCK_AHEAD, Timetable, served_until
from vettr_cron.domain.errors import ServiceUnavailable
from vettr_cron.domain.job_state import JobState
from vettr_cron.domain.run import INTERRUPTED, JobResult, StopReason
from vettr_cron.jobs.job import Job
from vettr_cron.logs import log_unavailable
from vettr_cron.services.clock import Shutdown, utc_now
from vettr_cron.services.monitor.status import ReadStatus
from vettr_cron.services.refresh.all_jobs import AllResults

RETRY = timedelta(minutes=1)  # until a call is made again that a server kept from working
STEP_SECONDS = 0.25  # how soon a stop is noticed, or that the clock was set

_BARELY = datetime.resolution


@dataclass(frozen=True, slots=True)
class NextCall:
    """When the next call is made, naive UTC, of which jobs, and what kept them from being called now."""

    at: datetime
    jobs: Sequence[Job]
    error: str | None = None


class Scheduler:
    """Calls jobs, by name, at the times of their timetables, until the process is asked to stop.

    `call` advances the jobs that it is given, one after the other; `hang_up` closes the connections that the process
    does not need while it waits.
    """

    def __init__(
        self,
        jobs: Mapping[str, Job],
        timetables: Mapping[str, Timetable],
        *,
        status: ReadStatus,
        call: Callable[[Mapping[str, Job]], AllResults],
        hang_up: Callable[[], None],
        shutdown: Shutdown,
        clock: Callable[[], datetime] = utc_now,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._jobs = jobs
        self._timetables = timetables
        self._status = status
        self._call = call
        self._hang_up = hang_up
        self._shutdown = shutdown
        self._clock = clock
        self._wait = wait
        self._served: dict[str, datetime] = {}  # by the job's name, after which time its next call is expected
        self._skipped: dict[str, datetime] = {}  # by the job's name, when another call kept its own from working
        self._seen: datetime | None = None  # what the clock showed last

    def run(self) -> Iterator[AllResults | NextCall]:
        """Yield what came of each call, and before each wait, when the next call is made.

        1. Ask the call log when each job was called last: what was missed since is due.
        2. Call the jobs that are due, once for however many times were missed. A job that a server kept from working
           stays due; one that another call kept from working, until that call is known to have done the work.
        3. Wait for the next expected time, but at least a minute if something stays due. If the clock is set back,
           begin anew.
        """
        while not self._shutdown.asked:
            now = self._clock()
            if self._was_set_back(now):
                self._served = {}
            self._seen = now
            error = yield from self._turn(now)
            if self._shutdown.asked:
                return
            self._hang_up()
            planned = self._next_call(error)
            yield planned
            self._wait_until(planned.at)

    def _turn(self, now: datetime) -> Generator[AllResults, None, str | None]:
        """Call what is due. Returns why something stays due: the server that will be back."""
        try:
            self._served = self._served or self._read_served(now)
            due = {name: job for name, job in self._jobs.items() if self._next_time(name) <= now}
            busy = self._ask_about_others(due, now)
        except ServiceUnavailable as problem:
            log_unavailable(problem)
            return str(problem)
        due = {name: job for name, job in due.items() if name not in busy and self._next_time(name) <= now}
        if due:
            called = self._call(due)
            yield called
            busy |= self._note({name: called.results[job.key] for name, job in due.items()}, now)
        return next(iter(busy.values()), None)

    def _ask_about_others(self, due: Mapping[str, Job], now: datetime) -> dict[str, str]:
        """Of the due jobs that another call kept from working: those on which it still works, and what is said of them.

        Those whose work it has done since are due no more; the process of any other has died.
        """
        waiting = self._skipped.keys() & due.keys()
        if not waiting:
            return {}
        seen = self._status.read().jobs
        states = {name: seen[due[name].key] for name in waiting}
        for name, state in states.items():
            done = state.last_completed_call
            if done and done.ended_at and done.ended_at >= self._skipped[name]:
                self._served[name] = now
                del self._skipped[name]
        return {name: _is_running(due[name]) for name, state in states.items() if name in self._skipped and state.held}

    def _note(self, results: Mapping[str, JobResult], now: datetime) -> dict[str, str]:
        """Remember what came of the calls; the jobs that stay due, each with the reason."""
        stay = {name: result.error or "" for name, result in results.items() if result.unavailable}
        for name, result in results.items():
            if result.stop_reason == StopReason.ALREADY_RUNNING:
                self._skipped.setdefault(name, now)
                stay[name] = _is_running(self._jobs[name])
            elif name not in stay:
                self._served[name] = now
                self._skipped.pop(name, None)
        return stay

    def _read_served(self, now: datetime) -> dict[str, datetime]:
        """After which time each job's next call is expected, by the call log. Raises ServiceUnavailable."""
        states = self._status.read().jobs
        return {name: _served(states[job.key], self._timetables[name], now) for name, job in self._jobs.items()}

    def _next_time(self, name: str) -> datetime:
        return self._timetables[name].next_after(self._served[name])

    def _next_call(self, error: str | None) -> NextCall:
        now = self._clock()
        earliest = now + RETRY if error else now  # what became due during a call is called at once
        times = {name: max(self._next_time(name), earliest) if self._served else earliest for name in self._jobs}
        at = min(times.values())
        return NextCall(at, [job for name, job in self._jobs.items() if times[name] == at], error)

    def _wait_until(self, moment: datetime) -> None:
        """Wait in short steps, so that a clock that is set meanwhile lets nobody wait too long."""
        while (now := self._clock()) < moment and not self._was_set_back(now) and not self._shutdown.asked:
            self._seen = now
            self._wait(min((moment - now).total_seconds(), STEP_SECONDS))

    def _was_set_back(self, now: datetime) -> bool:
        return self._seen is not None and now < self._seen - CLOCK_AHEAD


def _is_running(job: Job) -> str:
    return f"another call of {job.run_name} is running"


def _served(state: JobState, timetable: Timetable, now: datetime) -> datetime:
    """After which time the next call is expected; the newest expected time is due if that call was cut short.

    So it is if there never was a call.
    """
    call = state.last_call
    # Of calls before the log began, the run log knows when the last one came.
    came = call.started_at if call else state.last_run.started_at if state.last_run else None
    cut_short = call and (call.stop_reason == StopReason.SHUTDOWN or call.error == INTERRUPTED)
    if came is None or cut_short:
        return timetable.last_before(now) - _BARELY
    return served_until(timetable, came, came)
