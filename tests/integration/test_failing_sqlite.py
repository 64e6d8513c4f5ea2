"""SQLite is locked by another program, its disk is full, its file cannot be written: the truth, and whole groups."""

import resource
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from tests.integration.bare_stocks import add_stocks
from tests.integration.failing import assert_goes_on, assert_refused, failed_run, within
from tests.integration.meddling import at_stock, refresh
from tests.integration.replies import error_of
from tests.jobs import THE_TWO
from tests.world import SECRET, World
from vettr_cron.domain.errors import DatabaseUnavailable
from vettr_cron.domain.run import CallStatus, StopReason

PROJECT = Path(__file__).parents[2]
STOCKS = 50
LOCKED = "The database is locked by another writer"


@pytest.fixture
def world(sqlite_world: World) -> World:
    """A service with 50 stocks on a SQLite file."""
    add_stocks(sqlite_world, STOCKS)
    return sqlite_world


def path_of(world: World) -> str:
    return world.database_url.removeprefix("sqlite:///")


@contextmanager
def another_writer(world: World) -> Iterator[None]:
    """A program that holds the file's write lock."""
    with closing(sqlite3.connect(path_of(world), isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.rollback()


@contextmanager
def with_pragma(world: World, pragma: str) -> Iterator[None]:
    """The service's own connections with a setting that makes them fail as the file would."""
    engine = world.services.database.engine

    def set_pragma(connection: Any, _record: object) -> None:
        connection.execute(f"PRAGMA {pragma}")

    event.listen(engine, "connect", set_pragma)
    engine.dispose()
    try:
        yield
    finally:
        event.remove(engine, "connect", set_pragma)
        engine.dispose()


def test_another_writer_is_waited_for_and_then_given_up(world: World) -> None:
    world.data("scores?chunk_size=10")
    with another_writer(world), within(10):
        assert_refused(world.call("scores"), LOCKED)
        assert world.data("status")["scores_offset"] == 10  # readers need not wait
    assert not world.redis.exists("cron:scores:lease")
    assert_goes_on(world, 10)


def test_a_call_waits_for_another_writer_no_longer_than_its_budget(world: World) -> None:
    with another_writer(world), pytest.raises(DatabaseUnavailable, match=LOCKED), within(4):
        refresh(world, THE_TWO["scores"], time_budget=2.0)


def test_another_writer_in_the_middle_fails_the_run_and_deceives_no_reader(
    world: World,
) -> None:
    world.data("scores?chunk_size=10")
    writer = another_writer(world)
    result = refresh(world, at_stock(THE_TWO["scores"], 3, writer.__enter__), chunk_size=10, chunks=None)
    assert (result.status, result.stop_reason, result.error) == (CallStatus.FAILED, StopReason.ERROR, LOCKED)
    assert (result.stocks_processed, result.chunks_run) == (0, 1)
    (shown,) = world.data("history?status=failed")["runs"]
    assert (shown["id"], shown["error_message"]) == (str(result.run_id), "interrupted")
    assert world.data("status")["jobs"]["scores"]["running"] is None
    assert len(world.table("vetr_score_history")) == 10
    writer.__exit__(None, None, None)
    assert_goes_on(world, 10)


def test_a_disk_that_is_full_takes_nothing_of_the_group(world: World) -> None:
    world.data("scores?chunk_size=10")
    (pages,) = world.rows("PRAGMA page_count")
    with with_pragma(world, f"max_page_count = {pages['page_count'] + 2}"):
        details = failed_run(world.call("scores?chunk_size=40"), "The database's disk is full")
    assert (details["stocks_processed"], world.redis.get("cron:scores:offset")) == (0, "10")
    (run,) = world.data("history?status=failed")["runs"]
    assert run["error_message"] in ("The database's disk is full", "interrupted")
    assert_goes_on(world, 10)


def test_a_file_that_may_not_grow_is_reported_by_a_process_that_lives_on(
    world: World, tmp_path: Path, redis_url: str
) -> None:
    """A limit of the operating system, as on a volume with a quota."""
    limit = 65_536
    done = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "wsgi", "cron", "scores", "--chunk-size", "50"],
        check=False,
        cwd=PROJECT,
        env={
            "APP_ENV": "test",
            "CRON_SECRET": SECRET,
            "DATABASE_URL": world.database_url,
            "REDIS_URL": redis_url,
            "PATH": "",
        },
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    assert "database" in done.stdout + done.stderr
    assert world.table("vetr_score_history") == []
    assert_goes_on(world, 0)


def test_a_file_that_cannot_be_written_is_told(world: World) -> None:
    world.data("scores?chunk_size=10")
    with with_pragma(world, "query_only = ON"):
        assert_refused(world.call("scores"), "The database is read-only")
        assert world.data("status")["scores_offset"] == 10
    assert_goes_on(world, 10)


def spoil(path: Path) -> None:
    path.write_bytes(b"This is no database, and never was one. " * 1000)


@pytest.mark.parametrize("damage", [spoil, Path.unlink], ids=["is no database", "is gone"])
def test_a_file_that_is_not_what_it_was_is_told(world: World, damage: Callable[[Path], None], redis_url: str) -> None:
    world.close()
    for path in Path(path_of(world)).parent.glob("vettr.db*"):
        damage(path)
    fresh = World.make(world.database_url, redis_url)
    error = error_of(fresh.call("scores"), 503, "SERVICE_UNAVAILABLE")
    assert error["message"].startswith("The database")
    assert "sqlite" not in error["message"]
    fresh.close()


def test_what_is_committed_is_on_the_disk(sqlite_world: World) -> None:
    """The cursor in Redis would otherwise outlive, in a power cut, what it stands for."""
    database = sqlite_world.services.database
    for transaction in (database.writing, database.saving, database.importing):
        with transaction() as connection:
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL
