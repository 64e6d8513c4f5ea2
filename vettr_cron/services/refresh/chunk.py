"""Runs one chunk of a call, from the insertion of its run row until that row is closed."""

import logging
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future
from contextlib import closing
from dataclasses import replace
from uuid import uuid4

import structlog

from vettr_cron.domain.errors import (
    GroupNotDone,
    InputsUnreadable,
    JobPaused,
    RunSuperseded,
    ServiceUnavailable,
    unexpected,
)
from vettr_cron.domain.run import Run, RunStatus, StopReason
from vettr_cron.jobs.job import Chunk, Item
from vettr_cron.logs import log_unavailable
from vettr_cron.redis_store.cursors import Cursor, Moved
from vettr_cron.repositories import pauses, runs
from vettr_cron.repositories.universe import Between, Named
from vettr_cron.services.clock import Stopwatch, utc_now
from vettr_cron.services.refresh.call import Call
from vettr_cron.services.refresh.call_log import is_silent
from vettr_cron.services.refresh.group import GroupContext, GroupOutcome, GroupTask, border, run_group
from vettr_cron.services.retry import retry_transient, with_timeout

log = structlog.get_logger(__name__)

FINISH_SECONDS = 3.0


class ChunkRun:
    """One chunk in progress: its run row and the cursor, as they are now."""

    def __init__(self, call: Call, cursor: Cursor) -> None:
        self.cursor = cursor
        self.at_the_end = False  # of the plan, even if a later failure stopped the call
        self._call = call
        self._stopwatch = Stopwatch()
        self.run = Run(
            id=uuid4(),
            job_name=call.job.run_name,
            status=RunStatus.RUNNING,
            chunk_offset=cursor.offset if call.plan.in_cycle else None,
            chunk_size=call.request.chunk_size,
            total_stocks=call.total_stocks,
            started_at=utc_now(),
        )

    def work(self, *, is_last: bool) -> StopReason | None:
        """Do the chunk after the cursor. Returns why the call has to stop, or None while it may continue.

        1. Record the run's id in Redis, insert its row, and renew the lease once more.
        2. Read the chunk, unless it was prefetched, with a problem for each stock that cannot be read; then start the
           prefetch of the next one, unless this is the call's last.
        3. Group by group, evaluate and save the stocks, and move the cursor.
        4. Close the run row, after the last move of the cursor and while the lease is still held.

        Raises JobPaused, or RunSuperseded or ServiceUnavailable if not even the run row could be written.
        """
        self._begin()
        try:
            return self._finish(self._all_groups(self._chunk(is_last=is_last)))
        except RunSuperseded as lost:
            return self._finish(StopReason.SUPERSEDED, str(lost))
        except ServiceUnavailable as problem:
            log_unavailable(problem, job=self.run.job_name)
            return self._finish(StopReason.ERROR, str(problem))
        except (GroupNotDone, InputsUnreadable) as problem:
            return self._finish(StopReason.ERROR, str(problem))
        except Exception as bug:
            # An unforeseen error, from a bug or from the database: the run has failed, and says where to look.
            log.exception("run_broke_off", job=self.run.job_name, run_id=str(self.run.id))
            return self._finish(StopReason.ERROR, unexpected(bug).error)

    def _begin(self) -> None:
        call = self._call
        # Record its id before its row exists: readers take a running row whose id is not recorded for an orphan.
        if not call.leases.renew(call.lease, str(self.run.id)):
            raise RunSuperseded

        def start() -> None:
            with call.database.writing(call.limits.seconds_left) as connection:
                pause = pauses.find(connection, call.job.name)
                if pause:
                    raise JobPaused(pause)
                runs.start(connection, self.run)

        retry_transient(start, call.limits.may_start)
        call.lease.note_progress()

    def _chunk(self, *, is_last: bool) -> Chunk:
        call = self._call
        # The row is there now. A holder that took over before could not see it, so the lease is asked for once more:
        # from here on whoever takes over closes the row, which the fence then finds closed.
        if not call.leases.renew(call.lease):
            raise RunSuperseded
        # Only now, so that the prefetch could go on meanwhile, and any time still spent waiting counts for this run.
        chunk = call.prefetch.take(self.cursor.after)
        if chunk is None:
            chunk = call.read(self.cursor.after, self.run.started_at)
        if chunk.items and not (is_last or chunk.ends_universe) and call.limits.may_start():
            call.prefetch.start(chunk.items[-1].ticker)
        return chunk

    def _all_groups(self, chunk: Chunk) -> StopReason | None:
        if not chunk.items:
            stop = self._move(GroupOutcome(is_whole=True), None, ends=chunk.ends_universe)
            return stop if chunk.is_whole else stop or self._why_stopped()
        left = len(chunk.items)
        with closing(self._outcomes(chunk.items)) as outcomes:
            for items, saved in outcomes:
                left -= len(items)
                stop = self._move(saved, items[-1].ticker, ends=chunk.ends_universe and saved.is_whole and not left)
                if stop is not None or not saved.is_whole:
                    return stop or self._why_stopped()
        return None if chunk.is_whole and not left else self._why_stopped()

    def _outcomes(self, everything: Sequence[Item]) -> Generator[tuple[Sequence[Item], GroupOutcome]]:
        """Each group with its outcome, in order, while there is time; as many are under way as the engine takes."""
        call, engine, after = self._call, self._call.engine, self.cursor.after
        size = call.settings.whole_group_size
        under_way: deque[tuple[Sequence[Item], Future[GroupOutcome]]] = deque()
        start = 0
        try:
            while True:
                while start < len(everything) and len(under_way) < engine.window:
                    if start and not call.limits.may_start():
                        break
                    end = border(everything, start + size)
                    items, start = everything[start:end], end
                    under_way.append((items, self._submit(after, items)))
                    after = items[-1].ticker
                if not under_way:
                    return
                items, future = under_way.popleft()
                yield items, self._counted(future.result())
        finally:
            for _items, future in under_way:
                future.cancel()

    def _why_stopped(self) -> StopReason:
        if self._call.lease.lost:
            raise RunSuperseded
        return self._call.why_stopped

    def _submit(self, after: str | None, items: Sequence[Item]) -> Future[GroupOutcome]:
        """Have a group evaluated and saved: the stocks beyond a ticker, up to the last of these."""
        call, run = self._call, self.run
        first, last = items[0].ticker, items[-1].ticker
        log.info("group_begins", job=run.job_name, run_id=str(run.id), first=first, last=last, stocks=len(items))
        context = GroupContext(
            database=call.database,
            jobs={call.job.name: call.job},
            workers=call.settings.cron_workers,
            is_stopped=call.is_stopped,
            is_superseded=lambda: call.lease.lost,
            note_progress=call.lease.note_progress,
            side_by_side=call.engine.side_by_side,
        )
        task = GroupTask(
            job=call.job.name,
            run=replace(run, duration_ms=self._stopwatch.milliseconds),
            cycle_id=self.cursor.cycle_id,
            selection=Between(after, last) if call.plan.in_cycle else Named([item.ticker for item in items]),
            batch_size=call.settings.cron_batch_size,
            seconds_left=call.budget.seconds_left,
        )
        return call.executor.submit(run_group, context, task, items)

    def _counted(self, saved: GroupOutcome) -> GroupOutcome:
        """Take over the counts of a group that is committed."""
        call = self._call
        self.run = self.run.with_stocks(saved.succeeded, saved.failures, self._stopwatch.milliseconds)
        for failure in saved.failures:
            log.warning("stock_failed", job=self.run.job_name, ticker=failure.ticker, error=failure.error)
        if (
            call.engine.side_by_side
            and saved.stocks
            and not retry_transient(self._record_counts, call.limits.may_start)
        ):
            raise RunSuperseded
        return saved

    def _record_counts(self) -> bool:
        with self._call.database.writing(self._call.limits.seconds_left) as connection:
            return runs.record_progress(connection, self.run)

    def _move(self, saved: GroupOutcome, last: str | None, *, ends: bool) -> StopReason | None:
        """Move the cursor over the stocks that are done: to `last`, which may be gone by now, if those are all."""
        call, before, after = self._call, self.cursor, self.cursor
        ticker = last if saved.is_whole else saved.last
        if ticker is not None:
            after = replace(before, offset=before.offset + saved.stocks, ticker=ticker)
        moved = call.plan.move(before, after, saved.answers, ends=ends)
        if moved is Moved.LOST:
            raise RunSuperseded
        if moved is Moved.CHANGED:
            return StopReason.RESET
        call.lease.note_progress()
        self.cursor, self.at_the_end = after, ends
        call.progress(after.offset, call.plan.length)
        return call.plan.end if ends else None

    def _finish(self, stop: StopReason | None, error: str | None = None) -> StopReason | None:
        call = self._call
        error = error or self.run.beyond_tolerance(call.settings.cron_tolerated_failure_percent)
        self.run = self.run.finished(utc_now(), self._stopwatch.milliseconds, error)
        try:
            if not with_timeout(call.shutdown.ends, self._record_end):
                stop = StopReason.SUPERSEDED
                self.run = replace(self.run, status=RunStatus.FAILED, error_message=str(RunSuperseded()))
        except ServiceUnavailable as problem:
            if error is None:  # otherwise what ended the run is logged, and this is the same outage
                log_unavailable(problem, job=self.run.job_name)
            call.database_lost = is_silent(problem)
            # The row stays `running` until the next holder closes it; readers already show it as failed.
            stop = StopReason.ERROR
            self.run = replace(self.run, status=RunStatus.FAILED, error_message=error or str(problem))
        self._log(stop)
        return stop

    def _record_end(self) -> bool:
        return retry_transient(self._record, lambda: not (self._call.shutdown.over or self._call.limits.spent))

    def _record(self) -> bool:
        left = self._call.limits.seconds_left
        limit = None if left is None else max(left, FINISH_SECONDS)
        with self._call.database.writing(limit) as connection:
            is_ours = runs.record_end(connection, self.run)
            if self._call.engine.side_by_side:  # what is being saved now belongs to the run, and nothing after it
                runs.shut_out(connection, [self.run.id])
            return is_ours

    def _log(self, stop: StopReason | None) -> None:
        run = self.run
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
