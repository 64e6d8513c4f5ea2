"""Redis or the database is not there: 503 with Retry-After, soon, and nothing is changed."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from tests.integration.bare_stocks import add_stocks, everything
from tests.integration.broken_service import assert_no_internals
from tests.integration.replies import JOB_RESULT_KEYS, data_of, error_of, seconds_until_retry
from tests.servers.redis_server import PrivateRedis
from tests.world import World

NO_REDIS = "redis://somebody:hush-hush@127.0.0.1:1/0"
NO_DATABASE = "postgresql://somebody:hush-hush@127.0.0.1:1/none"
WORKING = ["scores", "red-flags", "refresh-all"]
READING = ["status", "history"]


@contextmanager
def within(seconds: float) -> Iterator[None]:
    started = time.monotonic()
    yield
    assert time.monotonic() - started < seconds


def assert_unavailable(world: World, path: str, message: str, method: str = "GET") -> None:
    response = world.call(path, method)
    error = error_of(response, 503, "SERVICE_UNAVAILABLE")
    assert message in error["message"]
    assert seconds_until_retry(response) <= 60
    assert_no_internals(response.get_data(as_text=True))
    assert "hush" not in response.get_data(as_text=True)
    if path == "refresh-all":
        assert error["details"].keys() == {"scores", "red_flags", "total_duration_ms"}
        assert error["details"]["scores"].keys() == JOB_RESULT_KEYS | {"error"}
    else:
        assert "details" not in error


@pytest.mark.parametrize("path", [*WORKING, *READING, "reset"])
def test_without_redis_nothing_runs(migrated_sqlite_url: str, path: str, redis_url: str) -> None:
    world = World.make(migrated_sqlite_url, redis_url)
    add_stocks(world, 3)
    rows, _ = everything(world)
    lonely = World.make(migrated_sqlite_url, NO_REDIS)
    with within(5):
        for method in ["GET"] if path in READING else ["GET", "POST"]:
            assert_unavailable(lonely, path, "Redis does not answer", method)
    assert everything(world)[0] == rows
    for either in (world, lonely):
        either.close()


@pytest.mark.parametrize("path", [*WORKING, *READING])
def test_without_the_database_nothing_moves(redis_url: str, path: str) -> None:
    world = World.make(NO_DATABASE, redis_url)
    world.redis.set("cron:scores:offset", 5)
    with within(5):
        assert_unavailable(world, path, "The database does not answer")
    assert world.redis.keys() == ["cron:scores:offset"]  # and the lease is given back
    assert world.redis.get("cron:scores:offset") == "5"
    world.close()


def test_reset_needs_no_database(redis_url: str) -> None:
    world = World.make(NO_DATABASE, redis_url)
    assert world.data("reset")["reset"] == ["scores", "red-flags"]
    world.close()


@pytest.mark.parametrize("path", [*WORKING, *READING])
def test_without_tables_nothing_moves(sqlite_url: str, redis_url: str, path: str) -> None:
    world = World.make(sqlite_url, redis_url)
    assert_unavailable(world, path, "The database lacks tables of this release")
    assert world.redis.keys() == []
    world.close()


def test_a_redis_that_comes_back_is_used_again(migrated_sqlite_url: str, stoppable_redis: PrivateRedis) -> None:
    world = World.make(migrated_sqlite_url, stoppable_redis.url)
    add_stocks(world, 4)
    world.data("scores?chunk_size=1")
    stoppable_redis.stop()
    with within(5):
        for path in [*WORKING, *READING, "reset"]:
            assert_unavailable(world, path, "Redis does not answer")
    stoppable_redis.start()
    result = data_of(world.call("scores?chunk_size=1"))
    assert (result["chunk_info"]["current_offset"], result["stocks_processed"]) == (1, 1)
    world.close()


def test_while_another_program_writes_to_sqlite_readers_still_read(sqlite_world: World) -> None:
    add_stocks(sqlite_world, 3)
    sqlite_world.data("refresh-all?chunk_size=1")
    before = everything(sqlite_world)
    path = sqlite_world.database_url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with within(24):
            assert_unavailable(sqlite_world, "scores", "The database is locked by another writer")
        for path in READING:
            data_of(sqlite_world.call(path))
        assert everything(sqlite_world) == before
        other.execute("ROLLBACK")
    assert sqlite_world.data("scores?chunk_size=1")["chunk_info"]["current_offset"] == 1


def test_a_redis_that_refuses_writes_is_as_good_as_gone(
    migrated_sqlite_url: str, stoppable_redis: PrivateRedis
) -> None:
    world = World.make(migrated_sqlite_url, stoppable_redis.url)
    add_stocks(world, 2)
    world.data("scores?chunk_size=1")
    world.redis.config_set("maxmemory", 1)
    try:
        assert_unavailable(world, "scores", "Redis is out of memory")
        data_of(world.call("status"))
    finally:
        world.redis.config_set("maxmemory", 0)
    assert world.data("scores?chunk_size=1")["chunk_info"]["current_offset"] == 1
    world.close()


def test_a_redis_that_wants_another_password_is_not_quoted(
    migrated_sqlite_url: str, stoppable_redis: PrivateRedis
) -> None:
    world = World.make(migrated_sqlite_url, stoppable_redis.url.replace("redis://", "redis://somebody:hush-hush@"))
    assert_unavailable(world, "scores", "Redis refuses the credentials in REDIS_URL")
    world.close()
