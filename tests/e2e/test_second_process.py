"""The second process beside a SQLite file, in commands and in gunicorn: it ends with the first, however that ends."""

import json
import os
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from uuid import UUID

import pytest

from tests.e2e.programs import PATIENCE, environment, flask, started
from tests.e2e.web import serving
from tests.integration.bare_stocks import add_stocks
from tests.integration.meddling import under_way, wait_until
from tests.second_processes import is_alive, second_processes
from tests.world import World
from tests.written_rows import stock_ids, stocks_done

STOCKS = 12_000


@pytest.fixture
def world(migrated_sqlite_url: str, redis_url: str) -> Iterator[World]:
    """A service on a SQLite file with so many stocks that a cycle takes seconds."""
    world = World.make(migrated_sqlite_url, redis_url)
    add_stocks(world, STOCKS)
    yield world
    world.close()


def helped_by(world: World, pid: int) -> Callable[[], list[int]]:
    """Tells the second processes of a process, once one of its runs was evaluated by one of them."""

    def found() -> list[int]:
        with closing(sqlite3.connect(world.database_url.removeprefix("sqlite:///"))) as connection:
            (overlapping,) = connection.execute(
                "SELECT count(*) FROM (SELECT started_at, lag(completed_at) OVER (ORDER BY started_at) AS before"
                " FROM cron_job_runs) WHERE started_at < before"
            ).fetchone()
        return second_processes(pid) if overlapping else []

    return found


def assert_every_stock_once(world: World, cycle: str | UUID) -> None:
    stocks = set(stock_ids(world).values())
    assert stocks_done(world, "scores", cycle, stocks) == stocks
    assert len(world.table("vetr_score_history")) == STOCKS


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_command_that_is_stopped_saves_what_it_has_and_leaves_no_process(
    world: World, number: signal.Signals
) -> None:
    command = flask("cron", "scores", "--chunks", "all", "--chunk-size", "50", "--json")
    with started(command, environment(world)) as process:
        wait_until(helped_by(world, process.pid), PATIENCE)
        (second,) = second_processes(process.pid)
        # As a host does that stops all processes at once.
        os.kill(second, number)
        process.send_signal(number)
        output, _ = process.communicate(timeout=10)
    result = json.loads(output)
    assert (result["stop_reason"], result["status"]) == ("shutdown", "completed")
    assert 0 < result["succeeded"] < STOCKS
    wait_until(lambda: not is_alive(second))
    rest = world.data("scores?chunks=all&chunk_size=1000")
    assert (rest["cycle_id"], rest["succeeded"]) == (result["cycle_id"], STOCKS - result["succeeded"])
    assert_every_stock_once(world, result["cycle_id"])
    assert {run["status"] for run in world.table("cron_job_runs")} == {"completed"}


def test_a_command_that_ends_leaves_no_process(world: World) -> None:
    command = flask("cron", "scores", "--chunks", "all", "--chunk-size", "50", "--json")
    with started(command, environment(world)) as process:
        wait_until(helped_by(world, process.pid), PATIENCE)
        (second,) = second_processes(process.pid)
        output, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, said
    assert not is_alive(second)
    assert json.loads(output)["succeeded"] == STOCKS


def test_a_web_process_that_is_stopped_leaves_no_process(world: World) -> None:
    with serving(world, {"WEB_CONCURRENCY": "1"}) as web:
        call = under_way(lambda: web.call("/v1/cron/scores?chunks=all&chunk_size=50"))
        (worker,) = web.workers()
        wait_until(helped_by(world, worker), PATIENCE)
        (second,) = second_processes(worker)
        web.process.send_signal(signal.SIGTERM)
        reply = call.result(timeout=PATIENCE)
        assert (reply.status, reply.body["data"]["stop_reason"]) == (200, "shutdown")
        assert web.process.wait(timeout=10) == 0
    wait_until(lambda: not is_alive(second))


def test_a_web_process_that_is_killed_leaves_no_process_and_at_most_a_chunk_to_do_again(world: World) -> None:
    with serving(world, {"CRON_LEASE_SECONDS": "2", "WEB_CONCURRENCY": "1"}) as web:
        call = under_way(lambda: web.call("/v1/cron/scores?chunks=all&chunk_size=50"))
        (worker,) = web.workers()
        wait_until(helped_by(world, worker), PATIENCE)
        (second,) = second_processes(worker)
        os.kill(web.process.pid, signal.SIGKILL)  # which would start another worker
        os.kill(worker, signal.SIGKILL)
        wait_until(lambda: not is_alive(second))
        assert call.exception(timeout=PATIENCE) is not None
    wait_until(lambda: not world.redis.exists("cron:scores:lease"))
    status = world.data("status")
    assert status["jobs"]["scores"]["running"] is None
    done = status["scores_offset"]
    rest = world.data("scores?chunks=all&chunk_size=1000")
    assert (rest["stop_reason"], rest["succeeded"]) == ("cycle_complete", STOCKS - done)
    assert_every_stock_once(world, rest["cycle_id"])
    runs = world.table("cron_job_runs")
    assert [run["error_message"] for run in runs if run["status"] == "failed"] in (["interrupted"], [])
    processed = sum(run["stocks_processed"] for run in runs)
    assert STOCKS <= processed <= STOCKS + 50
