"""Retries and time limits for database transactions: transient failures are retried, within limits."""

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
    """The transaction's result, after a few attempts with random waits between them, while `may_wait` allows it.

    The transaction must be idempotent: a commit whose answer was lost may have happened. Raises what the last attempt
    raised.
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
    """The transaction's result, if it comes by that moment (monotonic); None means no limit.

    Connecting to a silent server can take longer than a stopping process has. The transaction is then abandoned, so it
    must do no harm if it completes late. Raises DatabaseUnavailable.
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
