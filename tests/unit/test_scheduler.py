"""When the scheduler calls which jobs, by a clock that only its own waiting moves."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import cast

from tests.unit.past_calls import DAY, HOUR, MINUTE, NOON, a_call, a_run, on
from vettr_cron.domain.engine import EngineState
from vettr_cron.domain.errors import DatabaseUnavailable
from vettr_cron.domain.job_state import JobState
from vettr_cron.domain.lease import Held
from vettr_cron.domain.run import INTERRUPTED, CallStatus, JobResult, StopReason
from vettr_cron.jobs import JOBS
from vettr_cron.jobs.job import Job
from vettr_cron.schedule import Schedule
from vettr_cron.services.clock import Shutdown
from vettr_cron.services.monitor.status import ReadStatus, Status
from vettr_cron.services.refresh.all_jobs import AllResults
from vettr_cron.services.scheduler import RETRY, STEP_SECONDS, NextCall, Scheduler

SECOND = timedelta(seconds=1)
BOTH = ["scores", "red-flags"]
SIX_HOURS = on("0 */6 * * *")


@dataclass
class Life:
    """A scheduler's surroundings: the time, what is known of the last calls, and the calls that it makes."""

    now: datetime = NOON + MINUTE
    states: dict[str, JobState] = field(default_factory=dict)  # by the job's name
    calls: list[tuple[datetime, list[str]]] = field(default_factory=list)
    hung_up: int = 0
    takes: timedelta = timedelta()  # how long a call takes
    unavailable: set[str] = field(default_factory=set)  # jobs that a server keeps from working
    busy: set[str] = field(default_factory=set)  # jobs that another call keeps from working
    database_away: bool = False
    shutdown: Shutdown = field(default_factory=Shutdown)
    meddle: Callable[[], object] = lambda: None  # happens at each step of waiting

    def read(self) -> Status:
        if self.database_away:
            raise DatabaseUnavailable
        states = {name: self.states.get(name, self._state(name)) for name in JOBS}
        return Status(0, None, {JOBS[name].key: state for name, state in states.items()}, EngineState(name="threads"))

    def last_called(self, at: datetime, *names: str, stop_reason: StopReason = StopReason.CHUNKS_DONE) -> None:
        for name in names or JOBS:
            self.states[name] = replace(self._state(name), last_call=a_call(at, job=name, stop_reason=stop_reason))

    def call(self, jobs: Mapping[str, Job]) -> AllResults:
        self.calls.append((self.now, list(jobs)))
        self.now += self.takes
        return AllResults({job.key: self._result(job) for job in jobs.values()}, 0)

    def wait(self, seconds: float) -> None:
        assert 0 < seconds <= STEP_SECONDS
        self.now += timedelta(seconds=seconds)
        self.meddle()

    def hang_up(self) -> None:
        self.hung_up += 1

    def scheduler(self, timetables: Mapping[str, Schedule] | None = None) -> Scheduler:
        timetables = timetables or dict.fromkeys(JOBS, SIX_HOURS)
        return Scheduler(
            {name: JOBS[name] for name in timetables},
            timetables,
            status=cast(ReadStatus, self),
            call=self.call,
            hang_up=self.hang_up,
            shutdown=self.shutdown,
            clock=lambda: self.now,
            wait=self.wait,
        )

    def planned(self, turns: int = 1, timetables: Mapping[str, Schedule] | None = None) -> list[NextCall]:
        """What the scheduler planned in so many turns, each a call or none, and then a wait."""
        steps = (step for step in self.scheduler(timetables).run() if isinstance(step, NextCall))
        return list(islice(steps, turns))

    def _state(self, name: str) -> JobState:
        return JobState(name=name, run_name=JOBS[name].run_name, as_of=self.now, total_stocks=0)

    def _result(self, job: Job) -> JobResult:
        done = self._done(job)
        if job.name in self.busy:
            return replace(done, status=CallStatus.SKIPPED, stop_reason=StopReason.ALREADY_RUNNING)
        if job.name in self.unavailable:
            away = "Redis does not answer"
            return replace(done, status=CallStatus.FAILED, stop_reason=StopReason.ERROR, error=away, unavailable=True)
        return done

    def _done(self, job: Job) -> JobResult:
        return JobResult(
            job=job.run_name,
            duration_ms=0,
            completed_at=self.now,
            current_offset=0,
            chunk_size=100,
            total_stocks=0,
            status=CallStatus.COMPLETED,
            stop_reason=StopReason.CHUNKS_DONE,
        )


def test_a_job_that_was_called_is_called_next_at_its_next_time() -> None:
    life = Life()
    life.last_called(NOON + SECOND)
    first, second, third = life.planned(3)
    assert [(call.at, call.error) for call in (first, second, third)] == [
        (NOON + 6 * HOUR, None),
        (NOON + 12 * HOUR, None),
        (NOON + 18 * HOUR, None),
    ]
    assert life.calls == [(NOON + 6 * HOUR, BOTH), (NOON + 12 * HOUR, BOTH)]


def test_jobs_that_are_due_at_the_same_time_are_called_together_and_others_apart() -> None:
    life = Life()
    life.last_called(NOON)
    plans = life.planned(4, {"scores": on("0 * * * *"), "red-flags": on("0 */2 * * *")})
    assert [[job.name for job in plan.jobs] for plan in plans] == [["scores"], BOTH, ["scores"], BOTH]
    assert life.calls == [
        (NOON + HOUR, ["scores"]),
        (NOON + 2 * HOUR, BOTH),
        (NOON + 3 * HOUR, ["scores"]),
    ]


def test_a_call_that_did_not_come_is_made_at_once_and_only_once() -> None:
    life = Life()
    life.last_called(NOON - 2 * DAY, "scores")
    life.last_called(NOON, "red-flags")
    (plan,) = life.planned()
    assert life.calls == [(NOON + MINUTE, ["scores"])]
    assert (plan.at, [job.name for job in plan.jobs]) == (NOON + 6 * HOUR, BOTH)


def test_jobs_that_were_never_called_are_called_at_once() -> None:
    life = Life()
    life.planned()
    assert life.calls == [(NOON + MINUTE, BOTH)]


def test_a_call_from_before_calls_were_logged_counts() -> None:
    life = Life()
    state = JobState(name="scores", run_name="refresh-scores", as_of=life.now, total_stocks=0)
    life.states["scores"] = replace(state, last_run=a_run(NOON))
    life.planned(timetables={"scores": SIX_HOURS})
    assert life.calls == []


def test_a_call_that_came_early_counts_for_the_time_that_it_came_for() -> None:
    life = Life(now=NOON - MINUTE)
    life.last_called(NOON - 5 * MINUTE)
    (plan,) = life.planned()
    assert (life.calls, plan.at) == ([], NOON + 6 * HOUR)


def test_a_call_that_a_stop_has_cut_short_is_made_again() -> None:
    life = Life()
    life.last_called(NOON, stop_reason=StopReason.SHUTDOWN)
    life.planned()
    assert life.calls == [(NOON + MINUTE, BOTH)]


def test_a_call_whose_process_died_is_made_again() -> None:
    life = Life()
    life.last_called(NOON + SECOND, "red-flags")
    died = a_call(NOON + SECOND, job="scores", error=INTERRUPTED)
    life.states["scores"] = replace(life.states["red-flags"], last_call=died)
    life.planned()
    assert life.calls == [(NOON + MINUTE, ["scores"])]


def test_a_job_that_another_call_keeps_from_working_is_called_again_if_that_died() -> None:
    life = Life(busy={"scores"})
    first, second, third = life.planned(3)
    assert first.error == "another call of refresh-scores is running"
    assert (first.at, [job.name for job in first.jobs]) == (NOON + MINUTE + RETRY, ["scores"])
    assert life.calls == [
        (NOON + MINUTE, BOTH),
        (NOON + MINUTE + RETRY, ["scores"]),
        (NOON + MINUTE + 2 * RETRY, ["scores"]),
    ]
    assert second.error == third.error == first.error


def test_while_the_other_call_works_nothing_is_called_and_what_it_has_done_is_not_done_again() -> None:
    life = Life(busy={"scores"})
    life.states["scores"] = replace(life._state("scores"), held=Held(None, 0, 0))
    planned = life.scheduler().run()
    steps = [next(planned) for _ in range(4)]
    assert life.calls == [(NOON + MINUTE, BOTH)]
    assert all(step.error for step in steps if isinstance(step, NextCall))
    done = a_call(NOON, seconds=600, job="scores")
    life.states["scores"] = replace(life._state("scores"), last_call=done, last_completed_call=done)
    following = next(planned)
    assert isinstance(following, NextCall)
    assert (following.at, following.error) == (NOON + 6 * HOUR, None)
    assert life.calls == [(NOON + MINUTE, BOTH)]


def test_what_became_due_during_a_call_is_called_right_after_it_once() -> None:
    life = Life(takes=3 * MINUTE)
    life.last_called(NOON)
    life.planned(3, {"scores": on("* * * * *")})
    assert life.calls == [(NOON + MINUTE, ["scores"]), (NOON + 4 * MINUTE, ["scores"]), (NOON + 7 * MINUTE, ["scores"])]


def test_a_job_that_a_server_keeps_from_working_is_called_again_after_a_minute_and_alone() -> None:
    life = Life(unavailable={"red-flags"})
    first, second = life.planned(2)
    assert life.calls == [(NOON + MINUTE, BOTH), (NOON + MINUTE + RETRY, ["red-flags"])]
    assert [call.error for call in (first, second)] == ["Redis does not answer"] * 2
    assert [job.name for job in first.jobs] == ["red-flags"]
    life.unavailable.clear()
    assert life.planned()[0].error is None


def test_a_database_that_cannot_say_what_was_called_is_asked_again_after_a_minute() -> None:
    life = Life(database_away=True)
    steps = life.scheduler().run()
    first = next(steps)
    assert isinstance(first, NextCall)
    assert (first.at, first.error, life.calls) == (life.now + RETRY, "The database does not answer", [])
    life.database_away = False
    next(steps)
    assert life.calls == [(first.at, BOTH)]


def test_connections_are_closed_before_each_wait() -> None:
    life = Life()
    life.planned(3)
    assert life.hung_up == 3


def test_a_clock_that_is_set_forward_misses_no_call() -> None:
    life = Life()
    life.last_called(NOON)

    def jump() -> None:
        life.now += 30 * HOUR
        life.meddle = lambda: None

    life.meddle = jump
    life.planned(2)
    ((called, _names),) = life.calls
    assert called == NOON + 30 * HOUR + MINUTE + timedelta(seconds=STEP_SECONDS)


def test_a_clock_that_is_set_back_keeps_no_job_waiting_longer_than_its_schedule() -> None:
    life = Life(now=NOON + DAY)
    steps = life.scheduler().run()
    next(steps)  # called
    next(steps)  # and waits until 18:00 of the wrong day
    life.now = NOON + MINUTE
    life.last_called(NOON)
    plan = next(steps)
    assert isinstance(plan, NextCall)
    assert plan.at == NOON + 6 * HOUR


def test_a_clock_that_is_corrected_by_a_little_makes_no_second_call() -> None:
    life = Life(now=NOON - SECOND)
    life.last_called(NOON - 6 * HOUR)
    steps = life.scheduler().run()
    next(steps)
    next(steps)
    life.now -= 5 * SECOND
    next(steps)
    next(steps)
    assert [at for at, _names in life.calls] == [NOON, NOON + 6 * HOUR]


def test_a_stop_ends_a_wait_and_is_followed_by_no_call() -> None:
    life = Life()
    life.last_called(NOON)
    life.meddle = life.shutdown.ask
    assert len(life.planned(2)) == 1
    assert life.now == NOON + MINUTE + timedelta(seconds=STEP_SECONDS)
    assert life.calls == []


def test_a_stop_during_a_call_ends_the_scheduler_after_it() -> None:
    life = Life()
    steps = life.scheduler().run()
    next(steps)
    life.shutdown.ask()
    assert list(steps) == []
