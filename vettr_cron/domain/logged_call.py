"""One call of one job, as the call log has it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from vettr_cron.domain.run import StopReason


class Caller(StrEnum):
    """Where a call came from."""

    HTTP = "http"
    COMMAND = "command"


class LoggedStatus(StrEnum):
    """The life of a call: running, then one of the others, for good."""

    RUNNING = "running"  # it is at work, or its process has died; then the next call closes it
    COMPLETED = "completed"
    FAILED = "failed"  # a run failed, a server was unavailable, or its process died
    SKIPPED = "skipped"  # another caller held the lease, or the job was paused


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedCall:
    """One row of cron_calls. Times are naive UTC; counts are those of the job's result."""

    id: UUID
    job: str
    along_cursor: bool  # False: it named its stocks, or took those that had failed
    caller: Caller | str
    started_at: datetime
    ended_at: datetime | None = None
    status: LoggedStatus | str = LoggedStatus.RUNNING
    stop_reason: StopReason | str | None = None
    is_complete: bool = False  # the cycle ended with this call
    chunks_run: int = 0
    stocks_processed: int = 0
    succeeded: int = 0
    failed: int = 0
    error: str | None = None
    first_run_id: UUID | None = None
    last_run_id: UUID | None = None
