"""Reads the next chunk while the current one is evaluated and saved."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from datetime import datetime

import structlog

from vettr_cron.jobs.job import Chunk
from vettr_cron.services.clock import utc_now

log = structlog.get_logger(__name__)

Load = Callable[[str | None, datetime], Chunk]
"""Reads the chunk after a ticker, for a `now`. Raises DatabaseUnavailable, InputsUnreadable."""


class Prefetch:
    """Reads at most one chunk ahead, which is used only if the cursor then stands at its beginning.

    It is read for a `now` before the chunk's own, so it contains at least the rows that the rules need; they check
    every date again. Without an executor nothing is read ahead.
    """

    def __init__(self, load: Load, executor: Executor | None) -> None:
        self._load = load
        self._executor = executor
        self._under_way: tuple[str, Future[Chunk]] | None = None

    def start(self, after: str) -> None:
        """Start reading the chunk after this ticker."""
        if self._executor is not None:
            self._under_way = after, self._executor.submit(self._load, after, utc_now())

    def take(self, after: str | None) -> Chunk | None:
        """The chunk after this ticker; None if it was not read, or could not be: then the caller must read it."""
        if self._under_way is None:
            return None
        (read_after, reading), self._under_way = self._under_way, None
        problem = reading.exception()
        if problem is not None:
            log.warning("not_prefetched", reason=f"{type(problem).__name__}: {problem}")
            return None
        return reading.result() if read_after == after else None
