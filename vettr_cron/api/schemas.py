"""The shape of the data in every reply, as the OpenAPI document tells it; tests hold real replies against it."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, RootModel

from vettr_cron.domain.run import MAXIMUM_LISTED, CallStatus, RunStatus, StopReason
from vettr_cron.jobs import JOBS

Time = Annotated[
    str,
    Field(
        pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$",
        json_schema_extra={"format": "date-time"},
        examples=["2026-11-23T12:00:00.000Z"],
    ),
]
Count = Annotated[int, Field(ge=0)]
Percent = Annotated[int, Field(ge=0, le=100, examples=[38])]
RunName = Annotated[str, Field(json_schema_extra={"enum": [job.run_name for job in JOBS.values()]})]
CycleId = Annotated[UUID | None, Field(description="The id of the pass over all stocks; null between two cycles")]


def _absent() -> Any:
    """What makes a field one that need not be there, although it is never null."""
    return None


class Shape(BaseModel):
    """What has these fields and no others."""

    # Nothing is checked with them while the service runs, so they are not built before somebody reads the document.
    model_config = ConfigDict(extra="forbid", defer_build=True)


class Meta(Shape):
    """Of every reply."""

    timestamp: Time = Field(description="When the reply was made, UTC")
    request_id: str = Field(description="The same as in X-Request-Id; the log has it", examples=["3f2a91c0"])


class StockFailure(Shape):
    """A stock that kept what it had, and why."""

    ticker: str = Field(description="The stock's ticker", examples=["ACME"])
    error: str = Field(description="Why, for a person", examples=["vetr_score: the share price is not a number"])


class Pause(Shape):
    """An operator has paused the job."""

    reason: str | None = Field(description="Why; null where none was given", examples=["prices are being reloaded"])
    since: Time = Field(description="Since when, UTC")


class ChunkInfo(Shape):
    """Where this call stood in the cycle."""

    current_offset: Count = Field(description="Where this call began, in stocks from the cycle's start", examples=[500])
    chunk_size: Count = Field(description="Stocks a chunk, at most", examples=[100])
    total_stocks: Count = Field(description="How many stocks there are", examples=[1572])
    is_complete: bool = Field(description="Whether the cycle ended with this call")


class JobResult(Shape):
    """What one call did for one job, summed over its chunks."""

    job: RunName = Field(description="The job's name in the run log")
    stocks_processed: Count = Field(description="Stocks that were done, with success or without", examples=[100])
    succeeded: Count = Field(description="Stocks whose results were written", examples=[99])
    failed: Count = Field(description="Stocks that kept what they had", examples=[1])
    failures: list[StockFailure] = Field(
        max_length=MAXIMUM_LISTED,
        description=f"Which stocks failed, and why; the first {MAXIMUM_LISTED}",
    )
    duration_ms: Count = Field(description="How long it took, in milliseconds", examples=[84])
    completed_at: Time = Field(description="When the call was done with this job, UTC")
    chunk_info: ChunkInfo
    status: CallStatus = Field(
        description="completed; failed: at least one run failed; skipped: another caller is at it or the job is "
        "paused, and nothing was done"
    )
    stop_reason: StopReason = Field(
        description="Why it went no further. chunks_done: all the chunks that were asked for; cycle_complete: the last "
        "stock is done; time_budget: no time for more; shutdown: the process was asked to stop; already_running: "
        "another caller holds the lease; paused: an operator has paused the job; stocks_done: all the stocks that "
        "were asked for with tickers or only; reset: the cursor was reset or set meanwhile; superseded: the lease was "
        "lost; "
        "error: a server failed, or a bug"
    )
    run_id: UUID | None = Field(description="The last run's id; of a skipped call the holder's; null where none began")
    cycle_id: CycleId
    chunks_run: Count = Field(description="How many chunks, and so runs, the call had", examples=[1])
    failures_truncated: Literal[True] = Field(
        default_factory=lambda: True, description="There only when more stocks failed than are listed"
    )
    warning: str = Field(default_factory=str, description="There only when something was odd but did no harm")
    error: str = Field(default_factory=str, description="There only when the call failed: why")
    paused: "Pause" = Field(default_factory=_absent, description="There only when the job is paused")


class Preview(Shape):
    """Which stocks the next call would take; nothing was done."""

    job: RunName = Field(description="The job's name in the run log")
    dry_run: Literal[True]
    stocks: Count = Field(description="How many stocks the call would take", examples=[100])
    tickers: list[str] = Field(max_length=MAXIMUM_LISTED, description=f"Which; the first {MAXIMUM_LISTED}")
    chunk_info: ChunkInfo
    cycle_id: CycleId
    tickers_truncated: Literal[True] = Field(
        default_factory=lambda: True, description="There only when it would take more stocks than are listed"
    )
    warning: str = Field(default_factory=str, description="There only when something is odd but would do no harm")
    paused: Pause = Field(default_factory=_absent, description="There only when the job is paused")
    held_by: str = Field(default_factory=str, description="There only while another caller is at it: its run's id")


class JobResultOrPreview(RootModel[JobResult | Preview]):
    """What was done; with dry_run what would be."""

    model_config = ConfigDict(defer_build=True)


class AllResults(Shape):
    """The result of each job, in the order in which they ran."""

    scores: JobResult
    red_flags: JobResult
    total_duration_ms: Count = Field(description="How long all took, in milliseconds", examples=[161])


class AllPreviews(Shape):
    """Which stocks the next call would take, of each job."""

    scores: Preview
    red_flags: Preview


class AllResultsOrPreviews(RootModel[AllResults | AllPreviews]):
    """What was done; with dry_run what would be."""

    model_config = ConfigDict(defer_build=True)


class Run(Shape):
    """One chunk's row of cron_job_runs, every column by its own name."""

    id: UUID = Field(description="The run's id")
    job_name: str = Field(description="The job's name in the run log", examples=["refresh-scores"])
    status: str = Field(
        description="running; completed: all is written; failed: see error_message; of other programs' runs any word",
        examples=[RunStatus.COMPLETED.value],
    )
    stocks_processed: Count = Field(description="Stocks that were done, with success or without", examples=[100])
    succeeded: Count = Field(description="Stocks whose results were written", examples=[99])
    failed_count: Count = Field(description="Stocks that kept what they had", examples=[1])
    failures: list[StockFailure] | None = Field(description="Which stocks failed, and why; null where none did")
    chunk_offset: int | None = Field(
        description="Where the chunk began, in stocks from the cycle's start", examples=[500]
    )
    chunk_size: int | None = Field(description="Stocks a chunk, at most", examples=[100])
    total_stocks: int | None = Field(description="How many stocks there were", examples=[1572])
    duration_ms: int | None = Field(description="How long it took, in milliseconds", examples=[84])
    started_at: Time = Field(description="When it began, UTC; the one `now` of all its rules")
    completed_at: Time | None = Field(description="When it ended, UTC; null while it is running")
    error_message: str | None = Field(description="Why it failed; null unless it did")


class History(Shape):
    """A page of runs, newest first."""

    runs: list[Run] = Field(description="The runs, newest first")
    total: Count = Field(description="How many runs are in this reply", examples=[50])


class Freshness(Shape):
    """How many of a job's stocks are how fresh."""

    total: Count = Field(description="How many stocks there are", examples=[1572])
    fresh: Count = Field(description="Refreshed within max_age", examples=[1560])
    stale: Count = Field(description="Refreshed, but longer ago", examples=[10])
    never: Count = Field(description="Never refreshed under this ticker", examples=[2])
    failing: Count = Field(description="Failed last time; counted among the others as well", examples=[12])
    oldest: Time | None = Field(description="When the stalest of those with a result was refreshed, UTC")


class FreshnessOfJobs(Shape):
    """Each job that was asked for, by its key."""

    scores: Freshness = Field(default_factory=_absent)
    red_flags: Freshness = Field(default_factory=_absent)


class StockState(Shape):
    """How a job last fared with a stock."""

    job: RunName = Field(description="The job's name in the run log")
    ticker: str = Field(description="The stock's ticker", examples=["ACME"])
    last_cycle_id: UUID | None = Field(description="The cycle that last tried it; null where none did")
    last_refreshed_at: Time | None = Field(description="When it last succeeded, UTC; null where it never did")
    last_failed_at: Time | None = Field(description="When it last failed, UTC; null where it never did")
    failing_since: Time | None = Field(description="Since when it fails, UTC; null when it does not")
    consecutive_failures: Count = Field(description="How often it failed in a row", examples=[3])
    last_error: str | None = Field(description="Why it failed last time; null when it did not")


class StockPage(Shape):
    """A piece of a list, by ticker."""

    stocks: list[StockState] = Field(description="The stocks, by ticker")
    next_after: str | None = Field(description="What `after` must be for the next piece; null at the end")


class Coverage(Shape):
    """Is every stock fresh?"""

    max_age_seconds: Count = Field(description="How old the result of a fresh stock may be", examples=[86400])
    since: Time = Field(description="The moment from which results are fresh, UTC")
    jobs: FreshnessOfJobs
    page: StockPage = Field(default_factory=_absent, description="There only where stocks were asked for")


class Failures(Shape):
    """Who fails, since when, how often, and why; of each job that was asked for, by its key."""

    scores: StockPage = Field(default_factory=_absent)
    red_flags: StockPage = Field(default_factory=_absent)


class Pauses(Shape):
    """The jobs that are paused now."""

    paused: dict[str, Pause] = Field(description="By the job's name", examples=[{}])


class KeptFrom(Shape):
    """Rows from before these times were looked at."""

    runs: Time
    red_flags: Time
    snapshots: Time


class CleanupDone(Shape):
    """What was removed; with dry_run what would be."""

    runs_removed: Count = Field(description="Rows of cron_job_runs", examples=[1200])
    red_flags_removed: Count = Field(description="Rows of red_flag_history", examples=[250000])
    snapshots_removed: Count = Field(description="Rows of vetr_score_snapshots", examples=[31000])
    dry_run: bool = Field(description="Whether the rows were only counted")
    is_complete: bool = Field(description="Whether nothing is left that may go; if not, call again")
    older_than: KeptFrom
    duration_ms: Count = Field(description="How long it took, in milliseconds", examples=[840])
    error: str = Field(default_factory=str, description="There only when the call ended too soon: why")


class CycleState(Shape):
    """How far a job's cycle is."""

    cycle_id: CycleId
    offset: Count = Field(description="Stocks done in this cycle; 0 when there is no cursor", examples=[600])
    progress_pct: Percent = Field(description="The same in per cent of all stocks, rounded half up")


class Pace(Shape):
    """How calls have come lately; null where there were too few of them to say."""

    last_call: Time | None = Field(description="When the last call began, UTC")
    every_seconds: Count | None = Field(description="The usual seconds from one call to the next", examples=[3600])
    stocks_per_call: Count | None = Field(description="The usual stocks a call", examples=[100])
    stocks_per_second: float | None = Field(description="Of the last call", examples=[1250.0])
    calls_left: Count | None = Field(
        description="Until the cycle is done, at this pace; 0 when more stocks are done than there are", examples=[4]
    )
    done_at: Time | None = Field(description="When it will be done at this pace, UTC")
    late: bool = Field(description="Whether a call is overdue; never while one is at work, or the job is paused")


class JobState(Shape):
    """One job now."""

    job: RunName = Field(description="The job's name in the run log")
    summary: str = Field(description="What is going on, and what to do about it, in words")
    pace: Pace
    running: Run | None = Field(description="The run that is going on; null when none is")
    paused: Pause | None = Field(description="Why and since when the job is paused; null when it is not")
    cycle: CycleState
    last_run: Run | None = Field(description="The newest run; null before the first")
    last_success: Run | None = Field(description="The newest completed run; null before the first")


class JobStates(Shape):
    """Each job by its key."""

    scores: JobState
    red_flags: JobState


class Status(Shape):
    """What goes on."""

    scores_offset: Count = Field(description="Stocks whose score is done in this cycle", examples=[600])
    red_flags_offset: Count = Field(description="Stocks whose red flags are done in this cycle", examples=[600])
    total_stocks: Count = Field(description="How many stocks there are", examples=[1572])
    scores_progress_pct: Percent = Field(description="scores_offset in per cent of all stocks, rounded half up")
    red_flags_progress_pct: Percent = Field(description="red_flags_offset in per cent of all stocks, rounded half up")
    jobs: JobStates


class ResetDone(Shape):
    """What was reset."""

    message: Literal["Cron cursors reset"]
    reset: list[Annotated[str, Field(json_schema_extra={"enum": list(JOBS)})]] = Field(
        description="The jobs whose next call starts a new cycle"
    )


class Alive(Shape):
    """The process answers."""

    status: Literal["ok"]


class Ready(Shape):
    """The service can work."""

    status: Literal["ready"]


class Problems(Shape):
    """What does not answer, and why; there only those that do not."""

    database: str = Field(default_factory=str, examples=["The database does not answer"])
    redis: str = Field(default_factory=str, examples=["Redis does not answer"])


class NotReady(Shape):
    """Why the service cannot work."""

    not_ready: Problems


class InvalidParameter(Shape):
    """One parameter that was refused."""

    parameter: str = Field(description="Its name as given", examples=["chunk_size"])
    message: str = Field(
        description="What it may be", examples=["'0' is not allowed; use a whole number from 1 to 10000"]
    )


class InvalidParameters(RootModel[list[InvalidParameter]]):
    """Every parameter that was refused, each once."""

    model_config = ConfigDict(defer_build=True)
