"""Reads the next chunk while the one before it is evaluated and saved: the database works while Python does."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from datetime import datetime

import structlog

from vettr_cron.jobs.job import Chunk
from vettr_cron.services.clock import utc_now

log = structlog.get_logger(__name__)

Load = Callable[[str | None, datetime], Chunk]
"""Reads the chunk after a ticker, for a `now`. Raises DatabaseUnavailable."""


class Ahead:
    """At most one chunk is read ahead; it counts only where the cursor comes to stand at its beginning.

    It is read for a `now` before the chunk's own, so that the rules, which judge every date again, miss nothing.
    """

    def __init__(self, load: Load, executor: Executor, *, worth_while: bool = True) -> None:
        self._load = load
        self._executor = executor
        self._worth_while = worth_while
        self._under_way: tuple[str, Future[Chunk]] | None = None

    def start(self, after: str) -> None:
        """Begin to read the chunk after this ticker, where that is worth while."""
        if not self._worth_while:
            return
        self._under_way = (after, self._executor.submit(self._load, after, utc_now()))

    def take(self, after: str | None) -> Chunk | None:
        """The chunk after this ticker; None when it was not read ahead, or could not be: then it is to be read now."""
        if self._under_way is None:
            return None
        (begins_after, reading), self._under_way = self._under_way, None
        problem = reading.exception()
        if problem is not None:
            log.warning("not_read_ahead", reason=f"{type(problem).__name__}: {problem}")
            return None
        return reading.result() if begins_after == after else None
