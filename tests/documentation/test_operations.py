"""What docs/operations.md tells to do, done for real."""

import shutil
import sqlite3
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.documentation.pages import PROJECT
from tests.documentation.shell import commands
from tests.e2e.programs import environment, finished, flask
from tests.integration.bare_stocks import add_stocks
from tests.world import World

PAGE = PROJECT / "docs" / "operations.md"


@pytest.fixture
def world(migrated_sqlite_url: str, redis_url: str) -> Iterator[World]:
    world = World.make(migrated_sqlite_url, redis_url)
    add_stocks(world, 30)
    yield world
    world.close()


def file_of(world: World) -> Path:
    return Path(world.database_url.removeprefix("sqlite:///"))


def back_up(world: World, copy: Path) -> None:
    """By the command on the page, with the paths of this world."""
    (command,) = [command for command in commands("python3") if command.block.page == PAGE]
    program = command.words[2].replace("instance/vettr_cron.db", str(file_of(world))).replace("backup.db", str(copy))
    done = finished([sys.executable, "-c", program], {})
    assert done.returncode == 0, done.stderr


def test_a_backup_made_during_a_cycle_is_whole(world: World, tmp_path: Path) -> None:
    ended = threading.Event()

    def work() -> None:
        while not ended.is_set():
            world.call("refresh-all", query_string="chunk_size=5")

    worker = threading.Thread(target=work)
    worker.start()
    try:
        for number in range(3):
            back_up(world, tmp_path / f"{number}.db")
    finally:
        ended.set()
        worker.join()
    for number in range(3):
        with closing(sqlite3.connect(tmp_path / f"{number}.db")) as copy:
            assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert copy.execute("SELECT count(*) FROM stocks").fetchone() == (30,)


def test_a_restored_backup_is_made_fresh(world: World, tmp_path: Path) -> None:
    world.data("refresh-all?chunks=all")
    back_up(world, tmp_path / "backup.db")
    world.execute("UPDATE stocks SET market_cap = market_cap * 2")
    world.data("refresh-all?chunk_size=10")  # Redis knows a cycle that the backup does not

    told = [list(command.words[3:]) for command in commands("flask") if command.block.page == PAGE]
    start = told.index(["cron", "pause", "--reason", "restore"])
    pause, *rest = told[start : start + 5]
    assert [words[1] for words in rest] == ["upgrade", "reset", "resume", "refresh-all"]
    assert run(world, pause)
    world.close()
    for beside in ("", "-wal", "-shm"):
        Path(f"{file_of(world)}{beside}").unlink(missing_ok=True)
    shutil.copy(tmp_path / "backup.db", file_of(world))
    for words in rest:
        assert run(world, words)

    counts = world.data("coverage")["jobs"]
    assert all((counts[job]["fresh"], counts[job]["stale"]) == (30, 0) for job in ("scores", "red_flags"))
    states = world.rows("SELECT DISTINCT job, last_cycle_id FROM cron_stock_states")
    assert len(states) == 2  # all stocks of a job were refreshed in one cycle


def run(world: World, words: list[str]) -> bool:
    done = finished(flask(*words), environment(world, CRON_SCHEDULE="off"))
    assert done.returncode == 0, done.stderr
    return True
