"""Evaluates a chunk in batches through concurrent.futures and gives their outcomes in order."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, wait
from dataclasses import dataclass
from typing import Any, NamedTuple

import structlog

from vettr_cron.domain.errors import StockDataError
from vettr_cron.domain.run import StockFailure
from vettr_cron.jobs.job import Item, Job, Occasion

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
    job: Job[Any],
    occasion: Occasion,
    items: Sequence[Item],
    batch_size: int,
    may_start: Callable[[], bool],
) -> list[BatchOutcome]:
    """The batches' outcomes in order, as many batches at once as the executor has workers.

    The first batch always starts, so that every chunk gets on; a later one only while `may_start` says so, and none is
    among the outcomes after one that did not start.
    """

    def evaluate(start: int) -> BatchOutcome | None:
        if start and not may_start():
            return None
        return evaluate_batch(job, occasion, items[start : start + batch_size])

    batches = [executor.submit(evaluate, start) for start in range(0, len(items), batch_size)]
    # For all of them at once: to be woken after each batch takes Python's lock from those who evaluate.
    wait(batches)
    outcomes = []
    for batch in batches:
        outcome = batch.result()
        if outcome is None:
            break
        outcomes.append(outcome)
    return outcomes


def evaluate_batch(job: Job[Any], occasion: Occasion, items: Sequence[Item]) -> BatchOutcome:
    """Evaluate up to a batch of stocks, each failure its own: a plain function of plain values."""
    evaluated, failures = [], []
    for item in items:
        try:
            evaluated.append(Evaluated(item, job.evaluate(item, occasion)))
        except StockDataError as error:
            failures.append(StockFailure(item.ticker, str(error)))
        except Exception as error:
            # A rule that trips over one stock's rows must not take the other stocks with it.
            log.exception("stock_not_evaluated", job=job.run_name, ticker=item.ticker)
            failures.append(StockFailure(item.ticker, f"unexpected {type(error).__name__}; the log has the details"))
    return BatchOutcome(items, evaluated, failures)
