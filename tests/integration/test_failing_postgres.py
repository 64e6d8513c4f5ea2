"""PostgreSQL refuses, vanishes, stalls, aborts or says no: a bounded wait, the truth, whole groups, and no restart."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL, Identifier
from sqlalchemy.engine import make_url
from werkzeug.test import TestResponse

from tests.chaos.proxy import Proxy, postgres_proxy
from tests.integration.bare_stocks import add_stocks
from tests.integration.meddling import at_stock, locked_table, refresh, under_way, wait_until
from tests.integration.replies import data_of, error_of, seconds_until_retry
from tests.servers.postgres_server import PrivatePostgres
from tests.world import World, migrate_database
from vettr_cron.domain.run import CallStatus, StopReason
from vettr_cron.jobs import JOBS

STOCKS = 50
TERM = 4.0  # no transaction may take longer than half of it
NO_ANSWER = "The database does not answer"
SAVE = b"INSERT INTO vetr_score_history"


@dataclass(frozen=True, slots=True)
class Setting:
    """A service with 50 stocks whose way to PostgreSQL goes over a proxy; `direct` sees the same without it."""

    world: World
    proxy: Proxy
    direct: World


@pytest.fixture
def setting(migrated_postgres_url: str, redis_url: str) -> Iterator[Setting]:
    proxy, url = postgres_proxy(migrated_postgres_url)
    world = World.make(url, redis_url, cron_lease_seconds=TERM)
    direct = World.make(migrated_postgres_url, redis_url)
    add_stocks(direct, STOCKS)
    with proxy:
        yield Setting(world, proxy, direct)
    world.close()
    direct.close()


@contextmanager
def within(seconds: float) -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds


def assert_refused(response: TestResponse, message: str) -> None:
    error = error_of(response, 503, "SERVICE_UNAVAILABLE")
    assert message in error["message"]
    assert seconds_until_retry(response) == 30


def assert_goes_on(setting: Setting, offset: int) -> None:
    """The next call does 10 stocks from there, and every row up to its end is there once."""
    result = setting.world.data("scores?chunk_size=10")
    assert (result["status"], result["chunk_info"]["current_offset"], result["succeeded"]) == ("completed", offset, 10)
    assert len(setting.direct.table("vetr_score_history")) == offset + 10
    assert not [row for row in setting.direct.table("cron_job_runs") if row["status"] == "running"]


def failed_run(response: TestResponse, message: str) -> Any:
    """The details of a 500 over a run that failed for a server's sake."""
    details = error_of(response, 500, "JOB_FAILED")["details"]
    assert (details["status"], details["stop_reason"], details["chunks_run"]) == ("failed", "error", 1)
    assert message in details["error"]
    return details


# Gone before anything was changed


@pytest.mark.parametrize("fault", ["refuse", "stall"])
def test_without_the_database_nothing_runs_and_the_next_call_works(setting: Setting, fault: str) -> None:
    setting.world.data("scores?chunk_size=10")
    getattr(setting.proxy, fault)()
    for path in ("scores", "refresh-all", "status", "history") if fault == "refuse" else ("scores",):
        with within(15):
            assert_refused(setting.world.call(path), NO_ANSWER)
    assert setting.world.redis.get("cron:scores:offset") == "10"
    assert not setting.world.redis.exists("cron:scores:lease")
    setting.proxy.heal()
    assert_goes_on(setting, 10)


def test_a_server_that_takes_connections_and_says_nothing_is_not_waited_for_long(
    migrated_postgres_url: str, redis_url: str
) -> None:
    proxy, url = postgres_proxy(migrated_postgres_url)
    world = World.make(url, redis_url, cron_lease_seconds=TERM)
    with proxy:
        for word in (b"", b"version()", b"SELECT"):  # at the door; as the connection is set up; right after
            proxy.when(word, proxy.stall)
            with within(15):
                assert_refused(world.call("status"), NO_ANSWER)
            assert not proxy.armed
            proxy.heal()
        assert world.data("status")["total_stocks"] == 0
    world.close()


# Gone in the middle


@pytest.mark.parametrize("fault", ["refuse", "stall"])
def test_the_database_gone_in_the_middle_takes_the_group_with_it(setting: Setting, fault: str) -> None:
    setting.world.data("scores?chunk_size=10")
    setting.proxy.when(SAVE, getattr(setting.proxy, fault))
    with within(20):
        details = failed_run(setting.world.call("scores?chunk_size=10&chunks=all"), NO_ANSWER)
    assert (details["stocks_processed"], details["chunk_info"]["is_complete"]) == (0, False)
    assert setting.world.redis.get("cron:scores:offset") == "10"

    setting.proxy.heal()
    (shown,) = setting.world.data("history?status=failed")["runs"]
    assert (shown["id"], shown["error_message"]) == (details["run_id"], "interrupted")
    assert setting.world.data("status")["jobs"]["scores"]["running"] is None
    assert_goes_on(setting, 10)


def test_the_database_gone_after_the_last_group_loses_no_result(setting: Setting) -> None:
    setting.proxy.when(b"\x00\x00\x00\tcompleted", setting.proxy.refuse)  # as a value, not as a part of a name
    details = failed_run(setting.world.call("scores?chunk_size=10"), NO_ANSWER)
    assert details["succeeded"] == 10
    setting.proxy.heal()
    assert setting.world.redis.get("cron:scores:offset") == "10"
    assert_goes_on(setting, 10)


def test_no_reply_of_the_database_matters_that_is_lost(setting: Setting) -> None:
    """The connection is cut instead of every single reply in turn, that to a commit too: each time all goes well."""
    setting.world.data("scores?chunk_size=10")
    number, cut = 0, True
    while cut:
        number += 1
        setting.world.data("reset")
        setting.direct.execute("DELETE FROM vetr_score_history")
        setting.direct.execute("DELETE FROM cron_job_runs")
        setting.proxy.lose_reply(b"", number)
        result = data_of(setting.world.call("scores?chunk_size=10"))
        cut = not setting.proxy.armed
        assert (result["status"], result["stop_reason"], result["succeeded"]) == ("completed", "chunks_done", 10)
        assert len(setting.direct.table("vetr_score_history")) == 10
        (run,) = setting.direct.table("cron_job_runs")
        assert (run["status"], run["succeeded"], str(run["id"])) == ("completed", 10, result["run_id"])
    assert number > 20


def test_a_slow_database_is_waited_for(setting: Setting) -> None:
    setting.proxy.delay(0.03)
    assert_goes_on(setting, 0)


def test_a_slow_database_spends_the_calls_budget_and_no_more(setting: Setting) -> None:
    setting.world.data("scores?chunk_size=10")
    setting.proxy.delay(0.03)
    with within(8):
        result = refresh(setting.world, JOBS["scores"], chunk_size=2, chunks=None, time_budget=3)
    assert (result.status, result.stop_reason) == (CallStatus.COMPLETED, StopReason.TIME_BUDGET)
    assert 0 < result.stocks_processed < 40


# The server itself


@pytest.fixture
def own(stoppable_postgres: PrivatePostgres, redis_url: str) -> Iterator[Setting]:
    """A service on a server that may be stopped."""
    url = stoppable_postgres.create_database()
    migrate_database(url)
    world = World.make(url, redis_url, cron_lease_seconds=TERM)
    add_stocks(world, STOCKS)
    proxy, _ = postgres_proxy(url)
    with proxy:
        yield Setting(world, proxy, world)
    world.close()
    if not stoppable_postgres.answers():
        stoppable_postgres.start()
    stoppable_postgres.drop_database(url)


def test_a_restart_between_calls_is_noticed_by_nobody(own: Setting, stoppable_postgres: PrivatePostgres) -> None:
    own.world.data("scores?chunk_size=10")
    stoppable_postgres.start()
    assert_goes_on(own, 10)


def test_a_restart_while_a_chunk_is_evaluated_is_noticed_by_nobody(
    own: Setting, stoppable_postgres: PrivatePostgres
) -> None:
    result = refresh(own.world, at_stock(JOBS["scores"], 3, stoppable_postgres.start), chunk_size=10)
    assert (result.status, result.stop_reason, result.succeeded) == (CallStatus.COMPLETED, StopReason.CHUNKS_DONE, 10)
    assert_goes_on(own, 10)


def test_a_server_that_is_killed_in_mid_transaction_leaves_nothing_of_the_group(
    own: Setting, stoppable_postgres: PrivatePostgres
) -> None:
    with locked_table(own.world, "vetr_score_history") as waited_for:
        call = under_way(lambda: own.world.call("scores?chunk_size=10"))
        wait_until(waited_for)
        os.kill(stoppable_postgres.pid, signal.SIGKILL)
        wait_until(lambda: not stoppable_postgres.answers())
        failed_run(call.result(20), NO_ANSWER)
    stoppable_postgres.start()
    assert own.world.table("vetr_score_history") == []
    assert_goes_on(own, 0)


def test_a_stopped_server_is_told_apart_and_comes_back(own: Setting, stoppable_postgres: PrivatePostgres) -> None:
    own.world.data("scores?chunk_size=10")
    stoppable_postgres.stop()
    for path in ("scores", "red-flags", "refresh-all", "status", "history"):
        with within(10):
            assert_refused(own.world.call(path), NO_ANSWER)
    stoppable_postgres.start()
    assert_goes_on(own, 10)


# What a server says no to


def test_a_connection_that_the_server_ends_in_mid_transaction_is_replaced(own: Setting) -> None:
    with locked_table(own.world, "vetr_score_history") as waited_for:
        call = under_way(lambda: own.world.data("scores?chunk_size=10"))
        wait_until(waited_for)
        own.world.execute("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted")
        wait_until(lambda: not waited_for())
        wait_until(waited_for)  # the second attempt
    result = call.result(20)
    assert (result["status"], result["succeeded"]) == ("completed", 10)
    assert_goes_on(own, 10)


def test_who_gives_way_in_a_deadlock_tries_again(own: Setting) -> None:
    with connected(own.world) as other:
        other.execute("SET deadlock_timeout = '1min'")  # so that it is not the other one who notices first
        other.execute("SELECT id FROM stocks FOR UPDATE")
        call = under_way(lambda: own.world.data("scores?chunk_size=10"))
        wait_until(lambda: waiting(own.world) == 1)
        other.execute("LOCK TABLE vetr_score_history IN EXCLUSIVE MODE")  # granted once the service has given way
        other.rollback()
    result = call.result(20)
    assert (result["status"], result["succeeded"]) == ("completed", 10)
    assert deadlocks(own.world) == 1
    assert_goes_on(own, 10)


def test_a_transaction_that_cannot_be_serialized_is_tried_again(own: Setting) -> None:
    own.world.execute(f"ALTER DATABASE {make_url(own.world.database_url).database} SET {SERIALIZABLE}")
    own.world.services.database.engine.dispose()
    with connected(own.world) as other:
        other.execute("UPDATE stocks SET vetr_score = 1")
        call = under_way(lambda: own.world.data("scores?chunk_size=10"))
        wait_until(lambda: waiting(own.world) == 1)
        other.commit()
    result = call.result(20)
    assert (result["status"], result["succeeded"]) == ("completed", 10)
    assert_goes_on(own, 10)


def test_a_lock_that_is_never_given_up_fails_the_run_in_time(own: Setting) -> None:
    with locked_table(own.world, "vetr_score_history"), within(TERM + 4):
        details = failed_run(own.world.call("scores?chunk_size=10"), "The database did not answer in time")
    assert details["stocks_processed"] == 0
    (run,) = own.world.data("history")["runs"]
    assert (run["status"], run["error_message"]) == ("failed", "The database did not answer in time")
    assert own.world.redis.get("cron:scores:offset") == "0"
    assert_goes_on(own, 0)


def test_a_lock_on_the_run_log_keeps_everything_from_starting(own: Setting) -> None:
    with locked_table(own.world, "cron_job_runs"), within(TERM + 4):
        assert_refused(own.world.call("scores?chunk_size=10"), "The database did not answer in time")
    assert own.world.table("cron_job_runs") == []
    assert_goes_on(own, 0)


def test_a_call_that_finds_no_free_connection_says_so(own: Setting) -> None:
    with ExitStack() as stack:
        for _ in range(15):
            stack.enter_context(own.world.services.database.engine.connect())
        with within(10):
            assert_refused(own.world.call("scores"), "The database has no free connection for this call")
    assert_goes_on(own, 0)


def test_a_server_that_has_no_free_connection_says_so(own: Setting) -> None:
    with as_role(own.world, "CONNECTION LIMIT 0") as limited:
        assert_refused(limited.call("scores"), "The database has no free connection for this call")
    assert_goes_on(own, 0)


def test_a_server_that_frees_a_connection_soon_is_asked_again(own: Setting) -> None:
    with as_role(own.world, "CONNECTION LIMIT 0") as limited:
        call = under_way(lambda: limited.data("scores?chunk_size=10"))
        own.world.execute("ALTER ROLE visitor CONNECTION LIMIT -1")
        assert call.result(20)["succeeded"] == 10
    assert_goes_on(own, 10)


@pytest.mark.parametrize(
    ("part", "value", "message"),
    [
        ("username", "nobody", "The database refuses the credentials in DATABASE_URL"),
        ("database", "nothing", "There is no database of the name in DATABASE_URL"),
        ("database", "template1", "The database lacks tables of this release"),
        ("query", {"host": "/nowhere"}, NO_ANSWER),
    ],
)
def test_an_address_that_leads_nowhere_is_told(
    own: Setting, redis_url: str, part: str, value: Any, message: str
) -> None:
    wrong = World.make(make_url(own.world.database_url).set(**{part: value}).render_as_string(), redis_url)
    with within(5):
        assert_refused(wrong.call("scores"), message)
    wrong.close()


def test_a_database_that_became_read_only_is_told(own: Setting) -> None:
    name = make_url(own.world.database_url).database
    own.world.data("scores?chunk_size=10")
    own.world.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    own.world.services.database.engine.dispose()
    assert_refused(own.world.call("scores"), "The database is read-only")
    assert own.world.data("status")["scores_offset"] == 10
    with connected(own.world) as connection:
        connection.execute("SET transaction_read_only = off")
        connection.execute(SQL("ALTER DATABASE {} RESET ALL").format(Identifier(name or "")))
    own.world.services.database.engine.dispose()
    assert_goes_on(own, 10)


SERIALIZABLE = "default_transaction_isolation = 'serializable'"


def connected(world: World) -> "psycopg.Connection[Any]":
    """Another program's transaction."""
    return psycopg.connect(world.database_url)


def waiting(world: World) -> int:
    """How many transactions wait for a lock."""
    (row,) = world.rows("SELECT count(DISTINCT pid) AS number FROM pg_locks WHERE NOT granted")
    return int(row["number"])


def deadlocks(world: World) -> int:
    (row,) = world.rows("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    return int(row["deadlocks"])


@contextmanager
def as_role(world: World, option: str) -> Iterator[World]:
    """The same service as a role with an option of its own."""
    with psycopg.connect(world.database_url, autocommit=True) as owner:
        owner.execute(f"CREATE ROLE visitor LOGIN {option}")
        owner.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO visitor")
        url = make_url(world.database_url).set(username="visitor").render_as_string()
        visiting = World.make(url, world.redis_url, cron_lease_seconds=TERM)
        yield visiting
        visiting.close()
        owner.execute("DROP OWNED BY visitor")
        owner.execute("DROP ROLE visitor")
