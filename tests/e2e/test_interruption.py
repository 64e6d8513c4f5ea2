"""A call that is cut off: by a signal while a server hangs, by kill -9, by a client who does not wait."""

import json
import os
import signal
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import psycopg
import pytest

from tests.chaos.proxy import postgres_proxy, redis_proxy
from tests.e2e.programs import PATIENCE, environment, flask, started
from tests.e2e.web import serving
from tests.integration.bare_stocks import add_stocks
from tests.integration.meddling import locked_table, under_way, wait_until
from tests.world import SECRET, World
from vettr_cron.redis_store.leases import lease_key
from vettr_cron.work_settings import MAXIMUM_GROUP_SIZE

GRACE = 10  # seconds that a stop may take
RESULTS = {"scores": ("vetr_score_history", 1), "red-flags": ("red_flag_history", 5)}
Stop = Callable[[signal.Signals], Any]
Program = Callable[..., AbstractContextManager[Stop]]


@pytest.fixture
def world(migrated_postgres_url: str, redis_url: str) -> Iterator[World]:
    world = World.make(migrated_postgres_url, redis_url)
    yield world
    world.close()


@contextmanager
def a_command(world: World, lease_seconds: int = 30) -> Iterator[Stop]:
    """`cron refresh-all` under way; gives what stops it with a signal and tells its result."""
    with started(
        flask("cron", "refresh-all", "--json"), environment(world, CRON_LEASE_SECONDS=str(lease_seconds))
    ) as process:

        def stop(number: signal.Signals) -> Any:
            process.send_signal(number)
            output, _ = process.communicate(timeout=GRACE)
            assert process.returncode == 1
            return json.loads(output)

        yield stop


@contextmanager
def a_web_process(world: World, lease_seconds: int = 30) -> Iterator[Stop]:
    """A call of gunicorn under way; gives what stops gunicorn with a signal and tells the call's result."""
    # Whatever a job's share of the time is, it does not end before the stop does.
    own = {"CRON_LEASE_SECONDS": str(lease_seconds), "CRON_TIME_BUDGET_SECONDS": "300"}
    with serving(world, own) as web:
        call = under_way(lambda: web.call("/v1/cron/refresh-all"))

        def stop(number: signal.Signals) -> Any:
            ends = time.monotonic() + GRACE
            web.process.send_signal(number)
            reply = call.result(timeout=GRACE)
            assert reply.status == 500
            assert web.process.wait(timeout=ends - time.monotonic()) == 0
            return reply.body["error"]["details"]

        yield stop


def assert_cut_off(results: Any, processed: int) -> None:
    """The job that was under way failed, and the other one was not begun."""
    scores, red_flags = results["scores"], results["red_flags"]
    assert (scores["status"], scores["stop_reason"], scores["stocks_processed"]) == ("failed", "error", processed)
    assert red_flags["chunks_run"] == 0


stops = pytest.mark.parametrize(("program", "number"), [(a_command, signal.SIGINT), (a_web_process, signal.SIGTERM)])
crossed = pytest.mark.parametrize(("program", "number"), [(a_command, signal.SIGTERM), (a_web_process, signal.SIGINT)])


@contextmanager
def a_locked_row(world: World) -> Iterator[None]:
    """A stock that somebody else is writing to, and takes long over."""
    with psycopg.connect(world.database_url) as holder:
        holder.execute("SELECT * FROM stocks WHERE ticker = 'T00007' FOR UPDATE")
        yield


@contextmanager
def a_locked_table(world: World) -> Iterator[None]:
    with locked_table(world, "vetr_score_history"):
        yield


def waits_for_a_lock(world: World) -> bool:
    return bool(world.rows("SELECT pid FROM pg_locks WHERE NOT granted"))


@pytest.mark.chaos
@pytest.mark.timed
@pytest.mark.parametrize(
    ("program", "number", "lock"),
    [(a_command, signal.SIGTERM, a_locked_row), (a_web_process, signal.SIGINT, a_locked_table)],
)
def test_a_stop_while_another_holds_a_lock_rolls_back_and_is_told(
    world: World,
    program: Program,
    number: signal.Signals,
    lock: Callable[[World], AbstractContextManager[None]],
) -> None:
    add_stocks(world, 20)
    with lock(world), program(world) as stop:
        wait_until(lambda: waits_for_a_lock(world), PATIENCE)
        assert_cut_off(stop(number), processed=0)
    assert not world.table("vetr_score_history")
    (run,) = world.table("cron_job_runs")
    assert (run["status"], run["error_message"], run["stocks_processed"]) == (
        "failed",
        "The database does not answer",
        0,
    )
    assert not world.redis.exists(lease_key("scores"))
    assert world.redis.get("cron:scores:offset") == "0"
    assert world.data("scores")["succeeded"] == 20


@pytest.mark.chaos
@pytest.mark.timed
@stops
def test_a_stop_while_the_database_says_nothing_takes_no_longer(
    world: World, program: Program, number: signal.Signals
) -> None:
    add_stocks(world, 20)
    proxy, url = postgres_proxy(world.database_url)
    with proxy:
        proxy.when(b"INTO vetr_score_history", proxy.stall)
        with program(World(world.app, world.redis, url, world.redis_url)) as stop:
            wait_until(lambda: not proxy.armed, PATIENCE)
            assert_cut_off(stop(number), processed=0)
    assert_recovers(world)


@pytest.mark.chaos
@pytest.mark.timed
@crossed
def test_a_stop_while_redis_says_nothing_takes_no_longer(
    world: World, program: Program, number: signal.Signals
) -> None:
    add_stocks(world, 20)
    proxy, url = redis_proxy(world.redis_url)
    with proxy:
        proxy.when(b"vetr_score:T", proxy.stall)
        with program(World(world.app, world.redis, world.database_url, url), lease_seconds=4) as stop:
            wait_until(lambda: not proxy.armed, PATIENCE)
            assert_cut_off(stop(number), processed=20)
    assert_recovers(world)


@pytest.mark.chaos
@pytest.mark.timed
@stops
def test_a_stop_while_no_server_says_anything_takes_no_longer(
    world: World, program: Program, number: signal.Signals
) -> None:
    add_stocks(world, 20)
    database, database_url = postgres_proxy(world.database_url)
    redis, redis_url = redis_proxy(world.redis_url)

    def stall() -> None:
        database.stall()
        redis.stall()

    with database, redis:
        database.when(b"INTO vetr_score_history", stall)
        with program(World(world.app, world.redis, database_url, redis_url)) as stop:
            wait_until(lambda: not database.armed, PATIENCE)
            assert_cut_off(stop(number), processed=0)


def assert_recovers(world: World) -> None:
    """Readers tell the truth once the lease is over, and the next call does every stock."""
    wait_until(lambda: not world.redis.exists(lease_key("scores")), PATIENCE)
    assert world.data("status")["jobs"]["scores"]["running"] is None
    assert world.data("history?status=failed")["total"] == 1
    assert world.data("scores")["succeeded"] == 20
    assert len(world.table("vetr_score_history")) == 20
    assert sorted(run["status"] for run in world.table("cron_job_runs")) == ["completed", "failed"]


@pytest.mark.chaos
@pytest.mark.timed
@pytest.mark.parametrize(("job", "chunk_size", "group"), [("scores", 100, 4), ("red-flags", 1300, 2)])
def test_after_kill_9_of_the_workers_one_call_ends_the_cycle(
    world: World, job: str, chunk_size: int, group: int
) -> None:
    tickers = add_stocks(world, 1300)
    table, rows_a_stock = RESULTS[job]
    proxy, url = postgres_proxy(world.database_url)
    behind_proxy = World(world.app, world.redis, url, world.redis_url)
    with proxy, serving(behind_proxy, {"CRON_LEASE_SECONDS": "4", "CRON_CHUNK_SIZE": str(chunk_size)}) as web:

        def kill_workers() -> None:
            for pid in web.workers():
                os.kill(pid, signal.SIGKILL)

        proxy.when(f"INTO {table}".encode(), kill_workers, number=group)
        with pytest.raises(ConnectionError):
            web.call("/v1/cron/refresh-all?chunks=all")
        wait_until(lambda: not world.redis.exists(lease_key(job)), PATIENCE)
        wait_until(web.answers, PATIENCE)
        assert web.call("/v1/cron/history?status=running").body["data"]["total"] == 0
        assert web.call(f"/v1/cron/{job}?chunks=all").body["data"]["chunk_info"]["is_complete"]
        web.process.send_signal(signal.SIGTERM)
        web.process.communicate(timeout=PATIENCE)  # only then is the log complete
        computed = [event for event in web.events() if event["event"] == "group_begins"]
    computed_twice = sum(event["stocks"] for event in computed if event["job"] == f"refresh-{job}") - 1300
    print(f"{job}, chunks of {chunk_size}: {computed_twice} stocks were computed twice")
    assert 0 <= computed_twice <= min(chunk_size, MAXIMUM_GROUP_SIZE)
    assert Counter(row["stock_ticker"] for row in world.table(table)) == dict.fromkeys(tickers, rows_a_stock)
    runs = [run for run in world.table("cron_job_runs") if run["job_name"] == f"refresh-{job}"]
    assert [run["error_message"] for run in runs if run["status"] != "completed"] == ["interrupted"]
    assert sum(run["stocks_processed"] for run in runs) == 1300
    calls = [call for call in world.table("cron_calls") if call["job"] == job]
    assert sorted((call["status"], call["error"]) for call in calls) == [("completed", None), ("failed", "interrupted")]
    assert sum(call["stocks_processed"] for call in calls) == 1300


def test_a_call_whose_client_is_gone_goes_on_and_is_recorded(world: World) -> None:
    add_stocks(world, 20)
    request = f"POST /v1/cron/scores HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {SECRET}\r\n\r\n"
    with serving(world) as web:
        with locked_table(world, "vetr_score_history") as waited_for:
            client = socket.create_connection(("127.0.0.1", web.port))
            client.sendall(request.encode())
            wait_until(waited_for, PATIENCE)
            client.close()
        wait_until(lambda: not world.redis.exists(lease_key("scores")), PATIENCE)
        (run,) = web.call("/v1/cron/history").body["data"]["runs"]
    assert (run["status"], run["stocks_processed"], run["error_message"]) == ("completed", 20, None)
    assert len(world.table("vetr_score_history")) == 20
    assert world.data("status")["jobs"]["scores"]["last_success"]["id"] == run["id"]
