"""What a call of a job did, or would do."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel, create_model

from vettr_cron.domain import run
from vettr_cron.domain.run import MAXIMUM_LISTED, CallStatus, StopReason
from vettr_cron.jobs.job import Job
from vettr_cron.services.refresh import all_jobs, preview
from vettr_cron.shapes.shape import Count, CycleId, Id, RunName, Shape, Time, absent, of_jobs


class StockFailure(Shape):
    """A stock that failed and kept its earlier results, and why."""

    ticker: str = Field(description="The stock's ticker", examples=["ACME"])
    error: str = Field(description="Why, for a person", examples=["vetr_score: the share price is not a number"])


class Pause(Shape):
    """An operator has paused the job."""

    reason: str | None = Field(description="Why; null if no reason was given", examples=["prices are being reloaded"])
    since: Time = Field(description="Since when, UTC")


class ChunkInfo(Shape):
    """Where this call was in the cycle."""

    current_offset: Count = Field(description="Where this call began, in stocks from the cycle's start", examples=[500])
    chunk_size: Count = Field(description="Stocks per chunk, at most", examples=[100])
    total_stocks: Count = Field(description="How many stocks there are", examples=[1572])
    is_complete: bool = Field(description="Whether the cycle ended with this call")


class JobResult(Shape):
    """What one call did for one job, summed over its chunks."""

    job: RunName
    stocks_processed: Count = Field(description="Stocks that were processed, successfully or not", examples=[100])
    succeeded: Count = Field(description="Stocks whose results were written", examples=[99])
    failed: Count = Field(description="Stocks that failed and kept their earlier results", examples=[1])
    failures: list[StockFailure] = Field(
        max_length=MAXIMUM_LISTED,
        description=f"Which stocks failed, and why; the first {MAXIMUM_LISTED}",
    )
    duration_ms: Count = Field(description="How long it took, in milliseconds", examples=[84])
    completed_at: Time = Field(description="When the call finished this job, UTC")
    chunk_info: ChunkInfo
    status: CallStatus = Field(
        description="completed; failed: at least one run failed; skipped: another caller is running the job, or "
        "it is paused, and nothing was done"
    )
    stop_reason: StopReason = Field(
        description="Why the call stopped. chunks_done: all requested chunks are done; cycle_complete: the last stock "
        "is done; time_budget: no time for more; shutdown: the process was asked to stop; already_running: another "
        "caller holds the lease; paused: an operator has paused the job; stocks_done: all stocks requested with "
        "tickers or only are done; reset: the cursor was reset or set meanwhile; superseded: the lease was lost; "
        "error: a server failed, or there is a bug"
    )
    run_id: Id | None = Field(description="The last run's id; in a skipped call the holder's; null if none began")
    cycle_id: CycleId
    chunks_run: Count = Field(description="How many chunks the call ran, each a run of its own", examples=[1])
    failures_truncated: Literal[True] = Field(
        default_factory=absent, description="Present only if more stocks failed than are listed"
    )
    warning: str = Field(default_factory=absent, description="Present only if something was odd but harmless")
    error: str = Field(default_factory=absent, description="Present only if the call failed: why")
    paused: Pause = Field(default_factory=absent, description="Present only if the job is paused")
    seconds_since_progress: Count = Field(
        default_factory=absent,
        description="Present only if another caller holds the lease: how long ago it made progress",
        examples=[2],
    )


class Preview(Shape):
    """Which stocks the next call would take; nothing was done."""

    job: RunName
    dry_run: Literal[True]
    stocks: Count = Field(description="How many stocks the call would take", examples=[100])
    tickers: list[str] = Field(max_length=MAXIMUM_LISTED, description=f"Which; the first {MAXIMUM_LISTED}")
    chunk_info: ChunkInfo
    cycle_id: CycleId
    tickers_truncated: Literal[True] = Field(
        default_factory=absent, description="Present only if it would take more stocks than are listed"
    )
    warning: str = Field(default_factory=absent, description="Present only if something is odd but harmless")
    paused: Pause = Field(default_factory=absent, description="Present only if the job is paused")
    held_by: str = Field(
        default_factory=absent, description="Present only while another caller is running the job: its run's id"
    )


class JobResultOrPreview(RootModel[JobResult | Preview]):
    """What was done; with dry_run, what would be."""

    model_config = ConfigDict(defer_build=True)


@of_jobs
def all_results_shape(jobs: tuple[Job, ...]) -> type[Shape]:
    """AllResults: each job's result by its key, and the time for all."""
    fields: dict[str, Any] = {job.key: (JobResult, ...) for job in jobs}
    total = Field(description="How long all took, in milliseconds", examples=[161])
    described = "The result of each job, in the order in which they ran."
    return create_model("AllResults", __base__=Shape, __doc__=described, **fields, total_duration_ms=(Count, total))


@of_jobs
def all_previews_shape(jobs: tuple[Job, ...]) -> type[Shape]:
    """AllPreviews: each job's preview by its key."""
    fields: dict[str, Any] = {job.key: (Preview, ...) for job in jobs}
    described = "Which stocks each job's next call would take."
    return create_model("AllPreviews", __base__=Shape, __doc__=described, **fields)


@of_jobs
def all_results_or_previews_shape(jobs: tuple[Job, ...]) -> type[BaseModel]:
    """AllResultsOrPreviews: one or the other."""
    table = {job.name: job for job in jobs}
    either: Any = all_results_shape(table) | all_previews_shape(table)

    class AllResultsOrPreviews(RootModel[either]):
        """What was done; with dry_run, what would be."""

        model_config = ConfigDict(defer_build=True)

    return AllResultsOrPreviews


def job_result(result: run.JobResult) -> JobResult:
    """What one call did for one job."""
    truncated = result.failed > len(result.failures)
    return JobResult.of(result, chunk_info=result, paused=result.pause, failures_truncated=truncated or None)


def job_preview(seen: preview.Preview) -> Preview:
    """What the next call of one job would do."""
    return Preview.of(
        seen,
        dry_run=True,
        chunk_info=seen,
        tickers_truncated=seen.stocks > len(seen.tickers) or None,
        paused=seen.pause,
        held_by=(seen.held.run_id or "") if seen.held else None,
    )


def all_results(everything: all_jobs.AllResults, jobs: Mapping[str, Job]) -> Shape:
    """What one call did for every job."""
    results = {key: job_result(result) for key, result in everything.results.items()}
    return all_results_shape(jobs).of(everything, **results)


def all_previews(seen: Mapping[str, preview.Preview], jobs: Mapping[str, Job]) -> Shape:
    """What the next call of every job would do; the previews by the jobs' keys."""
    return all_previews_shape(jobs)(**{key: job_preview(each) for key, each in seen.items()})
