"""Evaluates a chunk in batches through concurrent.futures and gives their outcomes in order."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, wait
from dataclasses import dataclass
from typing import Any, NamedTuple

import structlog

from vettr_cron.domain.attempt import Attempt
from vettr_cron.domain.errors import StockDataError
from vettr_cron.domain.run import StockFailure
from vettr_cron.jobs.job import Item, Job

log = structlog.get_logger(__name__)


class Evaluated(NamedTuple):
    """A stock with its result, ready to be saved."""

    item: Item
    result: Any


@dataclass(frozen=True, slots=True)
class BatchOutcome:
    """A batch's results and its failures, both in the universe's order."""

    items: Sequence[Item]
    evaluated: Sequence[Evaluated]
    failures: Sequence[StockFailure]


def evaluate_in_batches(
    executor: Executor,
    job: Job,
    attempt: Attempt,
    items: Sequence[Item],
    batch_size: int,
    may_start: Callable[[], bool],
) -> list[BatchOutcome]:
    """The batches' outcomes in order, as many batches at once as the executor has workers.

    The first batch always starts, so that every chunk gets on; a later one only while `may_start` says so, which once
    it said no must say so for good.
    """
    batches = batches_of(items, batch_size)

    def evaluate(number: int) -> BatchOutcome | None:
        return evaluate_batch(job, attempt, batches[number]) if number == 0 or may_start() else None

    under_way = [executor.submit(evaluate, number) for number in range(len(batches))]
    # For all of them at once: to be woken after each batch takes Python's lock from those who evaluate.
    wait(under_way)
    outcomes = [future.result() for future in under_way]
    while outcomes and outcomes[-1] is None:
        outcomes.pop()
    # Of batches that ask at the same moment a later one may be the last that may: no stock is left out before it.
    return [outcome or evaluate_batch(job, attempt, batch) for batch, outcome in zip(batches, outcomes, strict=False)]


def batches_of(items: Sequence[Item], batch_size: int) -> list[Sequence[Item]]:
    """Consecutive batches; the last may be smaller."""
    return [items[start : start + batch_size] for start in range(0, len(items), batch_size)]


def evaluate_batch(job: Job, attempt: Attempt, items: Sequence[Item]) -> BatchOutcome:
    """Evaluate up to a batch of stocks, each failure its own: a plain function of plain values."""
    evaluated, failures = [], []
    for item in items:
        if item.problem:
            failures.append(StockFailure(item.ticker, item.problem))
            continue
        try:
            evaluated.append(Evaluated(item, job.evaluate(item, attempt)))
        except StockDataError as error:
            failures.append(StockFailure(item.ticker, str(error)))
        except Exception as error:
            # A rule that trips over one stock's rows must not take the other stocks with it.
            log.exception("stock_not_evaluated", job=job.run_name, ticker=item.ticker)
            failures.append(StockFailure(item.ticker, f"unexpected {type(error).__name__}; the log has the details"))
    return BatchOutcome(items, evaluated, failures)
