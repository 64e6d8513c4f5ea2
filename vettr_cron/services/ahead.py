"""Reads the next chunk while the one before it is evaluated and saved: the database works while Python does."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from datetime import datetime
from typing import NamedTuple

from vettr_cron.jobs.job import Chunk
from vettr_cron.services.clock import utc_now

Load = Callable[[str | None, datetime], Chunk]
"""Reads the chunk after a ticker, for a `now`. Raises DatabaseUnavailable."""


class ReadAhead(NamedTuple):
    """A chunk that is read already, and the `now` that it was read for."""

    now: datetime
    chunk: Chunk


class Ahead:
    """At most one chunk is read ahead; it counts only where the cursor comes to stand at its beginning."""

    def __init__(self, load: Load, executor: Executor) -> None:
        self._load = load
        self._executor = executor
        self._under_way: tuple[str, datetime, Future[Chunk]] | None = None

    def start(self, after: str) -> None:
        """Begin to read the chunk after this ticker."""
        now = utc_now()
        self._under_way = (after, now, self._executor.submit(self._load, after, now))

    def take(self, after: str | None) -> ReadAhead | None:
        """The chunk after this ticker; None when it was not read ahead, or could not be: then it is to be read now."""
        if self._under_way is None:
            return None
        (begins_after, now, reading), self._under_way = self._under_way, None
        if begins_after != after or reading.exception() is not None:
            return None
        return ReadAhead(now, reading.result())
