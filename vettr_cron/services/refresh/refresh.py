"""One call of a job: take the lease, continue from the cursor chunk by chunk, return what was done."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from uuid import uuid4

import structlog

from vettr_cron.config import Settings
from vettr_cron.database.transactions import Database
from vettr_cron.domain.attendance import Timetable, served_until
from vettr_cron.domain.errors import DatabaseUnavailable, JobPaused, RunSuperseded, ServiceUnavailable
from vettr_cron.domain.lease import Held
from vettr_cron.domain.run import JobResult, StopReason
from vettr_cron.jobs.job import Job
from vettr_cron.logs import log_unavailable
from vettr_cron.pings import Pings
from vettr_cron.redis_store.cursors import Cursor, Cursors
from vettr_cron.redis_store.leases import Leases
from vettr_cron.repositories import marks, pauses, runs, universe
from vettr_cron.services.clock import Shutdown
from vettr_cron.services.refresh.call import Call, Progress, unwatched
from vettr_cron.services.refresh.call_log import is_silent, log_beginning, logged
from vettr_cron.services.refresh.chunk import ChunkRun
from vettr_cron.services.refresh.engine import Engine
from vettr_cron.services.refresh.plan import CyclePlan, ListPlan, open_cursor
from vettr_cron.services.refresh.prefetch import Prefetch
from vettr_cron.services.refresh.request import Request, asked_for, check_tickers
from vettr_cron.services.refresh.sampling import Sampler
from vettr_cron.services.retry import retry_transient

log = structlog.get_logger(__name__)


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
        engine: Engine,
    ) -> None:
        self._database = database
        self._leases = leases
        self._cursors = cursors
        self._settings = settings
        self._shutdown = shutdown
        self._pings = pings
        self._engine = engine

    def run(self, job: Job, request: Request, progress: Progress = unwatched) -> JobResult:
        """Advance the job by one call.

        1. Take the lease; if another caller holds it, skip the call.
        2. Close what a dead holder left running, log the call, and count the stocks.
        3. Read the cursor, or begin a new cycle; for a call for certain stocks, make a list of them instead.
        4. Work chunk by chunk, until everything requested is done or the call has to stop.
        5. Log the call's end, and release the lease.

        Raises UnknownTickers, and ServiceUnavailable if a server was unavailable before anything was changed.
        """
        with self._pings.call(job.run_name, in_the_cycle=request.only is None) as pings:
            call = Call(
                job,
                request,
                settings=self._settings,
                database=self._database,
                leases=self._leases,
                shutdown=self._shutdown,
                pings=pings,
                engine=self._engine,
                progress=progress,
            )
            check_tickers(self._database, call.request)
            result = logged(call, lambda: self._run(call))
            timetable = self._settings.schedule_of(job.key)
            pings.end(result, _next_call(timetable, call.logged.started_at, result.completed_at) if timetable else None)
            return result

    def check(self, request: Request) -> None:
        """Raise UnknownTickers if the request names stocks that do not exist; raise nothing else."""
        with suppress(ServiceUnavailable):  # each job reports that itself
            check_tickers(self._database, request)

    def _run(self, call: Call) -> JobResult:
        if self._shutdown.asked:
            return call.result(StopReason.SHUTDOWN)
        taken = self._leases.acquire(call.job.name, str(call.logged.id))
        if isinstance(taken, Held):
            return self._skipped(call, taken)
        call.lease = taken
        with self._leases.kept(taken):
            # While the lease is held: whoever has it next takes a call that is not ended for a dead one's.
            return logged(call, lambda: self._with_lease(call))

    def _with_lease(self, call: Call) -> JobResult:
        try:
            return call.result(self._advance(call))
        except RunSuperseded as lost:
            call.error = str(lost)
            return call.result(StopReason.SUPERSEDED)
        except DatabaseUnavailable:
            if not call.lease.lost:
                raise
            call.error = str(RunSuperseded())  # nothing was tried again, as another caller had taken over
            return call.result(StopReason.SUPERSEDED)
        except JobPaused as paused:
            call.pause = paused.pause
            if not call.chunks_run:
                self._record_cursor(call)
            return call.result(StopReason.PAUSED)

    def _skipped(self, call: Call, held: Held) -> JobResult:
        with self._database.reading(call.limits.seconds_left) as connection:
            call.total_stocks = universe.count(connection)
        self._record_cursor(call)
        return call.result(StopReason.ALREADY_RUNNING, held)

    def _record_cursor(self, call: Call) -> None:
        """Record where the cursor stands, for a call that does not move it."""
        keys = self._cursors.read(call.job.name)
        call.offset = keys.rank or 0
        call.cycle_id = keys.cursor.cycle_id if keys.cursor else None

    def _advance(self, call: Call) -> StopReason:
        retry_transient(lambda: self._close_orphans(call), call.limits.may_start)
        call.lease.note_progress()
        cursor = self._plan(call)
        if not call.plan.in_cycle and call.plan.length == 0:
            return call.plan.end  # no stocks have failed
        call.progress(cursor.offset, call.plan.length)
        with (
            ThreadPoolExecutor(1, thread_name_prefix="prefetch") as reader,
            self._engine.executor(call.job.name, call.logged.id) as call.executor,
        ):
            call.prefetch = Prefetch(call.prefetch_chunk, reader if self._database.prefetch_helps else None)
            return self._chunk_by_chunk(call, cursor)

    def _close_orphans(self, call: Call) -> None:
        """Close what a dead holder left running, log this call, and count the universe. Raises JobPaused."""
        with self._database.writing(call.limits.seconds_left) as connection:
            orphans = runs.running(connection, [call.job.run_name], lock=True)
            # If the lease is still ours after reading, the rows seen cannot include the run of a later holder.
            if orphans and not self._leases.renew(call.lease):
                raise RunSuperseded
            runs.close_interrupted(connection, orphans)
            for orphan in orphans:
                log.warning("run_interrupted", job=call.job.run_name, run_id=str(orphan.id))
            call.lease.database = marks.keep(connection, marks.DATABASE_ID, str(uuid4())) or ""
            call.total_stocks = universe.count(connection)
            pause = pauses.find(connection, call.job.name)
            log_beginning(connection, call)
        if pause:
            raise JobPaused(pause)

    def _plan(self, call: Call) -> Cursor:
        """Determine which stocks the call takes, and where it begins."""
        job, size = call.job, call.request.chunk_size
        if call.request.only is None:
            left = call.limits.seconds_left
            cursor, call.warning = open_cursor(
                self._database, self._cursors, job.name, call.lease, call.total_stocks, left
            )
            call.offset, call.cycle_id = cursor.offset, cursor.cycle_id
            call.plan = CyclePlan(job, call.lease, self._cursors, size, call.total_stocks)
            return cursor
        with self._database.reading(call.limits.seconds_left) as connection:
            tickers = asked_for(connection, job.name, call.request)
        call.plan = ListPlan(call.lease, self._cursors, size, tickers)
        # Its rows derive from a cycle of their own, which no other call will ever continue.
        return Cursor(uuid4(), 0, "")

    def _chunk_by_chunk(self, call: Call, cursor: Cursor) -> StopReason:
        sampler = Sampler(call)
        while True:
            left = None if call.request.chunks is None else call.request.chunks - call.chunks_run
            if left == 0:
                return StopReason.CHUNKS_DONE
            if self._shutdown.asked or call.limits.spent:
                return call.why_stopped
            call.pings.start()
            chunk = ChunkRun(call, cursor)
            try:
                stop = chunk.work(is_last=left == 1)
            except ServiceUnavailable as problem:
                if not call.chunks_run:
                    raise
                log_unavailable(problem, job=call.job.run_name)
                call.error = str(problem)
                call.database_lost = is_silent(problem)
                return StopReason.ERROR
            call.add(chunk.run)
            call.is_complete = chunk.at_the_end and call.plan.in_cycle
            sampler.after_chunk(stop)
            if stop is not None:
                return stop
            cursor = chunk.cursor


def _next_call(timetable: Timetable, last: datetime, now: datetime) -> datetime:
    return timetable.next_after(served_until(timetable, last, now))
