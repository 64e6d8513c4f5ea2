"""Runs one chunk of a job, from the insertion of its run row to that row's end."""

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from uuid import uuid4

import structlog

from vettr_cron.database.transactions import Database
from vettr_cron.domain.attempt import Attempt
from vettr_cron.domain.errors import JobPaused, RunSuperseded, ServiceUnavailable
from vettr_cron.domain.run import Run, RunStatus, StockFailure, StopReason
from vettr_cron.jobs.job import Chunk, Item, Job
from vettr_cron.redis_store.cursors import Cursor, Moved
from vettr_cron.redis_store.leases import Lease, Leases
from vettr_cron.repositories import pauses, runs
from vettr_cron.services.clock import Deadline, Limits, Shutdown, Stopwatch, utc_now
from vettr_cron.services.refresh.engine import BatchOutcome, evaluate_in_batches
from vettr_cron.services.refresh.plan import Plan
from vettr_cron.services.refresh.prefetch import Load, Prefetch
from vettr_cron.services.refresh.saving import Saved, save_group
from vettr_cron.services.retry import retry_transient, with_timeout

log = structlog.get_logger(__name__)

COMMIT_GROUP_LIMIT = 500
FINISH_SECONDS = 3.0
Progress = Callable[[int, int], None]
"""Told as a call begins, and after each commit group, how many stocks the cycle has done, and how many there are."""
SUPERSEDED = "the lease was lost; another caller goes on"


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What one call does: a job under its lease, so many stocks a chunk, until a deadline."""

    job: Job
    lease: Lease
    chunk_size: int
    batch_size: int
    tolerated_failure_percent: float
    total_stocks: int
    deadline: Deadline
    executor: Executor
    plan: Plan
    load: Load
    prefetch: Prefetch
    progress: Progress


@dataclass(frozen=True, slots=True)
class ChunkOutcome:
    """How a chunk ended, and where the cursor stands now. `stop` is None while the call may go on."""

    run: Run
    cursor: Cursor
    stop: StopReason | None
    at_the_end: bool  # even where a later failure is why the call stopped


class ChunkRunner:
    """Takes the chunk after a cursor through load, evaluation, commit groups, caches and cursor."""

    def __init__(self, database: Database, leases: Leases, shutdown: Shutdown) -> None:
        self.database = database
        self.leases = leases
        self.shutdown = shutdown

    def run(self, work: Work, cursor: Cursor, *, is_last: bool) -> ChunkOutcome:
        """Run the chunk after the cursor, and begin to read the one after it unless this is the call's last.

        Raises JobPaused when an operator has paused the job, ServiceUnavailable when not even the run row could be
        written.
        """
        stopwatch = Stopwatch()
        run = Run(
            id=uuid4(),
            job_name=work.job.run_name,
            status=RunStatus.RUNNING,
            chunk_offset=cursor.offset if work.plan.end is StopReason.CYCLE_COMPLETE else None,
            chunk_size=work.chunk_size,
            total_stocks=work.total_stocks,
            started_at=utc_now(),
        )

        # Named before its row is there: readers take a row for orphaned that runs and is not named.
        if not self.leases.confirm(work.lease, str(run.id)):
            raise RunSuperseded

        def start() -> None:
            with self.database.writing(work.deadline.left) as connection:
                pause = pauses.find(connection, work.job.name)
                if pause:
                    raise JobPaused(pause)
                runs.start(connection, run)

        retry_transient(start, Limits(self.shutdown, work.deadline).may_start)
        return _ChunkRun(self, work, run, cursor, stopwatch).to_its_end(is_last=is_last)


class _ChunkRun:
    """One chunk under way: its run row so far, and its place in the universe so far."""

    def __init__(self, runner: ChunkRunner, work: Work, run: Run, cursor: Cursor, stopwatch: Stopwatch) -> None:
        self._runner = runner
        self._work = work
        self._run = run
        self._cursor = cursor
        self._at_the_end = False
        self._attempt = Attempt(work.job.name, cursor.cycle_id, run.started_at)
        self._stopwatch = stopwatch
        self._may_start = Limits(runner.shutdown, work.deadline, lambda: work.lease.lost).may_start

    def to_its_end(self, *, is_last: bool) -> ChunkOutcome:
        try:
            return self._finish(self._all_groups(is_last=is_last))
        except RunSuperseded:
            return self._finish(StopReason.SUPERSEDED, SUPERSEDED)
        except ServiceUnavailable as problem:
            return self._finish(StopReason.ERROR, str(problem))
        except Exception as bug:
            # What nobody foresaw, a bug or the database's own: the run has failed, and says where to look.
            log.exception("run_broke_off", job=self._run.job_name, run_id=str(self._run.id))
            return self._finish(StopReason.ERROR, f"unexpected {type(bug).__name__}; the log has the details")

    def _all_groups(self, *, is_last: bool) -> StopReason | None:
        work, runner = self._work, self._runner
        if not runner.leases.confirm(work.lease):
            raise RunSuperseded
        # Only now, so that it was read meanwhile, and what is left to wait for belongs to this run.
        chunk = work.prefetch.take(self._cursor.after) or retry_transient(self._read, self._may_start)
        next_after = None if is_last or chunk.ends_universe else chunk.items[-1].ticker
        if next_after is not None and self._may_start():
            work.prefetch.start(next_after)
        done = 0
        for group in self._groups(chunk):
            done += sum(len(batch.items) for batch in group)
            stop = self._save_and_move(group, ends=chunk.ends_universe and done == len(chunk.items))
            if stop is not None:
                return stop
        if done < len(chunk.items):
            return StopReason.SHUTDOWN if runner.shutdown.asked else StopReason.TIME_BUDGET
        return None

    def _read(self) -> Chunk:
        return self._work.load(self._cursor.after, self._run.started_at)

    def _groups(self, chunk: Chunk) -> Iterator[Sequence[BatchOutcome]]:
        """Consecutive batches, as many as one transaction takes; an empty chunk is one empty group.

        A group is evaluated once the one before it is saved.
        """
        work = self._work
        size = max(COMMIT_GROUP_LIMIT // work.batch_size, 1) * work.batch_size
        for start in range(0, max(len(chunk.items), 1), size):
            if start and not self._may_start():
                return
            items = chunk.items[start : start + size]
            self._log_group(items)
            yield evaluate_in_batches(work.executor, work.job, self._attempt, items, work.batch_size, self._may_start)

    def _save_and_move(self, group: Sequence[BatchOutcome], *, ends: bool) -> StopReason | None:
        work, before = self._work, self._cursor
        items = [item for batch in group for item in batch.items]
        saved = self._commit(group) if items else Saved([], [])
        after = before
        if items:
            after = replace(before, offset=before.offset + len(items), ticker=items[-1].ticker)
        answers = dict(work.job.answer(evaluated.result) for evaluated in saved.kept)
        moved = work.plan.move(before, after, answers, ends=ends)
        if moved is Moved.LOST:
            raise RunSuperseded
        if moved is Moved.CHANGED:
            return StopReason.RESET
        self._cursor, self._at_the_end = after, ends
        work.progress(after.offset, work.plan.length)
        return work.plan.end if ends else None

    def _commit(self, group: Sequence[BatchOutcome]) -> Saved:
        """Write a group's results and the run's new counts, and take them for written only once they are."""
        saved, self._run = retry_transient(lambda: self._transaction(group), self._may_start)
        self._warn(saved.failures)
        return saved

    def _transaction(self, group: Sequence[BatchOutcome]) -> tuple[Saved, Run]:
        """One transaction for results and counts, which the run row may refuse. The same when it is done twice."""
        work = self._work
        if work.lease.lost:
            raise RunSuperseded
        with self._runner.database.saving(work.deadline.left) as connection:
            saved = save_group(connection, work.job, self._attempt, group)
            run = self._run.with_stocks(len(saved.kept), saved.failures, self._stopwatch.milliseconds)
            if not runs.record(connection, run):
                raise RunSuperseded
        return saved, run

    def _finish(self, stop: StopReason | None, error: str | None = None) -> ChunkOutcome:
        """Close the run row, after the last move of the cursor and while the lease is still ours."""
        error = error or self._run.beyond_tolerance(self._work.tolerated_failure_percent)
        self._run = self._run.finished(utc_now(), self._stopwatch.milliseconds, error)
        try:
            if not with_timeout(self._runner.shutdown.ends, self._tell):
                stop = StopReason.SUPERSEDED
                self._run = replace(self._run, status=RunStatus.FAILED, error_message=SUPERSEDED)
        except ServiceUnavailable as problem:
            # The row stays `running` until the next holder closes it; readers see it as failed from now on.
            stop = StopReason.ERROR
            self._run = replace(self._run, status=RunStatus.FAILED, error_message=error or str(problem))
        self._log_run(stop)
        return ChunkOutcome(self._run, self._cursor, stop, self._at_the_end)

    def _tell(self) -> bool:
        return retry_transient(self._record, lambda: not (self._runner.shutdown.over or self._work.deadline.spent))

    def _record(self) -> bool:
        left = self._work.deadline.left
        limit = None if left is None else max(left, FINISH_SECONDS)
        with self._runner.database.writing(limit) as connection:
            return runs.record(connection, self._run)

    def _log_group(self, items: Sequence[Item]) -> None:
        if items:
            first, last = items[0].ticker, items[-1].ticker
            run = {"job": self._run.job_name, "run_id": str(self._run.id)}
            log.info("group_begins", **run, first=first, last=last, stocks=len(items))

    def _warn(self, failures: Sequence[StockFailure]) -> None:
        for failure in failures:
            log.warning("stock_failed", job=self._run.job_name, ticker=failure.ticker, error=failure.error)

    def _log_run(self, stop: StopReason | None) -> None:
        run = self._run
        log.log(
            logging.ERROR if run.status is RunStatus.FAILED else logging.INFO,
            "run",
            job=run.job_name,
            run_id=str(run.id),
            status=str(run.status),
            stop_reason=stop.value if stop else None,
            offset=run.chunk_offset,
            stocks_processed=run.stocks_processed,
            succeeded=run.succeeded,
            failed=run.failed_count,
            duration_ms=run.duration_ms,
            error=run.error_message,
        )
