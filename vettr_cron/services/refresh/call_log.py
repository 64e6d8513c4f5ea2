"""The call log: a row for each call of a job, written as it begins and as it ends, whatever becomes of it."""

import time
from collections.abc import Callable
from dataclasses import replace

import structlog
from sqlalchemy import Connection

from vettr_cron.domain.errors import CronError, DatabaseUnavailable, RunSuperseded, unexpected
from vettr_cron.domain.logged_call import LoggedCall, LoggedStatus
from vettr_cron.domain.run import JobResult, StopReason
from vettr_cron.repositories import calls
from vettr_cron.services.clock import utc_now
from vettr_cron.services.refresh.call import Call
from vettr_cron.services.retry import retry_transient, with_timeout

log = structlog.get_logger(__name__)

END_SECONDS, LEAST_SECONDS = 2.0, 1.0  # for writing a call's end, the least when its budget is spent


def log_beginning(connection: Connection, call: Call) -> None:
    """Insert the row of a call that has the lease, and close what dead calls of the job left `running`.

    Raises RunSuperseded.
    """
    if calls.begin(connection, call.logged):
        # If the lease is still ours after reading, those seen cannot include the call of a later holder.
        if not call.leases.renew(call.lease):
            raise RunSuperseded
        calls.close_interrupted(connection, call.logged, call.job.run_name)


def logged(call: Call, work: Callable[[], JobResult]) -> JobResult:
    """The result of this work, once the call's end is written; it is written only once.

    That it cannot be written fails no call: the next one closes the row.
    """
    try:
        result = work()
    except Exception as problem:
        call.database_lost = is_silent(problem)
        _log_end(call, _broken_off(call, problem))
        raise
    _log_end(call, _ended(call, result))
    return result


def is_silent(problem: Exception) -> bool:
    """Whether the database did not answer at all, so that asking it once more would only take time."""
    return isinstance(problem, DatabaseUnavailable) and str(problem) == str(DatabaseUnavailable())


def _ended(call: Call, result: JobResult) -> LoggedCall:
    return replace(
        call.logged,
        status=LoggedStatus(result.status.value),
        stop_reason=result.stop_reason,
        is_complete=result.is_complete,
        chunks_run=result.chunks_run,
        stocks_processed=result.stocks_processed,
        succeeded=result.succeeded,
        failed=result.failed,
        error=result.error,
        first_run_id=call.first_run_id,
        last_run_id=call.last_run_id,
    )


def _broken_off(call: Call, problem: Exception) -> LoggedCall:
    error = str(problem) if isinstance(problem, CronError) else unexpected(problem).error
    return replace(_ended(call, call.result(StopReason.ERROR)), status=LoggedStatus.FAILED, error=error)


def _log_end(call: Call, ended: LoggedCall) -> None:
    if call.is_logged:
        return
    call.is_logged = True
    try:
        if call.database_lost:
            raise DatabaseUnavailable
        _write(call, replace(ended, ended_at=utc_now()))
    except CronError as problem:
        log.warning("call_not_logged", job=call.job.run_name, reason=str(problem))
    except Exception as bug:  # such as a trigger or a constraint of somebody else's
        log.warning("call_not_logged", job=call.job.run_name, exc_info=bug)


def _write(call: Call, ended: LoggedCall) -> None:
    left = call.limits.seconds_left
    seconds = END_SECONDS if left is None else min(max(left, LEAST_SECONDS), END_SECONDS)
    ends = time.monotonic() + seconds
    shutdown_ends = call.shutdown.ends

    def write() -> None:
        with call.database.writing(seconds) as connection:
            calls.end(connection, ended)

    with_timeout(
        ends if shutdown_ends is None else min(ends, shutdown_ends),
        lambda: retry_transient(write, lambda: time.monotonic() < ends),
    )
