"""The state of the jobs, their runs, and how fresh the results are."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, Field, PlainSerializer, WithJsonSchema, create_model

from vettr_cron.domain import job_state, run
from vettr_cron.domain.engine import EngineState
from vettr_cron.domain.run import RunStatus
from vettr_cron.domain.timestamps import logged_time
from vettr_cron.jobs.job import Job
from vettr_cron.services.monitor import coverage as freshness
from vettr_cron.services.monitor import status as state
from vettr_cron.shapes.calls import Call
from vettr_cron.shapes.engine import Engine, Worker
from vettr_cron.shapes.refresh import Pause, StockFailure
from vettr_cron.shapes.shape import Count, CycleId, Id, Percent, RunName, Shape, Time, absent, of_jobs

Logged = Annotated[Any, WithJsonSchema({"type": "integer"})]
"""A number in the run log, which another program may have written in its own way: it is shown as it is stored."""
LoggedCount = Annotated[Any, WithJsonSchema({"type": "integer", "minimum": 0})]


LoggedTime = Annotated[
    Any,
    PlainSerializer(logged_time),
    WithJsonSchema({"type": "string", "examples": ["2026-11-23T12:00:00.000Z"]}),
]
"""A time in the run log, where another program's row may contain any text instead: it is shown as it is stored."""


class Run(Shape):
    """One chunk's row of cron_job_runs, every column under its own name."""

    id: Id = Field(description="The run's id")
    job_name: str = Field(description="The job's name in the run log", examples=["refresh-scores"])
    status: str = Field(
        description="running; completed: all is written; failed: see error_message; other programs' runs: any word",
        examples=[RunStatus.COMPLETED.value],
    )
    stocks_processed: LoggedCount = Field(description="Stocks that were processed, successfully or not", examples=[100])
    succeeded: LoggedCount = Field(description="Stocks whose results were written", examples=[99])
    failed_count: LoggedCount = Field(description="Stocks that failed and kept their earlier results", examples=[1])
    failures: list[StockFailure] | None = Field(description="Which stocks failed, and why; null if none did")
    chunk_offset: Logged | None = Field(
        description="Where the chunk began, in stocks from the cycle's start", examples=[500]
    )
    chunk_size: Logged | None = Field(description="Stocks per chunk, at most", examples=[100])
    total_stocks: Logged | None = Field(description="How many stocks there were", examples=[1572])
    duration_ms: Logged | None = Field(description="How long it took, in milliseconds", examples=[84])
    started_at: LoggedTime = Field(description="When it began, UTC; all rules take it as the current time")
    completed_at: LoggedTime | None = Field(description="When it ended, UTC; null while it is running")
    error_message: str | None = Field(description="Why it failed; null unless it did")


class History(Shape):
    """A page of runs, newest first."""

    runs: list[Run] = Field(description="The runs, newest first")
    total: Count = Field(description="How many runs are in this reply", examples=[50])


class FreshnessCounts(Shape):
    """A job's stocks, counted by freshness."""

    total: Count = Field(description="How many stocks there are", examples=[1572])
    fresh: Count = Field(description="Refreshed within max_age", examples=[1560])
    stale: Count = Field(description="Refreshed, but longer ago", examples=[10])
    never: Count = Field(description="Never refreshed under this ticker", examples=[2])
    failing: Count = Field(description="Failed last time; counted among the others as well", examples=[12])
    oldest: Time | None = Field(
        description="When the stock with the oldest result was refreshed, UTC; null without results"
    )


class StockState(Shape):
    """A job's latest outcomes for one stock."""

    job: RunName
    ticker: str = Field(description="The stock's ticker", examples=["ACME"])
    last_cycle_id: Id | None = Field(description="The cycle that last tried it; null if none did")
    last_refreshed_at: Time | None = Field(description="When it last succeeded, UTC; null if it never did")
    last_failed_at: Time | None = Field(description="When it last failed, UTC; null if it never did")
    failing_since: Time | None = Field(description="Since when it has been failing, UTC; null if it is not")
    consecutive_failures: Count = Field(description="How many times in a row it failed", examples=[3])
    last_error: str | None = Field(description="Why it failed last time; null if it did not")
    last_reason: str | None = Field(
        description="The same without values, alike for all failures of its kind; null if an older release recorded it",
        examples=["financial_data.cash not finite"],
    )


class StockPage(Shape):
    """A page of a list, by ticker."""

    stocks: list[StockState] = Field(description="The stocks, by ticker")
    next_after: str | None = Field(description="The value of `after` for the next page; null at the end")


class FailureReason(Shape):
    """How many stocks fail for the same reason."""

    reason: str | None = Field(
        description="Table, column and kind of problem; null for failures that an older release recorded",
        examples=["financial_data.cash not finite"],
    )
    stocks: Count = Field(description="How many stocks failed for it last time", examples=[40])


class FailurePage(StockPage):
    """A page of the stocks that fail, and why all of them do."""

    reasons: list[FailureReason] = Field(
        max_length=freshness.MOST_REASONS,
        description="Why stocks fail, on this page and all others, the most frequent reasons first; at most "
        f"{freshness.MOST_REASONS}",
    )


class CycleState(Shape):
    """How far a job's cycle has come."""

    cycle_id: CycleId
    offset: Count = Field(description="Stocks done in this cycle; 0 if there is no cursor", examples=[600])
    progress_pct: Percent = Field(description="The same as a percentage of all stocks, rounded half up")


_Rate = Annotated[float, AfterValidator(lambda rate: round(rate, 1))]


class Pace(Shape):
    """What calls along the cursor did lately; null if none shows it."""

    last_call: Time | None = Field(description="When the last call began, UTC")
    stocks_per_call: LoggedCount | None = Field(description="The usual number of stocks per call", examples=[100])
    stocks_per_second: _Rate | None = Field(description="The rate of the last call", examples=[1250.0])
    calls_left: Count | None = Field(
        description="Calls until the cycle is done at this pace; 0 if more stocks are done than there are", examples=[4]
    )
    done_at: Time | None = Field(
        description="When the last of them is expected, UTC; null if no schedule says when calls are expected"
    )
    late: bool = Field(description="Whether a call is overdue; never while one is running or the job is paused")


class Schedule(Shape):
    """When calls are expected, and which of them did not come."""

    expression: str = Field(description="The cron expression", examples=["0 */6 * * *"])
    timezone: str = Field(description="The time zone in which it is meant", examples=["UTC"])
    grace_seconds: Count = Field(description="How late a call may be, and how early", examples=[900])
    next_call: Time = Field(description="When the next call is expected, UTC")
    missed: list[Time] = Field(
        description="The expected times of the last 24 h, and the newest one, for which no call came; oldest first, UTC"
    )
    late_since: Time | None = Field(description="Since when a call is overdue, UTC; null if none is")


class JobState(Shape):
    """One job now."""

    job: RunName
    summary: str = Field(description="What is going on, and what to do about it, in words")
    pace: Pace
    running: Run | None = Field(description="The current run; null if there is none")
    seconds_since_progress: Count | None = Field(
        description="How long ago the running call last evaluated a stock, read a chunk, committed or moved the "
        "cursor; null if none is running",
        examples=[2],
    )
    paused: Pause | None = Field(description="Why and since when the job is paused; null if it is not")
    cycle: CycleState
    last_run: Run | None = Field(description="The newest run along the cursor; null before the first")
    last_success: Run | None = Field(description="The newest completed one; null before the first")
    last_call: Call | None = Field(description="The newest call along the cursor; null before the first")
    last_completed_call: Call | None = Field(description="The newest completed one; null before the first")
    last_call_by_hand: Call | None = Field(description="The newest call for certain stocks; null before the first")
    schedule: Schedule | None = Field(description="null if CRON_SCHEDULE does not say when calls are expected")


@of_jobs
def coverage_shape(jobs: tuple[Job, ...]) -> type[Shape]:
    """Coverage, with the counts of the requested jobs."""
    described = "Each requested job, by its key."
    fields: dict[str, Any] = {job.key: (FreshnessCounts, Field(default_factory=absent)) for job in jobs}
    by_key: Any = create_model("FreshnessOfJobs", __base__=Shape, __doc__=described, **fields)

    class Coverage(Shape):
        """Is every stock fresh?"""

        max_age_seconds: Count = Field(description="How old the result of a fresh stock may be", examples=[86400])
        since: Time = Field(description="The moment from which results are fresh, UTC")
        jobs: by_key
        page: StockPage = Field(default_factory=absent, description="Present only if stocks were requested")

    return Coverage


@of_jobs
def failures_shape(jobs: tuple[Job, ...]) -> type[Shape]:
    """Failures: a page for each requested job."""
    described = "Which stocks fail, since when, how often, and why; for each requested job, by its key."
    fields: dict[str, Any] = {job.key: (FailurePage, Field(default_factory=absent)) for job in jobs}
    return create_model("Failures", __base__=Shape, __doc__=described, **fields)


@of_jobs
def status_shape(jobs: tuple[Job, ...]) -> type[Shape]:
    """Status: offsets and progress as the platform's apps read them, and more about each job."""
    by_key: Any = {job.key: (JobState, ...) for job in jobs}
    offsets: Any = {f"{job.key}_offset": (Count, _offset(job)) for job in jobs}
    progress: Any = {f"{job.key}_progress_pct": (Percent, _progress(job)) for job in jobs}
    states = create_model("JobStates", __base__=Shape, __doc__="Each job by its key.", **by_key)
    total = Field(description="How many stocks there are", examples=[1572])
    since = Field(description="When the oldest call in the call log began, UTC; null while there is none")
    return create_model(
        "Status",
        __base__=Shape,
        __doc__="The state of the jobs.",
        **offsets,
        total_stocks=(Count, total),
        **progress,
        calls_since=(Time | None, since),
        engine=(Engine, ...),
        jobs=(states, ...),
    )


def _offset(job: Job) -> Any:
    return Field(description=f"Stocks that {job.run_name} has done in this cycle", examples=[600])


def _progress(job: Job) -> Any:
    return Field(description=f"{job.key}_offset as a percentage of all stocks, rounded half up")


def history(runs: Sequence[run.Run]) -> History:
    """A page of runs."""
    return History(runs=[Run.of(each) for each in runs], total=len(runs))


def coverage(found: freshness.Coverage, jobs: Mapping[str, Job]) -> Shape:
    """How fresh the universe is, and a page of its stocks if one was requested."""
    return coverage_shape(jobs).of(found, max_age_seconds=int(found.max_age.total_seconds()))


def failures(pages: Mapping[str, freshness.Page], jobs: Mapping[str, Job]) -> Shape:
    """The stocks that failed last time, by the jobs' keys."""
    return failures_shape(jobs)(**pages)


def status(now: state.Status, jobs: Mapping[str, Job]) -> Shape:
    """The state of the jobs."""
    states = now.jobs.items()
    return status_shape(jobs).of(
        now,
        **{f"{key}_offset": each.offset for key, each in states},
        **{f"{key}_progress_pct": each.progress_pct for key, each in states},
        engine=engine_now(now.engine),
        jobs={key: job_now(each) for key, each in states},
    )


def engine_now(now: EngineState) -> Engine:
    """The engine now."""
    return Engine.of(now, workers=[Worker(**each._asdict()) for each in now.workers])


def job_now(now: job_state.JobState) -> JobState:
    """One job now."""
    last = now.last_call
    pace = Pace.of(now.pace, last_call=last.started_at if last else None, late=now.attendance.late)
    return JobState.of(now, job=now.run_name, cycle=now, pace=pace, schedule=_schedule(now))


def _schedule(now: job_state.JobState) -> Schedule | None:
    timetable, came = now.timetable, now.attendance
    if timetable is None:
        return None
    grace = int(timetable.grace.total_seconds())
    return Schedule.of(
        timetable, grace_seconds=grace, next_call=now.next_call, missed=came.missed, late_since=came.late_since
    )
