"""A group of stocks in another process: the same function, a task of plain values, a context of that process's own."""

import multiprocessing
import pickle
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import pytest

from tests.integration.bare_stocks import add_stocks
from tests.integration.group_tasks import task_of
from tests.jobs import THE_TWO
from tests.world import World, make_settings
from vettr_cron.app import create_app
from vettr_cron.domain.errors import RunSuperseded
from vettr_cron.registry import EXTENSION
from vettr_cron.repositories.universe import Between, Named
from vettr_cron.services.refresh.group import GroupContext, GroupOutcome, GroupTask, run_group

STOCKS = 30
TABLES = {"scores": "vetr_score_history", "red-flags": "red_flag_history"}


def elsewhere(servers: tuple[str, str], task: GroupTask) -> GroupOutcome:
    """What another process does with a task: it has the settings, and the table of jobs."""
    services = create_app(make_settings(*servers), THE_TWO).extensions[EXTENSION]
    context = GroupContext(database=services.database, jobs=THE_TWO, workers=2, is_stopped=lambda: False)
    return run_group(context, task)


@pytest.fixture(scope="module")
def other_process() -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as executor:
        yield executor


def results(world: World, job: str) -> list[str]:
    return sorted(str(row) for row in world.table(TABLES[job]))


@pytest.mark.parametrize("job", list(THE_TWO))
def test_a_group_is_done_in_another_process(world: World, other_process: ProcessPoolExecutor, job: str) -> None:
    add_stocks(world, STOCKS, unscorable=12)  # of which two are in the group
    task = task_of(world, job)
    outcome = other_process.submit(elsewhere, (world.database_url, world.redis_url), task).result()
    assert (outcome.stocks, outcome.last) == (10, "T00019")
    (row,) = world.table("cron_job_runs")
    failed = 2 if job == "scores" else 0
    assert (row["stocks_processed"], row["failed_count"]) == (10, failed)
    assert (outcome.succeeded, len(outcome.answers)) == (10 - failed, 10 - failed)
    done = {row["stock_ticker"] for row in world.table(TABLES[job])}
    assert done == {f"T{number:05}" for number in range(10 + failed, 20)}
    assert not world.redis.keys("*")  # lease, cursor and answers are the caller's


def test_a_task_that_is_done_twice_writes_the_same_rows(world: World, other_process: ProcessPoolExecutor) -> None:
    add_stocks(world, STOCKS)
    task = task_of(world, "scores")
    servers = world.database_url, world.redis_url
    first = other_process.submit(elsewhere, servers, task).result()
    written = results(world, "scores")
    second = other_process.submit(elsewhere, servers, task).result()
    assert results(world, "scores") == written
    assert (first.answers, first.stocks) == (second.answers, second.stocks)
    (row,) = world.table("cron_job_runs")
    assert row["stocks_processed"] == 10


def test_a_task_of_a_run_that_was_closed_writes_nothing(world: World, other_process: ProcessPoolExecutor) -> None:
    add_stocks(world, STOCKS)
    task = task_of(world, "scores")
    world.execute("UPDATE cron_job_runs SET status = 'failed'")
    with pytest.raises(RunSuperseded):
        other_process.submit(elsewhere, (world.database_url, world.redis_url), task).result()
    assert not results(world, "scores")
    assert not world.table("cron_stock_states")


@pytest.mark.parametrize(
    ("selection", "numbers"),
    [(Between(None, "T00004"), range(5)), (Named(["T00003", "T00007"]), (3, 7)), (Between("T00029", "T00040"), ())],
)
def test_a_task_says_which_stocks_it_is_for(sqlite_world: World, selection: Any, numbers: Any) -> None:
    add_stocks(sqlite_world, STOCKS)
    outcome = elsewhere(
        (sqlite_world.database_url, sqlite_world.redis_url), task_of(sqlite_world, "scores", selection=selection)
    )
    assert outcome.stocks == len(list(numbers))
    assert {row["stock_ticker"] for row in sqlite_world.table("vetr_score_history")} == {f"T{n:05}" for n in numbers}


def test_a_task_is_made_of_plain_values(sqlite_world: World) -> None:
    task = task_of(sqlite_world, "scores")
    assert pickle.loads(pickle.dumps(task)) == task  # noqa: S301  # our own
