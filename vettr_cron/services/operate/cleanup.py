"""Removes old samples, calls, runs, snapshots and red flags, in pieces that lock nothing for long."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

import structlog

from vettr_cron.config import Settings
from vettr_cron.database.transactions import Database
from vettr_cron.domain.errors import DatabaseUnavailable, ServiceUnavailable
from vettr_cron.jobs.job import Job
from vettr_cron.jobs.red_flags import RED_FLAGS
from vettr_cron.jobs.scores import SCORES
from vettr_cron.logs import log_unavailable
from vettr_cron.redis_store.leases import Leases
from vettr_cron.repositories import database_server, retention, samples
from vettr_cron.repositories.retention import Expired
from vettr_cron.services.clock import Limits, Shutdown, Stopwatch, utc_now
from vettr_cron.services.monitor.liveness import liveness
from vettr_cron.services.retry import retry_transient, with_timeout

Answer = TypeVar("Answer")

log = structlog.get_logger(__name__)

MOST_ROWS = 5_000  # in one piece, which is one transaction
FIRST_ROWS = 500
# So that the largest does not keep the others waiting for calls.
SMALLEST_FIRST = ("samples", "calls", "runs", "snapshots", "red_flags")
TOLERATED_CLOCK = timedelta(minutes=1)
QUICK_MILLISECONDS, SLOW_MILLISECONDS = 100, 250


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepDays:
    """How many days back rows are kept."""

    runs: int
    calls: int  # and samples
    red_flags: int
    snapshots: int

    @classmethod
    def asked(
        cls, settings: Settings, runs: int | None, calls: int | None, red_flags: int | None, snapshots: int | None
    ) -> "KeepDays":
        """What a caller asks for; what it does not say is as in the settings."""
        return cls(
            runs=runs or settings.cron_keep_runs_days,
            calls=calls or settings.cron_keep_calls_days,
            red_flags=red_flags or settings.cron_keep_red_flags_days,
            snapshots=snapshots or settings.cron_keep_snapshots_days,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanupRequest:
    """What a caller asks for. With `dry_run` nothing is removed; `time_budget` None is no bound."""

    keep: KeepDays
    dry_run: bool = False
    time_budget: float | None  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanupResult:
    """What one call did, by the names in SMALLEST_FIRST."""

    removed: dict[str, int]  # with dry_run, what would have been
    older_than: dict[str, datetime]  # rows from before that time were looked at
    dry_run: bool
    is_complete: bool  # nothing is left that may go; False without an error says that time was up
    duration_ms: int
    error: str | None = None  # why a call that had removed something ended too soon
    warning: str | None = None  # that this machine's clock differs from the database's, which counts


class Cleanup:
    """The use case behind `cleanup`. `most_rows` bounds a piece, which is one transaction."""

    def __init__(
        self,
        database: Database,
        leases: Leases,
        shutdown: Shutdown,
        jobs: Mapping[str, Job],
        *,
        most_rows: int = MOST_ROWS,
    ) -> None:
        self._database = database
        self._leases = leases
        self._shutdown = shutdown
        self._jobs = jobs
        self._most_rows = most_rows

    def run(self, request: CleanupRequest) -> CleanupResult:
        """Remove what is older than asked for; what there is no time for is left to the next call.

        Raises ServiceUnavailable when a server was gone before anything was removed.
        """
        call = _Call(request, Limits(request.time_budget, lambda: self._shutdown.asked), self._database.patience)
        is_complete, error = False, None
        try:
            call.go_by(self._read(call, database_server.answer))
            is_complete = all(self._walk(call, name) for name in SMALLEST_FIRST)
        except ServiceUnavailable as problem:
            is_failure = not self._only_lacked_time(call, problem)
            if is_failure and (request.dry_run or not any(call.removed.values())):
                raise
            if is_failure:
                log_unavailable(problem)
            error = str(problem) if is_failure else None
        result = call.result(is_complete, error)
        log.info("cleaned_up", **result.removed, dry_run=result.dry_run, is_complete=is_complete)
        return result

    def _read(self, call: "_Call", read: Callable[..., Answer], *arguments: object) -> Answer:
        """What this function reads, in a transaction of its own."""

        def attempt() -> Answer:
            with self._database.reading(call.time_left()) as connection:
                return read(connection, *arguments)

        return retry_transient(attempt, call.may_start)

    def _only_lacked_time(self, call: "_Call", problem: ServiceUnavailable) -> bool:
        """Whether the database is there, and was only cut short for the call's time budget or a shutdown."""
        if not isinstance(problem, DatabaseUnavailable):
            return False
        if problem.late:
            return call.is_pressed
        return problem.transient and not call.may_start() and self._database_answers(call)

    def _database_answers(self, call: "_Call") -> bool:
        def ask() -> bool:
            with self._database.reading(call.limits.seconds_left):
                return True

        try:
            return with_timeout(self._shutdown.ends, ask)
        except DatabaseUnavailable:
            return False

    def _walk(self, call: "_Call", name: str) -> bool:
        """Walk one table from its oldest row. False when there was no time for all of it."""
        if not call.may_start():
            return False
        if name == "samples":
            return self._remove_samples(call)
        expired = self._expired(call, name)
        after, size = None, min(FIRST_ROWS, self._most_rows)
        while call.may_start():
            stopwatch = Stopwatch()
            piece = self._read(call, retention.next_piece, expired, after, size)
            call.removed[name] += len(piece.ids) if call.request.dry_run else self._remove(call, expired, piece.ids)
            after = piece.end
            if after is None:
                return True
            size = self._next_size(size, stopwatch.milliseconds)
        return False

    def _remove_samples(self, call: "_Call") -> bool:
        before = call.older_than["samples"]
        expired = self._read(call, samples.count_expired, before, call.now)
        if call.request.dry_run or not expired:  # on SQLite others wait for whoever writes
            call.removed["samples"] = expired
            return True

        def remove() -> int:
            with self._database.writing(call.time_left()) as connection:
                return samples.remove_expired(connection, before, call.now, self._most_rows)

        while call.may_start():
            removed = retry_transient(remove, call.may_start)
            call.removed["samples"] += removed
            if removed < self._most_rows:
                return True
        return False

    def _expired(self, call: "_Call", name: str) -> Expired:
        before = call.older_than[name]
        if name == "calls":
            return self._read(call, retention.expired_calls, before, call.now, list(self._jobs))
        if name == "snapshots":
            return retention.expired_snapshots(before, SCORES.name)
        if name == "red_flags":
            return self._read(call, retention.expired_red_flags, before, RED_FLAGS.name)
        # An orphaned run is not live, whatever its status says.
        seen = retry_transient(lambda: liveness(self._database, self._leases, self._jobs), call.may_start)
        names = [job.run_name for job in self._jobs.values()]
        return self._read(call, retention.expired_runs, before, call.now, seen.orphaned_runs, names)

    def _remove(self, call: "_Call", expired: Expired, ids: Sequence[UUID]) -> int:
        """Remove those of the rows that may still go."""
        if not ids:
            return 0
        tried: set[UUID] = set()

        def remove() -> int:
            with self._database.writing(call.time_left()) as connection:
                # What an attempt before this one removed counts as well, if only its answer was lost.
                earlier = retention.gone(connection, expired, list(tried)) if tried else 0
                locked = retention.lock(connection, expired, ids)
                tried.update(locked)
                return earlier + (retention.remove(connection, expired, locked) if locked else 0)

        return retry_transient(remove, call.may_start)

    def _next_size(self, size: int, milliseconds: int) -> int:
        """More rows after a quick piece, fewer after a slow one: other tables hang on some rows, and cost time."""
        if milliseconds > SLOW_MILLISECONDS:
            return max(size // 2, 1)
        return min(size * 2, self._most_rows) if milliseconds < QUICK_MILLISECONDS else size


class _Call:
    """What one call has come to so far."""

    def __init__(self, request: CleanupRequest, limits: Limits, patience: float) -> None:
        self.request = request
        self.may_start = limits.may_start
        self.limits = limits
        self.removed = dict.fromkeys(SMALLEST_FIRST, 0)
        self._patience = patience
        self._has_less_time = False
        self._stopwatch = Stopwatch()
        self.go_by(None)

    def go_by(self, database_time: datetime | None) -> None:
        """Go by the database's time, or by this machine's if that is None, and warn if the two differ."""
        here = utc_now()
        now = database_time or here
        keep = self.request.keep
        days = {"samples": keep.calls, "calls": keep.calls, "runs": keep.runs}
        days |= {"snapshots": keep.snapshots, "red_flags": keep.red_flags}
        self.now = now
        self.older_than = {name: now - timedelta(days=number) for name, number in days.items()}
        self.warning = _difference(here - now)
        if self.warning:
            log.warning("clocks_differ", meaning=self.warning)

    def time_left(self) -> float | None:
        """Seconds for the transaction that begins now; None when there is no bound."""
        left = self.limits.seconds_left
        self._has_less_time = left is not None and left < self._patience
        return left

    @property
    def is_pressed(self) -> bool:
        """Whether the last transaction had less time than any other, or no new work may start."""
        return self._has_less_time or not self.may_start()

    def result(self, is_complete: bool, error: str | None) -> CleanupResult:
        return CleanupResult(
            removed=self.removed,
            older_than=self.older_than,
            dry_run=self.request.dry_run,
            is_complete=is_complete,
            duration_ms=self._stopwatch.milliseconds,
            error=error,
            warning=self.warning,
        )


def _difference(ahead: timedelta) -> str | None:
    """What to say of a machine's clock that is so far ahead of the database's; None if it is close enough."""
    if abs(ahead) <= TOLERATED_CLOCK:
        return None
    side = "ahead of" if ahead > timedelta() else "behind"
    by = timedelta(seconds=round(abs(ahead).total_seconds()))
    return f"This machine's clock is {by} {side} the database's; the cleanup goes by the database's"
