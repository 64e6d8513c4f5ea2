"""The call log: a row for each call of a job, written as it begins and as it ends, whatever becomes of it."""

from collections.abc import Callable
from dataclasses import replace

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from vettr_cron.domain.errors import CronError, DatabaseUnavailable, unexpected
from vettr_cron.domain.logged_call import LoggedCall, LoggedStatus
from vettr_cron.domain.run import JobResult, StopReason
from vettr_cron.repositories import calls
from vettr_cron.services.clock import utc_now
from vettr_cron.services.refresh.call import Call
from vettr_cron.services.retry import with_timeout

log = structlog.get_logger(__name__)

END_SECONDS = 2.0  # for writing a call's end, whatever is left of its budget


def log_beginning(connection: Connection, call: Call) -> None:
    """Insert the row of a call that has the lease, and close what dead calls of the job left `running`."""
    if calls.begin(connection, call.logged):
        calls.close_interrupted(connection, call.logged, call.job.run_name)


def logged(call: Call, work: Callable[[], JobResult]) -> JobResult:
    """The result of this work, once the call's end is written; it is written only once.

    That it cannot be written fails no call: the next one closes the row.
    """
    try:
        result = work()
    except Exception as problem:
        if not (isinstance(problem, DatabaseUnavailable) and not problem.transient):
            _log_end(call, _broken_off(call, problem))
        raise
    _log_end(call, _ended(call, result))
    return result


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
    if call.is_logged or call.database_lost:
        return
    call.is_logged = True

    def write() -> None:
        with call.database.writing(END_SECONDS) as connection:
            calls.end(connection, replace(ended, ended_at=utc_now()))

    try:
        with_timeout(call.shutdown.ends, write)
    except CronError as problem:
        log.warning("call_not_logged", job=call.job.run_name, reason=str(problem))
    except DBAPIError as problem:  # a trigger or a constraint of somebody else's
        log.warning("call_not_logged", job=call.job.run_name, exc_info=problem)
