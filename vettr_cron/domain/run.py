"""A run is one chunk's record, a call is one caller's share of a cycle; both end in a state that says why."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

MAXIMUM_LISTED = 1_000
MINIMUM_STOCKS_FOR_TOLERANCE = 10
INTERRUPTED = "interrupted"


class RunStatus(StrEnum):
    """The life of a run: running, then one of the other two, for good."""

    RUNNING = "running"  # its holder is working on it, or has died; then the next holder closes it
    COMPLETED = "completed"  # everything that it did is written
    FAILED = "failed"  # it was interrupted, or more stocks failed than is tolerated


class CallStatus(StrEnum):
    """How a call ended."""

    COMPLETED = "completed"
    FAILED = "failed"  # at least one of its runs failed
    SKIPPED = "skipped"  # another caller holds the lease, or the job is paused; nothing was done


class StopReason(StrEnum):
    """Why a call went no further."""

    CHUNKS_DONE = "chunks_done"  # all requested chunks are done
    CYCLE_COMPLETE = "cycle_complete"  # the end of the universe is reached
    STOCKS_DONE = "stocks_done"  # all requested stocks are done, whether named or failed before
    TIME_BUDGET = "time_budget"  # the call's time budget is spent
    SHUTDOWN = "shutdown"  # the process was asked to stop
    ALREADY_RUNNING = "already_running"  # another caller holds the lease
    PAUSED = "paused"  # an operator has paused the job
    RESET = "reset"  # another caller or program reset or moved the cursor
    SUPERSEDED = "superseded"  # the lease was lost; another caller goes on
    ERROR = "error"  # a server failed, or a bug


@dataclass(frozen=True, slots=True)
class StockFailure:
    """A stock that kept its old results, and why, in words for a person."""

    ticker: str
    error: str


@dataclass(frozen=True, slots=True)
class Pause:
    """Why and since when a job is paused; naive UTC."""

    reason: str | None
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One row of cron_job_runs, even another program's. `started_at` is the chunk's one `now`; times are naive UTC."""

    id: UUID
    job_name: str
    status: RunStatus | str  # any other text comes from another program
    stocks_processed: int = 0
    succeeded: int = 0
    failed_count: int = 0
    failures: Sequence[StockFailure] | None = None
    chunk_offset: int | None
    chunk_size: int | None
    total_stocks: int | None
    duration_ms: int | None = 0
    started_at: datetime
    completed_at: datetime | None = None
    error_message: str | None = None

    def with_stocks(self, succeeded: int, failures: Sequence[StockFailure], duration_ms: int) -> "Run":
        """This run after one more group of stocks."""
        everyone = (*(self.failures or ()), *failures)
        return replace(
            self,
            stocks_processed=self.stocks_processed + succeeded + len(failures),
            succeeded=self.succeeded + succeeded,
            failed_count=self.failed_count + len(failures),
            failures=everyone or None,
            duration_ms=duration_ms,
        )

    def finished(self, now: datetime, duration_ms: int, error: str | None = None) -> "Run":
        """This run at its end; with an error it has failed."""
        status = RunStatus.FAILED if error else RunStatus.COMPLETED
        return replace(self, status=status, completed_at=now, duration_ms=duration_ms, error_message=error)

    def beyond_tolerance(self, tolerated_percent: float) -> str | None:
        """The error if too many of the chunk's stocks failed; a chunk of fewer than 10 stocks never fails for this."""
        if self.stocks_processed < MINIMUM_STOCKS_FOR_TOLERANCE:
            return None
        if self.failed_count * 100 <= tolerated_percent * self.stocks_processed:
            return None
        return f"{self.failed_count} of {self.stocks_processed} stocks failed; {tolerated_percent:g} % are tolerated"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobResult:
    """What one call did for one job, summed over its chunks."""

    job: str
    stocks_processed: int = 0
    succeeded: int = 0
    failed: int = 0
    failures: Sequence[StockFailure] = field(default_factory=tuple)
    duration_ms: int
    completed_at: datetime
    current_offset: int  # where this call began
    chunk_size: int
    total_stocks: int
    is_complete: bool = False  # the cycle ended with this call
    status: CallStatus
    stop_reason: StopReason
    run_id: UUID | None = None  # the last run's; of a skipped call, the holder's
    cycle_id: UUID | None = None
    chunks_run: int = 0
    warning: str | None = None
    error: str | None = None  # why the call failed
    pause: Pause | None = None  # of a call that the pause ended, or kept from starting
    retry_after: float | None = None  # of a skipped call: at most the seconds until the lease expires
    seconds_since_progress: int | None = None  # of a skipped call: how long the holder has shown no progress
    unavailable: bool = False  # a server did not answer, and nothing was changed
