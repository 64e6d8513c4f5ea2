"""Batches: in order, each failure its own, and a prefix of the stocks however they are stopped."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import pytest

from vettr_cron.domain.attempt import Attempt
from vettr_cron.domain.errors import StockDataError
from vettr_cron.jobs.job import Item, Job
from vettr_cron.services.refresh.group import evaluate_in_batches
from vettr_cron.services.refresh.saving import StockOutcome

WORKERS = 4
ATTEMPT = Attempt("scores", uuid4(), datetime(2026, 1, 2))
ITEMS = [Item(UUID(int=number), f"T{number:02}", number) for number in range(35)]


def job(evaluate: Callable[[Item], Any]) -> Job:
    def unused(*_arguments: Any) -> Any:
        raise AssertionError("only evaluation is asked for")

    return Job(
        name="scores",
        run_name="refresh-scores",
        reads=(),
        writes=(),
        load=unused,
        evaluate=lambda item, _attempt: evaluate(item),
        save=unused,
        answer=unused,
        answer_key=unused,
    )


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(WORKERS) as executor:
        yield executor


def tickers(outcomes: list[StockOutcome]) -> list[str]:
    return [outcome.ticker for outcome in outcomes]


def in_batches(
    executor: ThreadPoolExecutor, evaluate: Callable[[Item], Any], may_start: Callable[[], bool], size: int = 10
) -> list[StockOutcome]:
    return evaluate_in_batches(executor, job(evaluate), ATTEMPT, ITEMS, size, may_start)


def test_all_stocks_come_out_in_order(executor: ThreadPoolExecutor) -> None:
    outcomes = in_batches(executor, lambda item: item.inputs * 2, lambda: True)
    assert outcomes == [StockOutcome(item.ticker, item.inputs * 2, None) for item in ITEMS]


def test_no_stocks_are_no_batches(executor: ThreadPoolExecutor) -> None:
    assert evaluate_in_batches(executor, job(lambda item: item), ATTEMPT, [], 10, lambda: True) == []


def test_a_failure_is_the_stocks_own(executor: ThreadPoolExecutor) -> None:
    def evaluate(item: Item) -> Any:
        if item.inputs == 3:
            raise StockDataError("a.b", "is missing")
        return 1 // (item.inputs - 12)

    outcomes = in_batches(executor, evaluate, lambda: True)
    assert tickers(outcomes) == [item.ticker for item in ITEMS]
    assert [(outcome.ticker, outcome.error) for outcome in outcomes if outcome.error] == [
        ("T03", "a.b is missing"),
        ("T12", "unexpected ZeroDivisionError; the log has the details"),
    ]


def test_the_first_batch_starts_whatever_is_asked_of_the_others(executor: ThreadPoolExecutor) -> None:
    assert tickers(in_batches(executor, lambda item: item, lambda: False)) == [item.ticker for item in ITEMS[:10]]


@pytest.mark.parametrize("allowed", [0, 1, 5, 33, 34])
def test_what_is_stopped_is_a_prefix_of_the_stocks(executor: ThreadPoolExecutor, allowed: int) -> None:
    asked = count()
    evaluated = []

    def may_start() -> bool:
        return next(asked) < allowed

    outcomes = in_batches(executor, lambda item: evaluated.append(item.ticker), may_start, size=1)
    done = tickers(outcomes)
    # The first batch does not ask. Of those that ask at one moment a later one may be the last that may: one before it,
    # which was told no, is done all the same.
    assert min(allowed + 1, len(ITEMS)) <= len(done) <= allowed + WORKERS
    assert done == [item.ticker for item in ITEMS[: len(done)]]
    assert sorted(evaluated) == done


def test_no_stock_is_left_out_before_one_that_still_began(executor: ThreadPoolExecutor) -> None:
    asked = count()
    both_asked = threading.Barrier(2, timeout=10)

    def may_start() -> bool:
        number = next(asked)
        if number < 2:  # the second and the third batch ask at the same moment, and get different answers
            both_asked.wait()
        return number == 1

    outcomes = in_batches(executor, lambda item: item, may_start)
    assert (
        tickers(outcomes)
        in (
            [item.ticker for item in ITEMS[:20]],  # the second batch was the one that still might
            [item.ticker for item in ITEMS[:30]],
        )
    )
