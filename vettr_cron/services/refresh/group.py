"""Runs one group of stocks: reads their inputs, evaluates them in batches, and saves their results at once.

A group can run in another process: task and outcome consist of plain values, and each process makes its own context.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from uuid import UUID

import structlog

from vettr_cron.database.transactions import Database
from vettr_cron.domain.attempt import Attempt
from vettr_cron.domain.errors import RunSuperseded, StockDataError, unexpected
from vettr_cron.domain.run import Run, StockFailure
from vettr_cron.jobs.job import Item, Job
from vettr_cron.repositories import runs
from vettr_cron.repositories.universe import Selection
from vettr_cron.services.clock import Limits, Stopwatch
from vettr_cron.services.refresh.reading import read_chunk
from vettr_cron.services.refresh.saving import StockOutcome, save_group
from vettr_cron.services.retry import retry_transient

log = structlog.get_logger(__name__)


def _unnoted() -> None:
    """Leaves progress unnoted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupContext:
    """What a process needs to run groups; each process makes its own and never sends it to another."""

    database: Database
    jobs: Mapping[str, Job]  # by name
    workers: int  # the number of batches evaluated at once
    is_stopped: Callable[[], bool]  # once it returns True, no further batch starts, and nothing is tried again
    is_superseded: Callable[[], bool] = lambda: False  # once it returns True, nothing is saved any more
    note_progress: Callable[[], None] = _unnoted  # called after each stock that is evaluated, and after the commit
    side_by_side: bool = (
        False  # other groups of the run may be saved at the same time; then its counts are the caller's
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupTask:
    """Which stocks to do, and for which run; plain values."""

    job: str  # its name
    run: Run  # as recorded in the run log: its id, its `now`, its counts so far
    cycle_id: UUID
    selection: Selection  # the range of tickers, or the tickers
    batch_size: int
    seconds_left: float | None  # of the call's time budget; None means no bound


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupOutcome:
    """What was written: the results of the group's first stocks, up to the ticker `last`."""

    succeeded: int = 0
    failures: Sequence[StockFailure] = ()
    last: str | None = None
    is_whole: bool = False  # all of the group's stocks are done
    answers: Mapping[str, str] = field(default_factory=dict)  # for the cache

    @property
    def stocks(self) -> int:
        """How many stocks are done."""
        return self.succeeded + len(self.failures)


def run_group(context: GroupContext, task: GroupTask, inputs: Sequence[Item] | None = None) -> GroupOutcome:
    """Do a group of stocks. It can simply be called again to retry: it writes the same rows.

    1. Read the inputs, unless they are given.
    2. Run the rules outside any transaction, batch by batch; the first batch always starts, a later one only while
       there is time and no stop was requested.
    3. Save results, failures and the run's counts in one transaction, which fails if the run's row is closed. It is
       tried again after a transient failure, with the same results. Side by side with others, no counts are written.

    Raises RunSuperseded, DatabaseUnavailable, InputsUnreadable.
    """
    job, limits = context.jobs[task.job], Limits(task.seconds_left, context.is_stopped)
    attempt, stopwatch = Attempt(job.name, task.cycle_id, task.run.started_at), Stopwatch()
    is_read = True
    if inputs is None:
        inputs, _ends, is_read = read_chunk(context.database, job, task.selection, attempt.now, limits)
    with ThreadPoolExecutor(context.workers, thread_name_prefix="batch") as executor:
        evaluated = evaluate_in_batches(
            executor, job, attempt, inputs, task.batch_size, limits.may_start, context.note_progress
        )
    is_whole = is_read and len(evaluated) == len(inputs)

    def save() -> GroupOutcome:
        if context.is_superseded():
            raise RunSuperseded
        with context.database.saving(limits.seconds_left) as connection:
            if context.side_by_side and not runs.join(connection, task.run.id):
                raise RunSuperseded
            outcome = _outcome(job, save_group(connection, job, attempt, evaluated), is_whole)
            milliseconds = (task.run.duration_ms or 0) + stopwatch.milliseconds
            run = task.run.with_stocks(outcome.succeeded, outcome.failures, milliseconds)
            if not (context.side_by_side or runs.record_progress(connection, run)):  # the fence
                raise RunSuperseded
        return outcome

    outcome = retry_transient(save, limits.may_start)
    context.note_progress()
    return outcome


def _outcome(job: Job, stocks: Sequence[StockOutcome], is_whole: bool) -> GroupOutcome:
    failures = [StockFailure(each.ticker, each.error) for each in stocks if each.error is not None]
    return GroupOutcome(
        succeeded=len(stocks) - len(failures),
        failures=failures,
        last=stocks[-1].ticker if stocks else None,
        is_whole=is_whole,
        answers={job.answer_key(each.ticker): job.answer(each.result) for each in stocks if each.error is None},
    )


def border(items: Sequence[Item], end: int) -> int:
    """Where a group that is to end there ends: beyond all stocks of the same ticker, which are one in a selection."""
    while 0 < end < len(items) and items[end].ticker == items[end - 1].ticker:
        end += 1
    return min(end, len(items))


def evaluate_in_batches(
    executor: Executor,
    job: Job,
    attempt: Attempt,
    items: Sequence[Item],
    batch_size: int,
    may_start: Callable[[], bool],
    note_progress: Callable[[], None] = _unnoted,
) -> list[StockOutcome]:
    """The outcomes of the stocks, in order, with as many batches at once as the executor has workers.

    The first batch always starts, so that every chunk makes progress; a later one only while `may_start()` is true,
    which must stay false once it is false.
    """

    def evaluate_batch(batch: Sequence[Item]) -> list[StockOutcome]:
        outcomes = []
        for item in batch:
            outcomes.append(evaluate_stock(job, attempt, item))
            note_progress()
        return outcomes

    batches = [items[start : start + batch_size] for start in range(0, len(items), batch_size)]

    def evaluate(number: int) -> list[StockOutcome] | None:
        return evaluate_batch(batches[number]) if number == 0 or may_start() else None

    under_way = [executor.submit(evaluate, number) for number in range(len(batches))]
    # Wait for all at once: waking after each batch would take Python's lock from the evaluating threads.
    wait(under_way)
    outcomes = [future.result() for future in under_way]
    while outcomes and outcomes[-1] is None:
        outcomes.pop()
    # If batches ask at the same moment, a later one may start and an earlier one not: evaluate that one now.
    done = (outcome or evaluate_batch(batch) for batch, outcome in zip(batches, outcomes, strict=False))
    return [outcome for batch in done for outcome in batch]


def evaluate_stock(job: Job, attempt: Attempt, item: Item) -> StockOutcome:
    """The outcome of one stock, by the job's rules: whatever they raise is its problem."""
    if item.problem:
        return StockOutcome(item.ticker, problem=item.problem)
    try:
        result = job.evaluate(item, attempt)
        return StockOutcome(item.ticker, result, kinds=job.checked_kinds(result))
    except StockDataError as error:
        return StockOutcome(item.ticker, problem=error.problem)
    except Exception as error:
        # A bug in a rule that only one stock's rows trigger must not fail the other stocks.
        log.exception("stock_not_evaluated", job=job.run_name, ticker=item.ticker)
        return StockOutcome(item.ticker, problem=unexpected(error))
