"""One call of a job: take the lease, go on from the cursor chunk by chunk, say what was done."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from itertools import islice
from uuid import UUID, uuid4

import structlog

from vettr_cron.config import Settings
from vettr_cron.database.transactions import Database
from vettr_cron.domain.errors import JobPaused, RunSuperseded, ServiceUnavailable
from vettr_cron.domain.run import MAXIMUM_LISTED, CallStatus, JobResult, Pause, Run, RunStatus, StockFailure, StopReason
from vettr_cron.jobs.job import Chunk, Job
from vettr_cron.pings import CallPings, Pings
from vettr_cron.redis_store.cursors import Cursor, Cursors
from vettr_cron.redis_store.leases import Held, Lease, Leases
from vettr_cron.repositories import pauses, runs, universe
from vettr_cron.services.clock import Deadline, Limits, Shutdown, Stopwatch, utc_now
from vettr_cron.services.refresh.chunk import SUPERSEDED, ChunkRunner, Progress, Work
from vettr_cron.services.refresh.plan import CursorReader, CyclePlan, ListPlan, Plan
from vettr_cron.services.refresh.prefetch import Prefetch
from vettr_cron.services.refresh.request import Request, asked_for, check_tickers
from vettr_cron.services.retry import retry_transient

log = structlog.get_logger(__name__)


def unwatched(_done: int, _total: int) -> None:
    """Progress that nobody watches."""


class Refresh:
    """The use case behind the endpoints and commands that advance a job."""

    def __init__(
        self,
        database: Database,
        leases: Leases,
        cursors: Cursors,
        settings: Settings,
        shutdown: Shutdown,
        pings: Pings,
    ) -> None:
        self._database = database
        self._leases = leases
        self._cursors = cursors
        self._settings = settings
        self._shutdown = shutdown
        self._pings = pings
        self._reader = CursorReader(database, cursors)
        self._chunks = ChunkRunner(database, leases, shutdown)

    def run(self, job: Job, request: Request, progress: Progress = unwatched) -> JobResult:
        """Advance the job by one call.

        Raises UnknownTickers, and ServiceUnavailable when a server was gone before anything was changed.
        """
        with self._pings.call(job.run_name, in_the_cycle=request.only is None) as pings:
            result = self._run(_Call(job, request, pings), progress)
            pings.end(result)
            return result

    def check(self, request: Request) -> None:
        """Raise UnknownTickers for stocks that are asked for by name and not there, otherwise nothing at all."""
        with suppress(ServiceUnavailable):  # which each job tells for itself
            check_tickers(self._database, request)

    def _run(self, call: "_Call", progress: Progress) -> JobResult:
        check_tickers(self._database, call.request)
        if self._shutdown.asked:
            return call.result(StopReason.SHUTDOWN)
        taken = self._leases.acquire(call.job.name)
        if isinstance(taken, Held):
            return self._skipped(call, taken)
        with self._leases.kept(taken):
            try:
                return self._advance(call, taken, progress)
            except RunSuperseded:
                call.error = SUPERSEDED
                return call.result(StopReason.SUPERSEDED)
            except JobPaused as paused:
                call.pause = paused.pause
                if not call.chunks_run:
                    self._look(call)
                return call.result(StopReason.PAUSED)

    def _skipped(self, call: "_Call", held: Held) -> JobResult:
        with self._database.reading(call.deadline.left) as connection:
            call.total_stocks = universe.count(connection)
        self._look(call)
        return call.result(StopReason.ALREADY_RUNNING, held=held)

    def _look(self, call: "_Call") -> None:
        """Note where the cursor stands for a call that does not move it."""
        keys = self._cursors.read(call.job.name)
        call.offset = keys.rank or 0
        call.cycle_id = keys.cursor.cycle_id if keys.cursor else None

    def _advance(self, call: "_Call", lease: Lease, progress: Progress) -> JobResult:
        retry_transient(lambda: self._close_orphans(call, lease), Limits(self._shutdown, call.deadline).may_start)
        plan, cursor = self._plan(call, lease)
        if plan.end is StopReason.STOCKS_DONE and plan.length == 0:
            return call.result(plan.end)  # nobody has failed
        progress(cursor.offset, plan.length)

        def load(after: str | None, now: datetime) -> Chunk:
            with self._database.index_reads(call.deadline.left) as connection:
                return plan.load(connection, after, now)

        with (
            ThreadPoolExecutor(self._settings.cron_workers, thread_name_prefix="batch") as executor,
            ThreadPoolExecutor(1, thread_name_prefix="prefetch") as reader,
        ):
            work = Work(
                job=call.job,
                lease=lease,
                chunk_size=call.request.chunk_size,
                batch_size=self._settings.cron_batch_size,
                tolerated_failure_percent=self._settings.cron_tolerated_failure_percent,
                total_stocks=call.total_stocks,
                deadline=call.deadline,
                executor=executor,
                plan=plan,
                load=load,
                prefetch=Prefetch(load, reader if self._database.prefetch_helps else None),
                progress=progress,
            )
            return call.result(self._chunk_by_chunk(call, work, cursor))

    def _plan(self, call: "_Call", lease: Lease) -> tuple[Plan, Cursor]:
        """The call's way, and where on it the call begins."""
        job, size = call.job, call.request.chunk_size
        if call.request.only is None:
            cursor, call.warning = self._reader.open(job.name, lease, call.total_stocks, call.deadline.left)
            call.offset, call.cycle_id = cursor.offset, cursor.cycle_id
            return CyclePlan(job, lease, self._cursors, size, call.total_stocks), cursor
        with self._database.reading(call.deadline.left) as connection:
            tickers = asked_for(connection, job.name, call.request)
        # Its rows derive from a cycle of their own, which nobody else will ever go on with.
        return ListPlan(job, lease, self._cursors, size, tickers), Cursor(uuid4(), 0, "")

    def _close_orphans(self, call: "_Call", lease: Lease) -> None:
        """Close what a dead holder left running, and count the universe. Raises JobPaused."""
        with self._database.writing(call.deadline.left) as connection:
            orphans = runs.running(connection, [call.job.run_name], lock=True)
            # What was seen while the lease is still ours is older than it: never the run of a holder after us.
            if orphans and not self._leases.confirm(lease):
                raise RunSuperseded
            runs.close_interrupted(connection, orphans)
            for orphan in orphans:
                log.warning("run_interrupted", job=call.job.run_name, run_id=str(orphan.id))
            call.total_stocks = universe.count(connection)
            pause = pauses.find(connection, call.job.name)
        if pause:
            raise JobPaused(pause)

    def _chunk_by_chunk(self, call: "_Call", work: Work, cursor: Cursor) -> StopReason:
        while True:
            left = None if call.request.chunks is None else call.request.chunks - call.chunks_run
            if left == 0:
                return StopReason.CHUNKS_DONE
            stop = self._reason_to_stop(call)
            if stop is not None:
                return stop
            call.pings.start()
            try:
                outcome = self._chunks.run(work, cursor, is_last=left == 1)
            except ServiceUnavailable as problem:
                if not call.chunks_run:
                    raise
                call.error = str(problem)
                return StopReason.ERROR
            call.add(outcome.run)
            call.is_complete = outcome.at_the_end and work.plan.end is StopReason.CYCLE_COMPLETE
            if outcome.stop is not None:
                return outcome.stop
            cursor = outcome.cursor

    def _reason_to_stop(self, call: "_Call") -> StopReason | None:
        if self._shutdown.asked:
            return StopReason.SHUTDOWN
        return StopReason.TIME_BUDGET if call.deadline.spent else None


class _Call:
    """What one call has come to so far: sums, so that a call of ten thousand chunks takes no more memory than one."""

    def __init__(self, job: Job, request: Request, pings: CallPings) -> None:
        self.job = job
        self.request = request
        self.pings = pings
        self.deadline = Deadline(request.time_budget)
        self.chunks_run = 0
        self.offset = 0
        self.total_stocks = 0
        self.cycle_id: UUID | None = None
        self.is_complete = False
        self.warning: str | None = None
        self.error: str | None = None
        self.pause: Pause | None = None
        self._stocks_processed = self._succeeded = self._failed = 0
        self._failures: list[StockFailure] = []  # the first of them
        self._last_run: UUID | None = None
        self._run_error: str | None = None  # of the last run that failed
        self._stopwatch = Stopwatch()

    def add(self, run: Run) -> None:
        """Count one more run in."""
        self.chunks_run += 1
        self._last_run = run.id
        self._stocks_processed += run.stocks_processed
        self._succeeded += run.succeeded
        self._failed += run.failed_count
        self._failures += islice(run.failures or (), MAXIMUM_LISTED - len(self._failures))
        if run.status is RunStatus.FAILED:
            self._run_error = run.error_message

    def result(self, stop: StopReason, held: Held | None = None) -> JobResult:
        error = self.error or self._run_error
        kept_from_it = held or (self.pause and not self.chunks_run)
        status = CallStatus.SKIPPED if kept_from_it else CallStatus.FAILED if error else CallStatus.COMPLETED
        return JobResult(
            job=self.job.run_name,
            stocks_processed=self._stocks_processed,
            succeeded=self._succeeded,
            failed=self._failed,
            failures=tuple(self._failures),
            duration_ms=self._stopwatch.milliseconds,
            completed_at=utc_now(),
            current_offset=self.offset,
            chunk_size=self.request.chunk_size,
            total_stocks=self.total_stocks,
            is_complete=self.is_complete,
            status=status,
            stop_reason=stop,
            run_id=_uuid(held.run_id) if held else self._last_run,
            cycle_id=self.cycle_id,
            chunks_run=self.chunks_run,
            warning=self.warning,
            error=error,
            pause=self.pause,
            retry_after=held.seconds_left if held else None,
        )


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None
