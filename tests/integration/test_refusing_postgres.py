"""PostgreSQL restarts, ends connections, aborts transactions or says no: whole groups, the truth, and no restart."""

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL, Identifier
from sqlalchemy.engine import make_url

from tests.integration.bare_stocks import add_stocks
from tests.integration.failing import assert_goes_on, assert_refused, failed_run, within
from tests.integration.meddling import at_stock, locked_table, refresh, under_way, wait_until
from tests.jobs import THE_TWO
from tests.servers.postgres_server import PrivatePostgres
from tests.world import World, migrate_database
from vettr_cron.database.transactions import POOL_OVERFLOW, POOL_SIZE
from vettr_cron.domain.run import CallStatus, StopReason

STOCKS = 50
TERM = 4.0  # no transaction may take longer than half of it
NO_ANSWER = "The database does not answer"
IN_TIME = "The database did not answer in time"
SERIALIZABLE = "default_transaction_isolation = 'serializable'"


@pytest.fixture
def world(stoppable_postgres: PrivatePostgres, redis_url: str) -> Iterator[World]:
    """A service with 50 stocks on a server that may be stopped."""
    url = stoppable_postgres.create_database()
    migrate_database(url)
    world = World.make(url, redis_url, cron_lease_seconds=TERM)
    add_stocks(world, STOCKS)
    yield world
    world.close()
    if not stoppable_postgres.answers():
        stoppable_postgres.start()
    stoppable_postgres.drop_database(url)


def connected(world: World) -> "closing[psycopg.Connection[Any]]":
    """Another program's connection."""
    return closing(psycopg.connect(world.database_url))


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


def test_a_restart_between_calls_is_noticed_by_nobody(world: World, stoppable_postgres: PrivatePostgres) -> None:
    world.data("scores?chunk_size=10")
    stoppable_postgres.start()
    assert_goes_on(world, 10)


def test_a_restart_while_a_chunk_is_evaluated_is_noticed_by_nobody(
    world: World, stoppable_postgres: PrivatePostgres
) -> None:
    result = refresh(world, at_stock(THE_TWO["scores"], 3, stoppable_postgres.start), chunk_size=10)
    assert (result.status, result.stop_reason, result.succeeded) == (CallStatus.COMPLETED, StopReason.CHUNKS_DONE, 10)
    assert_goes_on(world, 10)


def test_a_server_killed_in_mid_transaction_leaves_nothing_of_the_group(
    world: World, stoppable_postgres: PrivatePostgres
) -> None:
    with locked_table(world, "vetr_score_history") as waited_for:
        call = under_way(lambda: world.call("scores?chunk_size=10"))
        wait_until(waited_for)
        os.kill(stoppable_postgres.pid, signal.SIGKILL)
        wait_until(lambda: not stoppable_postgres.answers())
        failed_run(call.result(20), NO_ANSWER)
    stoppable_postgres.start()
    assert world.table("vetr_score_history") == []
    assert_goes_on(world, 0)


def test_a_stopped_server_is_told_apart_and_comes_back(world: World, stoppable_postgres: PrivatePostgres) -> None:
    world.data("scores?chunk_size=10")
    stoppable_postgres.stop()
    for path in ("scores", "red-flags", "refresh-all", "status", "history"):
        with within(10):
            assert_refused(world.call(path), NO_ANSWER)
    stoppable_postgres.start()
    assert_goes_on(world, 10)


# What a server says no to


def test_a_connection_that_the_server_ends_in_mid_transaction_is_replaced(world: World) -> None:
    with locked_table(world, "vetr_score_history") as waited_for:
        call = under_way(lambda: world.data("scores?chunk_size=10"))
        wait_until(waited_for)
        world.execute("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted")
        wait_until(lambda: not waited_for())
        wait_until(waited_for)  # the second attempt
    result = call.result(20)
    assert (result["status"], result["succeeded"]) == ("completed", 10)
    assert_goes_on(world, 10)


def test_who_gives_way_in_a_deadlock_tries_again(world: World) -> None:
    with connected(world) as other:
        other.execute("SET deadlock_timeout = '1min'")  # so that it is not the other one who notices first
        other.execute("SELECT id FROM stocks FOR UPDATE")
        call = under_way(lambda: world.data("scores?chunk_size=10"))
        wait_until(lambda: waiting(world) == 1)
        other.execute("LOCK TABLE vetr_score_history IN EXCLUSIVE MODE")  # granted once the service has given way
        other.rollback()
    result = call.result(20)
    assert (result["status"], result["succeeded"]) == ("completed", 10)
    assert deadlocks(world) == 1
    assert_goes_on(world, 10)


def test_a_transaction_that_cannot_be_serialized_is_tried_again(world: World) -> None:
    world.execute(f"ALTER DATABASE {make_url(world.database_url).database} SET {SERIALIZABLE}")
    world.services.database.engine.dispose()
    with connected(world) as other:
        other.execute("UPDATE stocks SET vetr_score = 1")
        call = under_way(lambda: world.data("scores?chunk_size=10"))
        wait_until(lambda: waiting(world) == 1)
        other.commit()
    result = call.result(20)
    assert (result["status"], result["succeeded"]) == ("completed", 10)
    assert_goes_on(world, 10)


def test_a_lock_that_is_never_given_up_fails_the_run_in_time(world: World) -> None:
    with locked_table(world, "vetr_score_history"), within(TERM + 4):
        details = failed_run(world.call("scores?chunk_size=10"), IN_TIME)
    assert details["stocks_processed"] == 0
    (run,) = world.data("history")["runs"]
    assert (run["status"], run["error_message"]) == ("failed", IN_TIME)
    assert world.redis.get("cron:scores:offset") == "0"
    assert_goes_on(world, 0)


def test_a_lock_on_the_run_log_keeps_everything_from_starting(world: World) -> None:
    with locked_table(world, "cron_job_runs"), within(TERM + 4):
        assert_refused(world.call("scores?chunk_size=10"), IN_TIME)
    assert world.table("cron_job_runs") == []
    assert_goes_on(world, 0)


def test_a_call_that_finds_no_free_connection_says_so(world: World) -> None:
    with ExitStack() as stack:
        for _ in range(POOL_SIZE + POOL_OVERFLOW):
            stack.enter_context(world.services.database.engine.connect())
        with within(10):
            assert_refused(world.call("scores"), "The database has no free connection for this call")
    assert_goes_on(world, 0)


def test_a_server_that_has_no_free_connection_says_so(world: World) -> None:
    with as_role(world, "CONNECTION LIMIT 0") as limited:
        assert_refused(limited.call("scores"), "The database has no free connection for this call")
    assert_goes_on(world, 0)


def test_a_server_that_frees_a_connection_soon_is_asked_again(world: World) -> None:
    with as_role(world, "CONNECTION LIMIT 0") as limited:
        call = under_way(lambda: limited.data("scores?chunk_size=10"))
        world.execute("ALTER ROLE visitor CONNECTION LIMIT -1")
        assert call.result(20)["succeeded"] == 10
    assert_goes_on(world, 10)


@pytest.mark.parametrize(
    ("part", "value", "message"),
    [
        ("username", "nobody", "The database refuses the credentials in DATABASE_URL"),
        ("database", "nothing", "The database named in DATABASE_URL does not exist"),
        ("database", "template1", "The database lacks tables of this release"),
        ("query", {"host": "/nowhere"}, NO_ANSWER),
    ],
)
def test_an_address_that_leads_nowhere_is_reported(
    world: World, redis_url: str, part: str, value: Any, message: str
) -> None:
    wrong = World.make(make_url(world.database_url).set(**{part: value}).render_as_string(), redis_url)
    with within(5):
        assert_refused(wrong.call("scores"), message)
    wrong.close()


def test_a_database_that_became_read_only_is_told(world: World) -> None:
    name = make_url(world.database_url).database
    world.data("scores?chunk_size=10")
    world.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    world.services.database.engine.dispose()
    assert_refused(world.call("scores"), "The database is read-only")
    assert world.data("status")["scores_offset"] == 10
    with connected(world) as connection:
        connection.execute("SET transaction_read_only = off")
        connection.execute(SQL("ALTER DATABASE {} RESET ALL").format(Identifier(name or "")))
        connection.commit()
    world.services.database.engine.dispose()
    assert_goes_on(world, 10)


def test_a_user_who_may_not_write_a_table_is_told(world: World) -> None:
    with as_role(world, "") as visiting:
        world.execute("REVOKE INSERT ON cron_job_runs FROM visitor")
        assert_refused(visiting.call("scores"), "The user in DATABASE_URL lacks a privilege that the service needs")
    assert_goes_on(world, 0)
