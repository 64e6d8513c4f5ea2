"""Prepares the next chunk before its turn: while the one before it is evaluated and saved, or while that one ends."""

import time
from collections.abc import Callable
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import structlog

from vettr_cron.jobs.job import Chunk
from vettr_cron.services.clock import Stopwatch, utc_now
from vettr_cron.services.evaluator import EvaluatedChunk, Evaluator, Task

log = structlog.get_logger(__name__)

TICK_SECONDS = 0.1
PARTING_SECONDS = 0.5

Load = Callable[[str | None, datetime], Chunk]
"""Reads the chunk after a ticker, for a `now`. Raises DatabaseUnavailable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offload:
    """The second process, what to ask it for the chunk after a ticker, and how long to wait at most for its answer."""

    evaluator: Evaluator
    task: Callable[[str, datetime], Task]
    patience: float  # seconds


class Beginning(NamedTuple):
    """When a chunk began to be worked on, and the time since."""

    now: datetime
    stopwatch: Stopwatch


class _UnderWay(NamedTuple):
    after: str
    future: Future[EvaluatedChunk]
    beginning: Beginning | None  # of what is evaluated as well


class Ahead:
    """At most one chunk is prepared ahead; it counts only where the cursor comes to stand at its beginning.

    A second process, where there is one that is ready, reads and evaluates it, for a `now` that so is the chunk's own.
    Otherwise it is only read, for a `now` before the chunk's own, so that the rules, which judge every date again,
    miss nothing. Where to read `beside_rules` only slows both down, it is read while run rows are committed, which is
    mostly waiting.
    """

    def __init__(self, load: Load, executor: Executor, *, beside_rules: bool, offload: Offload | None = None) -> None:
        self._load = load
        self._executor = executor
        self._beside_rules = beside_rules
        self._offload = offload
        self._under_way: _UnderWay | None = None

    def chunk_begins(self, after: str) -> None:
        """A chunk begins to be worked on, and the one after this ticker is the next."""
        if self._offload is not None and self._offload.evaluator.is_ready:
            beginning = Beginning(utc_now(), Stopwatch())
            task = self._offload.task(after, beginning.now)
            evaluating = self._executor.submit(self._offload.evaluator.evaluate, task)
            self._under_way = _UnderWay(after, evaluating, beginning)
        elif self._beside_rules:
            self._read(after)

    def chunk_is_saved(self, after: str) -> None:
        """All of a chunk is saved, and the one after this ticker is the next."""
        if self._under_way is None:
            self._read(after)

    def _read(self, after: str) -> None:
        now = utc_now()
        reading = self._executor.submit(lambda: EvaluatedChunk(*self._load(after, now)))
        self._under_way = _UnderWay(after, reading, None)

    def beginning(self, after: str | None) -> Beginning:
        """When the chunk after this ticker began to be worked on: just now, unless it is being evaluated already."""
        if self._under_way is not None and self._under_way.after == after and self._under_way.beginning:
            return self._under_way.beginning
        return Beginning(utc_now(), Stopwatch())

    def take(self, after: str | None, may_wait: Callable[[], bool]) -> EvaluatedChunk | None:
        """The chunk after this ticker; None when it was not prepared, or could not be: then it is to be read now.

        Once `may_wait` says no, which it must then say for good, a second process is not waited for any longer.
        """
        if self._under_way is None:
            return None
        prepared, self._under_way = self._under_way, None
        if self._offload is not None and prepared.beginning is not None:
            _hasten(prepared.future, self._offload.evaluator, self._offload.patience, may_wait)
        problem = prepared.future.exception()
        if problem is not None:
            log.warning("not_read_ahead", reason=f"{type(problem).__name__}: {problem}")
            return None
        return prepared.future.result() if prepared.after == after else None

    def close(self) -> None:
        """Leave nothing under way that could keep anybody waiting."""
        if self._offload is not None and self._under_way is not None and self._under_way.beginning is not None:
            _hasten(self._under_way.future, self._offload.evaluator, PARTING_SECONDS, lambda: True)


def _hasten(
    future: Future[EvaluatedChunk], evaluator: Evaluator, patience: float, may_wait: Callable[[], bool]
) -> None:
    """Have what the second process evaluates soon; where it says nothing, as if it was stopped, it is given up."""
    if future.done():
        return
    evaluator.hurry()
    ends = time.monotonic() + patience
    while wait([future], TICK_SECONDS).not_done:
        if time.monotonic() > ends or not may_wait():
            evaluator.kill()
