"""Reads the next chunk before its turn: while the one before it is evaluated and saved, or while that one ends."""

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
    Where to read `beside_rules` only slows both down, it is read while run rows are committed, which is mostly waiting.
    """

    def __init__(self, load: Load, executor: Executor, *, beside_rules: bool) -> None:
        self._load = load
        self._executor = executor
        self._beside_rules = beside_rules
        self._under_way: tuple[str, Future[Chunk]] | None = None

    def chunk_begins(self, after: str) -> None:
        """A chunk begins to be worked on, and the one after this ticker is the next."""
        if self._beside_rules:
            self._start(after)

    def chunk_is_saved(self, after: str) -> None:
        """All of a chunk is saved, and the one after this ticker is the next."""
        if not self._beside_rules:
            self._start(after)

    def _start(self, after: str) -> None:
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
