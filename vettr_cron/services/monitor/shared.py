"""One answer for all callers of a process, so that however many ask at once, a server is asked once."""

import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, NamedTuple, TypeVar

Answer = TypeVar("Answer")


class _Asking(NamedTuple, Generic[Answer]):
    """A question under way, for whose answer all callers wait."""

    began: float  # monotonic
    answer: "Future[Answer]"


class Shared(Generic[Answer]):
    """The answer to one question: whoever comes while it is asked, or soon after it was answered, shares the answer.

    `keep_seconds` says for how long an answer is given again, by how many seconds it took. An error goes to all who
    waited for it, and is not kept.
    """

    def __init__(self, ask: Callable[[], Answer], keep_seconds: Callable[[float], float]) -> None:
        self._ask = ask
        self._keep_seconds = keep_seconds
        self._lock = threading.Lock()
        self._asking: _Asking[Answer] | None = None
        self._kept: _Asking[Answer] | None = None
        self._kept_until = -math.inf  # monotonic

    def get(self, patience: float = math.inf, asked_since: float = -math.inf) -> Answer:
        """The answer, once it is there. Raises what asking raises.

        With `patience`, those who share a question wait only until so many seconds after it was asked; then it raises
        TimeoutError. With `asked_since` (monotonic), an answer counts only if it was asked for then or later.
        """
        while True:
            with self._lock:
                asking, kept = self._asking, self._kept
                if kept is not None and time.monotonic() < self._kept_until and kept.began >= asked_since:
                    return kept.answer.result()
                is_first = asking is None
                if asking is None:
                    asking = self._asking = _Asking(time.monotonic(), Future())
            if is_first:
                self._run(asking)
            remaining = max(asking.began + patience - time.monotonic(), 0)
            timeout = None if math.isinf(remaining) else remaining
            if asking.began >= asked_since:
                return asking.answer.result(timeout)
            asking.answer.exception(timeout)  # only waits

    def _run(self, asking: _Asking[Answer]) -> None:
        try:
            asking.answer.set_result(self._ask())
        except BaseException as error:
            asking.answer.set_exception(error)
        with self._lock:
            self._asking = None
            if asking.answer.exception() is None:
                now = time.monotonic()
                self._kept, self._kept_until = asking, now + self._keep_seconds(now - asking.began)
