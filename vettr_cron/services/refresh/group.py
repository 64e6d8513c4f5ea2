"""Runs one group of stocks: reads their inputs, evaluates them in batches, and saves what came of them at once.

A group is what may be done elsewhere: a task is made of plain values, and each process makes its own context.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor, wait
from dataclasses import dataclass
from uuid import UUID

import structlog

from vettr_cron.database.transactions import Database
from vettr_cron.domain.attempt import Attempt
from vettr_cron.domain.errors import RunSuperseded, StockDataError
from vettr_cron.domain.run import Run, StockFailure
from vettr_cron.jobs.job import Item, Job
from vettr_cron.repositories import runs
from vettr_cron.repositories.universe import Selection
from vettr_cron.services.clock import Limits, Stopwatch
from vettr_cron.services.refresh.saving import StockOutcome, save_group

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupContext:
    """What a process needs to run groups: made by each process, never sent to another."""

    database: Database
    jobs: Mapping[str, Job]  # by name
    workers: int  # batches that are evaluated at once
    is_stopped: Callable[[], bool]  # once it says yes, no further batch starts


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupTask:
    """Which stocks to do, and for which run; plain values."""

    job: str  # its name
    run: Run  # as it stands in the run log: its id, its `now`, its counts so far
    cycle_id: UUID
    selection: Selection  # the range of tickers, or the tickers
    batch_size: int
    seconds_left: float | None  # of the call's time budget; None is no bound


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupOutcome:
    """What is written: of `stocks` stocks from the group's first on, of which the last was `last`."""

    run: Run  # with the group's counts
    stocks: int
    last: str | None
    answers: Mapping[str, str]  # for the cache


def run_group(context: GroupContext, task: GroupTask, inputs: Sequence[Item] | None = None) -> GroupOutcome:
    """Do a group of stocks. To try again is to call again: it writes the same rows.

    1. The inputs are read in a transaction of their own, unless they are given.
    2. The rules run in no transaction, batch by batch; the first batch always starts, a later one only while there is
       time and nobody has said stop.
    3. One transaction saves results, failures and the run's counts, which the run's row refuses once it is closed.

    Raises RunSuperseded, DatabaseUnavailable.
    """
    job, stopwatch = context.jobs[task.job], Stopwatch()
    limits = Limits(task.seconds_left, context.is_stopped)
    attempt = Attempt(job.name, task.cycle_id, task.run.started_at)
    if inputs is None:
        with context.database.index_reads(limits.seconds_left) as connection:
            inputs = job.load(connection, task.selection, attempt.now).items
    with ThreadPoolExecutor(context.workers, thread_name_prefix="batch") as executor:
        outcomes = evaluate_in_batches(executor, job, attempt, inputs, task.batch_size, limits.may_start)
    with context.database.saving(limits.seconds_left) as connection:
        outcomes = save_group(connection, job, attempt, outcomes)
        failures = [StockFailure(outcome.ticker, outcome.error) for outcome in outcomes if outcome.error is not None]
        milliseconds = (task.run.duration_ms or 0) + stopwatch.milliseconds
        run = task.run.with_stocks(len(outcomes) - len(failures), failures, milliseconds)
        if not runs.record(connection, run):
            raise RunSuperseded
    answers = dict(job.answer(outcome.result) for outcome in outcomes if outcome.error is None)
    return GroupOutcome(run=run, stocks=len(outcomes), last=outcomes[-1].ticker if outcomes else None, answers=answers)


def evaluate_in_batches(
    executor: Executor,
    job: Job,
    attempt: Attempt,
    items: Sequence[Item],
    batch_size: int,
    may_start: Callable[[], bool],
) -> list[StockOutcome]:
    """What became of the stocks, in their order, as many batches at once as the executor has workers.

    The first batch always starts, so that every chunk gets on; a later one only while `may_start` says so, which once
    it said no must say so for good.
    """
    batches = [items[start : start + batch_size] for start in range(0, len(items), batch_size)]

    def evaluate(number: int) -> list[StockOutcome] | None:
        return _evaluate_batch(job, attempt, batches[number]) if number == 0 or may_start() else None

    under_way = [executor.submit(evaluate, number) for number in range(len(batches))]
    # For all of them at once: to be woken after each batch takes Python's lock from those who evaluate.
    wait(under_way)
    outcomes = [future.result() for future in under_way]
    while outcomes and outcomes[-1] is None:
        outcomes.pop()
    # Of batches that ask at the same moment a later one may be the last that may: no stock is left out before it.
    done = (outcome or _evaluate_batch(job, attempt, batch) for batch, outcome in zip(batches, outcomes, strict=False))
    return [outcome for batch in done for outcome in batch]


def _evaluate_batch(job: Job, attempt: Attempt, items: Sequence[Item]) -> list[StockOutcome]:
    return [_evaluate(job, attempt, item) for item in items]


def _evaluate(job: Job, attempt: Attempt, item: Item) -> StockOutcome:
    if item.problem:
        return StockOutcome(item.ticker, error=item.problem)
    try:
        return StockOutcome(item.ticker, job.evaluate(item, attempt))
    except StockDataError as error:
        return StockOutcome(item.ticker, error=str(error))
    except Exception as error:
        # A rule that trips over one stock's rows must not take the other stocks with it.
        log.exception("stock_not_evaluated", job=job.run_name, ticker=item.ticker)
        return StockOutcome(item.ticker, error=f"unexpected {type(error).__name__}; the log has the details")
