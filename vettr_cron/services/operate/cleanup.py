"""Removes what is older than anybody needs: runs, snapshots and red flags, in pieces that lock nothing for long."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

import structlog

from vettr_cron.config import Settings
from vettr_cron.database.transactions import Database
from vettr_cron.domain.errors import DatabaseUnavailable, RedisUnavailable, ServiceUnavailable
from vettr_cron.jobs.job import Job
from vettr_cron.redis_store.leases import Leases
from vettr_cron.redis_store.walks import Walks
from vettr_cron.repositories import retention
from vettr_cron.repositories.retention import Expired, Passed, Place
from vettr_cron.services.clock import Limits, Shutdown, Stopwatch, utc_now
from vettr_cron.services.monitor.status import orphaned_runs
from vettr_cron.services.operate.newest_rows import NewestRows
from vettr_cron.services.retry import retry_transient, with_timeout

log = structlog.get_logger(__name__)

MOST_ROWS = 5_000  # in one piece, which is one transaction
FIRST_ROWS = 500
SMALLEST_FIRST = ("runs", "snapshots", "red_flags")  # so that the largest does not keep the others waiting for calls
QUICK_MILLISECONDS, SLOW_MILLISECONDS = 200, 500


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepDays:
    """How many days back rows are kept."""

    runs: int
    red_flags: int
    snapshots: int

    @classmethod
    def asked(cls, settings: Settings, runs: int | None, red_flags: int | None, snapshots: int | None) -> "KeepDays":
        """What a caller asks for, and where he asks for nothing what the settings say."""
        return cls(
            runs=runs or settings.cron_keep_runs_days,
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
    """What one call did, by `runs`, `red_flags` and `snapshots`."""

    removed: dict[str, int]  # with dry_run, what would have been
    older_than: dict[str, datetime]  # rows from before that time were looked at
    dry_run: bool
    is_complete: bool  # nothing is left that may go; False without an error says that time was up
    duration_ms: int
    error: str | None = None  # why a call that had removed something ended too soon


class Cleanup:
    """The use case behind `cleanup`. `most_rows` bounds a piece, which is one transaction."""

    def __init__(
        self,
        database: Database,
        leases: Leases,
        walks: Walks,
        shutdown: Shutdown,
        jobs: Mapping[str, Job],
        *,
        most_rows: int = MOST_ROWS,
        newest_rows: Callable[..., NewestRows] = NewestRows,
        limits: Callable[[float | None, Callable[[], bool]], Limits] = Limits,
    ) -> None:
        self._database = database
        self._leases = leases
        self._walks = walks
        self._shutdown = shutdown
        self._jobs = jobs
        self._most_rows = most_rows
        self._newest_rows = newest_rows
        self._limits = limits

    def run(self, request: CleanupRequest, now: datetime | None = None) -> CleanupResult:
        """Remove what is older than asked for, as of `now`; what time does not suffice for is left for the next call.

        Raises ServiceUnavailable when a server was gone before anything was removed.
        """
        limits = self._limits(request.time_budget, lambda: self._shutdown.asked)
        call = _Call(request, now or utc_now(), limits, self._database.patience)
        is_complete, error = False, None
        try:
            is_complete = all(self._walk(call, name) for name in SMALLEST_FIRST)
        except ServiceUnavailable as problem:
            is_failure = not self._only_lacked_time(call, problem)
            if is_failure and (request.dry_run or not any(call.removed.values())):
                self._keep_places(call)
                raise
            error = str(problem) if is_failure else None
        self._keep_places(call)
        result = call.result(is_complete, error)
        log.info("cleaned_up", **result.removed, dry_run=result.dry_run, is_complete=is_complete)
        return result

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
        """Walk one table to its end, from where the last call came to. False when there was no time for all of it."""
        if not call.may_start():
            return False
        expired = retry_transient(lambda: self._expired(call, name), call.may_start)
        newest = self._newest_rows(lambda: self._database.reading(call.time_left()), expired, call.may_start)
        after, size = self._first_place(call, name), min(FIRST_ROWS, self._most_rows)
        while call.may_start():
            stopwatch = Stopwatch()
            rows = retry_transient(partial(self._next_rows, call, expired, after, size), call.may_start)
            if not newest.learn(rows):
                return False
            outlived = [row.place.id for row in rows if newest.is_superseded(row)]
            call.removed[name] += self._remove(call, expired, outlived) if outlived else 0
            after = call.places[name] = rows[-1].place if len(rows) == size else None
            if after is None:
                return True
            size = self._next_size(size, stopwatch.milliseconds)
        return False

    def _first_place(self, call: "_Call", name: str) -> Place | None:
        """Where to begin; a dry run counts from the first row on."""
        place = None if call.request.dry_run else self._walks.place(name)
        return None if place is None else Place(*place)

    def _keep_places(self, call: "_Call") -> None:
        """Keep where the walks are. Without it the next call begins anew, which is no reason for this one to fail."""
        if call.request.dry_run or self._shutdown.over:  # a process that must end now waits for nobody
            return
        try:
            for name, place in call.places.items():
                if place is None:
                    self._walks.end(name)
                else:
                    self._walks.keep(name, *place)
        except RedisUnavailable as problem:
            log.warning("place_not_kept", reason=str(problem))

    def _expired(self, call: "_Call", name: str) -> Expired:
        before = call.older_than[name]
        if name == "runs":
            # An orphaned run is not live, whatever its status says.
            names = [job.run_name for job in self._jobs.values()]
            return retention.expired_runs(before, orphaned_runs(self._database, self._leases, self._jobs), names)
        if name == "snapshots":
            return retention.expired_snapshots(before)
        with self._database.reading(call.time_left()) as connection:
            return retention.expired_red_flags(connection, before)

    def _next_rows(self, call: "_Call", expired: Expired, after: Place | None, size: int) -> list[Passed]:
        with self._database.reading(call.time_left()) as connection:
            return retention.oldest(connection, expired, after, size)

    def _remove(self, call: "_Call", expired: Expired, ids: Sequence[UUID]) -> int:
        """Remove those of the rows that are free to go, or count them."""
        tried: set[UUID] = set()

        def count() -> int:
            with self._database.reading(call.time_left()) as connection:
                return retention.count(connection, expired, ids)

        def remove() -> int:
            with self._database.writing(call.time_left()) as connection:
                # What an attempt before this one removed counts as well, if only its answer was lost.
                earlier = retention.gone(connection, expired, list(tried)) if tried else 0
                locked = retention.lock(connection, expired, ids)
                tried.update(locked)
                return earlier + (retention.remove(connection, expired, locked) if locked else 0)

        return retry_transient(count if call.request.dry_run else remove, call.may_start)

    def _next_size(self, size: int, milliseconds: int) -> int:
        """More rows after a quick piece, fewer after a slow one: other tables hang on some rows, and cost time."""
        if milliseconds > SLOW_MILLISECONDS:
            return max(size // 2, 1)
        return min(size * 2, self._most_rows) if milliseconds < QUICK_MILLISECONDS else size


class _Call:
    """What one call has come to so far."""

    def __init__(self, request: CleanupRequest, now: datetime, limits: Limits, patience: float) -> None:
        self.request = request
        self.limits = limits
        keep = request.keep
        days = {"runs": keep.runs, "red_flags": keep.red_flags, "snapshots": keep.snapshots}
        self.older_than = {name: now - timedelta(days=number) for name, number in days.items()}
        self.removed = dict.fromkeys(days, 0)
        self.places: dict[str, Place | None] = {}  # to which the walks have come; None is the end
        self.may_start = limits.may_start
        self._patience = patience
        self._has_less_time = False
        self._stopwatch = Stopwatch()

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
        )
