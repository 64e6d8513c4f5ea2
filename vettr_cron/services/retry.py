"""Patience with the database: a transaction is done again when the failure was of the passing kind, within limits."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

import structlog
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from vettr_cron.domain.errors import DatabaseUnavailable

Answer = TypeVar("Answer")

ATTEMPTS = 4

log = structlog.get_logger(__name__)


def retry_transient(transaction: Callable[[], Answer], may_wait: Callable[[], bool]) -> Answer:
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


def with_timeout(moment: float | None, transaction: Callable[[], Answer]) -> Answer:
    """The transaction's answer, if it comes by that moment (monotonic); None is no limit.

    To connect to a server that says nothing can take longer than a stopping process has. The transaction is then left
    to itself, and must be one that does no harm when it comes too late. Raises DatabaseUnavailable.
    """
    if moment is None:
        return transaction()
    answer: Future[Answer] = Future()

    def answering() -> None:
        try:
            answer.set_result(transaction())
        except BaseException as error:
            answer.set_exception(error)

    threading.Thread(target=answering, name="last-word", daemon=True).start()
    try:
        return answer.result(max(moment - time.monotonic(), 0.0))
    except TimeoutError:
        raise DatabaseUnavailable from None


def _log(state: RetryCallState) -> None:
    reason = str(state.outcome.exception()) if state.outcome else ""
    log.warning("transaction_again", attempt=state.attempt_number, reason=reason)
