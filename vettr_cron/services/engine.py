"""Evaluates a chunk in batches through concurrent.futures and yields their outcomes in order."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
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
    workers: int,
    job: Job[Any],
    occasion: Occasion,
    items: Sequence[Item],
    batch_size: int,
    may_start: Callable[[], bool],
) -> Iterator[BatchOutcome]:
    """Yield the batches' outcomes in order, at most `workers` under way at once.

    The first batch always starts, so that every chunk gets on; a later one only while `may_start` says so.
    """
    batches = deque(items[start : start + batch_size] for start in range(0, len(items), batch_size))
    under_way: deque[Future[BatchOutcome]] = deque()
    started = False
    while batches or under_way:
        while batches and len(under_way) < workers and (not started or may_start()):
            under_way.append(executor.submit(evaluate_batch, job, occasion, batches.popleft()))
            started = True
        if not under_way:
            return
        yield under_way.popleft().result()


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
