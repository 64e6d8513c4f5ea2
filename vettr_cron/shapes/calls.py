"""The call log."""

from pydantic import Field

from vettr_cron.domain.logged_call import Caller, LoggedStatus
from vettr_cron.domain.run import StopReason
from vettr_cron.services.monitor.calls import CallPage
from vettr_cron.shapes.shape import JOB_NAMES, Count, Id, Shape, Time


class Call(Shape):
    """One call of one job."""

    id: Id = Field(description="The call's id")
    job: str = Field(description="The job's name", examples=["scores"], json_schema_extra={"enum": [JOB_NAMES]})
    along_cursor: bool = Field(description="False if it named its stocks, or took those that had failed")
    caller: str = Field(description="http or command", examples=[Caller.HTTP.value])
    started_at: Time = Field(description="When it began, UTC")
    ended_at: Time | None = Field(description="When it ended, UTC; null while it runs, or if its process has died")
    status: str = Field(
        description="running, completed, failed, or skipped: another caller held the lease, or the job was paused",
        examples=[LoggedStatus.COMPLETED.value],
    )
    stop_reason: str | None = Field(
        description="Why it stopped, as in a job result; null while it runs", examples=[StopReason.CHUNKS_DONE.value]
    )
    is_complete: bool = Field(description="Whether the cycle ended with this call")
    chunks_run: Count = Field(description="How many chunks it ran, each a run of its own", examples=[1])
    stocks_processed: Count = Field(description="Stocks that were processed, successfully or not", examples=[100])
    succeeded: Count = Field(description="Stocks whose results were written", examples=[99])
    failed: Count = Field(description="Stocks that failed and kept their earlier results", examples=[1])
    error: str | None = Field(description="Why it failed; null unless it did")
    first_run_id: Id | None = Field(description="Its first run's id; null if none began")
    last_run_id: Id | None = Field(description="Its last run's id; null if none began")


class Calls(Shape):
    """A page of calls, newest first."""

    calls: list[Call] = Field(description="The calls, newest first")
    total: Count = Field(description="How many calls are in this reply", examples=[50])
    calls_since: Time | None = Field(description="When the oldest call in the log began, UTC; null while there is none")


def calls(page: CallPage) -> Calls:
    """A page of calls."""
    return Calls.of(page, calls=[Call.of(each) for each in page.calls], total=len(page.calls))
