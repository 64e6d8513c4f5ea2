"""One call of a job: what was requested, what it works with, and what it has done so far."""

from collections.abc import Callable
from concurrent.futures import Executor
from datetime import datetime
from itertools import islice
from uuid import UUID, uuid4

from vettr_cron.config import Settings
from vettr_cron.database.transactions import Database
from vettr_cron.domain.lease import Held
from vettr_cron.domain.logged_call import LoggedCall
from vettr_cron.domain.run import MAXIMUM_LISTED, CallStatus, JobResult, Pause, Run, RunStatus, StockFailure, StopReason
from vettr_cron.jobs.job import Chunk, Job
from vettr_cron.pings import CallPings
from vettr_cron.redis_store.leases import Lease, Leases
from vettr_cron.services.clock import Limits, Shutdown, Stopwatch, utc_now
from vettr_cron.services.refresh.engine import Engine
from vettr_cron.services.refresh.plan import Plan
from vettr_cron.services.refresh.prefetch import Prefetch
from vettr_cron.services.refresh.reading import read_chunk, read_names, read_whole
from vettr_cron.services.refresh.request import Request

Progress = Callable[[int, int], None]
"""Called when a call begins, and after each group, with the number of stocks done in the cycle and the total."""


def unwatched(_done: int, _total: int) -> None:
    """Ignores the progress."""


class Call:
    """Carries one call from its beginning to its result.

    It keeps only sums of what was done, so a call of ten thousand chunks needs no more memory than one.
    """

    lease: Lease  # once it is acquired
    plan: Plan  # once the cursor is read
    prefetch: Prefetch
    executor: Executor  # of its groups

    def __init__(
        self,
        job: Job,
        request: Request,
        *,
        settings: Settings,
        database: Database,
        leases: Leases,
        shutdown: Shutdown,
        pings: CallPings,
        engine: Engine,
        progress: Progress,
    ) -> None:
        self.job = job
        self.request = request
        self.settings = settings
        self.database = database
        self.leases = leases
        self.shutdown = shutdown
        self.pings = pings
        self.engine = engine
        self.progress = progress
        self.budget = Limits(request.time_budget)
        self.limits = Limits(engine.working_seconds(request.time_budget), self.is_stopped)  # of what is begun
        self.chunks_run = 0
        self.offset = 0
        self.total_stocks = 0
        self.cycle_id: UUID | None = None
        self.is_complete = False
        self.warning: str | None = None
        self.error: str | None = None
        self.pause: Pause | None = None
        self.logged = LoggedCall(  # as it begins
            id=uuid4(),
            job=job.name,
            along_cursor=request.only is None,
            caller=request.caller,
            started_at=request.came_at or utc_now(),
        )
        self.is_logged = False  # its end is written, or could not be
        self.database_lost = False  # the database was found not to answer
        self.first_run_id: UUID | None = None
        self.last_run_id: UUID | None = None
        self._stocks_processed = self._succeeded = self._failed = 0
        self._failures: list[StockFailure] = []  # the first MAXIMUM_LISTED
        self._run_error: str | None = None  # of the last run that failed
        self._stopwatch = Stopwatch()

    def is_stopped(self) -> bool:
        """Whether the process is asked to stop, or another caller has taken over."""
        return self.shutdown.asked or self.lease.lost

    @property
    def why_stopped(self) -> StopReason:
        """Why nothing more is started, in a call that is asked to stop or has spent its time."""
        return StopReason.SHUTDOWN if self.shutdown.asked else StopReason.TIME_BUDGET

    def read(self, after: str | None, now: datetime) -> Chunk:
        """The chunk after a ticker, with a problem for each stock that cannot be read.

        Raises DatabaseUnavailable, InputsUnreadable.
        """
        chunk = self._read(read_chunk, after, now)
        self.lease.note_progress()
        return chunk

    def prefetch_chunk(self, after: str | None, now: datetime) -> Chunk:
        """The same, if every stock can be read. Raises DatabaseUnavailable, InputsUnreadable."""
        chunk = self._read(read_whole, after, now)
        self.lease.note_progress()
        return chunk

    def _read(self, read: Callable[..., Chunk], after: str | None, now: datetime) -> Chunk:
        if self.engine.side_by_side:
            return read_names(self.database, self.plan.selection(after), self.limits)
        return read(self.database, self.job, self.plan.selection(after), now, self.limits)

    def add(self, run: Run) -> None:
        """Add one more run to the sums."""
        self.chunks_run += 1
        self.first_run_id = self.first_run_id or run.id
        self.last_run_id = run.id
        self._stocks_processed += run.stocks_processed
        self._succeeded += run.succeeded
        self._failed += run.failed_count
        self._failures += islice(run.failures or (), MAXIMUM_LISTED - len(self._failures))
        if run.status is RunStatus.FAILED:
            self._run_error = run.error_message

    def result(self, stop: StopReason, held: Held | None = None) -> JobResult:
        """What the call did; `held` is the lease of another caller that kept it from starting."""
        error = self._run_error if self.error is None else self.error
        is_skipped = held or (self.pause and not self.chunks_run)
        status = CallStatus.SKIPPED if is_skipped else CallStatus.FAILED if error is not None else CallStatus.COMPLETED
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
            run_id=_uuid(held.run_id) if held else self.last_run_id,
            cycle_id=self.cycle_id,
            chunks_run=self.chunks_run,
            warning=self.warning,
            error=error,
            pause=self.pause,
            retry_after=held.seconds_left if held else None,
            seconds_since_progress=held.seconds_since_progress if held else None,
        )


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None
