"""Does a database transaction again when the failure was of the passing kind."""

from collections.abc import Callable
from typing import TypeVar

import structlog
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from vettr_cron.domain.errors import DatabaseUnavailable

Answer = TypeVar("Answer")

ATTEMPTS = 4

log = structlog.get_logger(__name__)


def persistently(transaction: Callable[[], Answer], may_wait: Callable[[], bool]) -> Answer:
    """The transaction's answer, after a few attempts with jitter between them while `may_wait` says so.

    Every transaction that is handed over must do the same when it is done twice: a commit whose answer was lost may
    have happened. Raises what the last attempt raised.
    """
    retrying = Retrying(
        retry=retry_if_exception(lambda error: isinstance(error, DatabaseUnavailable) and error.transient),
        stop=lambda state: stop_after_attempt(ATTEMPTS)(state) or not may_wait(),
        wait=wait_random_exponential(multiplier=0.1, max=1.5),
        before_sleep=_log,
        reraise=True,
    )
    return retrying(transaction)


def _log(state: RetryCallState) -> None:
    reason = str(state.outcome.exception()) if state.outcome else ""
    log.warning("transaction_again", attempt=state.attempt_number, reason=reason)
