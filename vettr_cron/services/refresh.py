"""One call of a job: take the lease, go on from the cursor chunk by chunk, say what was done."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID, uuid4

import structlog

from vettr_cron.config import Settings
from vettr_cron.cursors import Cursor, CursorKeys, Cursors, Moved
from vettr_cron.database import Database
from vettr_cron.domain.errors import RedisUnavailable, RunSuperseded, ServiceUnavailable
from vettr_cron.domain.run import MAXIMUM_FAILURES_LISTED, CallStatus, JobResult, Run, RunStatus, StopReason
from vettr_cron.jobs.job import Chunk, Job
from vettr_cron.lease import Held, Lease, Leases
from vettr_cron.repositories import runs, stocks
from vettr_cron.services.ahead import Ahead
from vettr_cron.services.chunk import SUPERSEDED, ChunkRunner, Progress, Work
from vettr_cron.services.clock import Deadline, Shutdown, Stopwatch, utc_now
from vettr_cron.services.retry import persistently

log = structlog.get_logger(__name__)

EMPTY_UNIVERSE = "there are no stocks; import some, or check that this is the right database"
NO_NUMBER = "the cursor's offset was no whole number from 0; a new cycle starts at 0"
BEYOND_THE_END = "the cursor's offset {rank} was beyond the end of {total} stocks; a new cycle starts at 0"
CURSOR_ATTEMPTS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a caller asks for. `chunks` None is `all`, to the end of the cycle; `time_budget` None is no bound."""

    chunk_size: int
    chunks: int | None
    time_budget: float | None  # seconds


def unwatched(_done: int, _total: int) -> None:
    """Progress that nobody watches."""


class Refresh:
    """The use case behind the endpoints and commands that advance a job."""

    def __init__(
        self, database: Database, leases: Leases, cursors: Cursors, settings: Settings, shutdown: Shutdown
    ) -> None:
        self._database = database
        self._leases = leases
        self._cursors = cursors
        self._settings = settings
        self._shutdown = shutdown
        self._chunks = ChunkRunner(database, leases, cursors, shutdown)

    def run(self, job: Job[Any], request: Request, progress: Progress = unwatched) -> JobResult:
        """Advance the job by one call. Raises ServiceUnavailable when a server was gone before anything was changed."""
        call = _Call(job, request)
        if self._shutdown.asked:
            return call.result(StopReason.SHUTDOWN)
        taken = self._leases.acquire(job.name)
        if isinstance(taken, Held):
            return self._skipped(call, taken)
        with self._leases.kept(taken):
            try:
                return self._advance(call, taken, progress)
            except RunSuperseded:
                call.error = SUPERSEDED
                return call.result(StopReason.SUPERSEDED)

    def _skipped(self, call: "_Call", held: Held) -> JobResult:
        keys = self._cursors.read(call.job.name)
        with self._database.reading(call.deadline.left) as connection:
            call.total_stocks = stocks.count(connection)
        call.offset = keys.rank or 0
        call.cycle_id = keys.cursor.cycle_id if keys.cursor else None
        return call.result(StopReason.ALREADY_RUNNING, held=held)

    def _advance(self, call: "_Call", lease: Lease, progress: Progress) -> JobResult:
        call.total_stocks = persistently(
            lambda: self._take_stock(call, lease), lambda: not (self._shutdown.asked or call.deadline.spent)
        )
        cursor = self._open_cursor(call, lease)
        call.offset, call.cycle_id = cursor.offset, cursor.cycle_id
        progress(cursor.offset, call.total_stocks)

        def load(after: str | None, now: datetime) -> Chunk:
            with self._database.reading(call.deadline.left) as connection:
                return call.job.load(connection, after, call.request.chunk_size, now)

        with (
            ThreadPoolExecutor(self._settings.cron_workers, thread_name_prefix="batch") as executor,
            ThreadPoolExecutor(1, thread_name_prefix="ahead") as reader,
        ):
            work = Work(
                job=call.job,
                lease=lease,
                chunk_size=call.request.chunk_size,
                batch_size=self._settings.cron_batch_size,
                workers=self._settings.cron_workers,
                tolerated_failure_percent=self._settings.cron_tolerated_failure_percent,
                total_stocks=call.total_stocks,
                deadline=call.deadline,
                executor=executor,
                load=load,
                ahead=Ahead(load, reader),
                progress=progress,
            )
            return call.result(self._chunk_by_chunk(call, work, cursor))

    def _take_stock(self, call: "_Call", lease: Lease) -> int:
        """Close what a dead holder left running, and count the universe."""
        with self._database.writing(call.deadline.left) as connection:
            orphans = runs.running(connection, call.job.run_name)
            # What was seen while the lease is still ours is older than it: never the run of a holder after us.
            if orphans and not self._leases.confirm(lease):
                raise RunSuperseded
            runs.close_interrupted(connection, orphans)
            for orphan in orphans:
                log.warning("run_interrupted", job=call.job.run_name, run_id=str(orphan.id))
            return stocks.count(connection)

    def _chunk_by_chunk(self, call: "_Call", work: Work, cursor: Cursor) -> StopReason:
        while True:
            left = None if call.request.chunks is None else call.request.chunks - len(call.runs)
            if left == 0:
                return StopReason.CHUNKS_DONE
            if self._shutdown.asked:
                return StopReason.SHUTDOWN
            if call.deadline.spent:
                return StopReason.TIME_BUDGET
            try:
                outcome = self._chunks.run(work, cursor, is_last=left == 1)
            except ServiceUnavailable as problem:
                if not call.runs:
                    raise
                call.error = str(problem)
                return StopReason.ERROR
            call.runs.append(outcome.run)
            call.is_complete = outcome.ends_cycle
            if outcome.stop is not None:
                return outcome.stop
            cursor = outcome.cursor

    def _open_cursor(self, call: "_Call", lease: Lease) -> Cursor:
        """The cursor as it stands, or as a new cycle begins."""
        if call.total_stocks == 0:
            call.warning = EMPTY_UNIVERSE
        for _attempt in range(CURSOR_ATTEMPTS):
            seen = self._cursors.read(call.job.name)
            if seen.cursor is not None:
                return seen.cursor
            cursor = self._new_cycle(call, seen)
            moved = self._cursors.begin(call.job.name, lease, seen, cursor)
            if moved is Moved.DONE:
                return cursor
            if moved is Moved.LOST:
                raise RunSuperseded
        raise RedisUnavailable("The cursor in Redis keeps changing under this call; is another program moving it?")

    def _new_cycle(self, call: "_Call", seen: CursorKeys) -> Cursor:
        start = Cursor(uuid4(), 0, "")
        if not seen.offset or seen.rank == 0:
            return start
        if seen.rank is None:
            call.warning = call.warning or NO_NUMBER
            return start
        with self._database.reading(call.deadline.left) as connection:
            ticker = stocks.ticker_at(connection, seen.rank)
        if ticker is None or seen.rank >= call.total_stocks:
            call.warning = call.warning or BEYOND_THE_END.format(rank=seen.rank, total=call.total_stocks)
            return start
        return Cursor(start.cycle_id, seen.rank, ticker)


class _Call:
    """What one call has come to so far."""

    def __init__(self, job: Job[Any], request: Request) -> None:
        self.job = job
        self.request = request
        self.deadline = Deadline(request.time_budget)
        self.runs: list[Run] = []
        self.offset = 0
        self.total_stocks = 0
        self.cycle_id: UUID | None = None
        self.is_complete = False
        self.warning: str | None = None
        self.error: str | None = None
        self._stopwatch = Stopwatch()

    def result(self, stop: StopReason, held: Held | None = None) -> JobResult:
        failed = [run for run in self.runs if run.status is RunStatus.FAILED]
        error = self.error or (failed[-1].error_message if failed else None)
        status = CallStatus.SKIPPED if held else CallStatus.FAILED if error else CallStatus.COMPLETED
        failures = (failure for run in self.runs for failure in run.failures or ())
        return JobResult(
            job=self.job.run_name,
            stocks_processed=_total(self.runs, "stocks_processed"),
            succeeded=_total(self.runs, "succeeded"),
            failed=_total(self.runs, "failed_count"),
            failures=tuple(islice(failures, MAXIMUM_FAILURES_LISTED)),
            duration_ms=self._stopwatch.milliseconds,
            completed_at=utc_now(),
            current_offset=self.offset,
            chunk_size=self.request.chunk_size,
            total_stocks=self.total_stocks,
            is_complete=self.is_complete,
            status=status,
            stop_reason=stop,
            run_id=_uuid(held.run_id) if held else self.runs[-1].id if self.runs else None,
            cycle_id=self.cycle_id,
            chunks_run=len(self.runs),
            warning=self.warning,
            error=error,
            retry_after=held.seconds_left if held else None,
        )


def _total(runs_of_call: Sequence[Run], name: str) -> int:
    return sum(getattr(run, name) for run in runs_of_call)


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None
