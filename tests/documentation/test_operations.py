"""What docs/operations.md tells to do, done for real."""

import sqlite3
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.documentation.pages import PROJECT, blocks
from tests.documentation.shell import commands
from tests.e2e.programs import environment, finished, flask
from tests.e2e.web import serving
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


def back_up(world: World, folder: Path) -> Path:
    """By the lines on the page, in a folder of their own; returns the copy."""
    (block,) = [block for block in blocks("sh") if block.page == PAGE and "VACUUM INTO" in block.text]
    folder.mkdir()
    in_shell(block.text.replace("instance/vettr_cron.db", str(file_of(world))), folder)
    (copy,) = folder.glob("backup-*.db")
    assert copy.stat().st_mode & 0o077 == 0
    return copy


def in_shell(lines: str, folder: Path) -> None:
    done = finished(["sh", "-e", "-c", lines], {}, folder=folder)
    assert done.returncode == 0, done.stderr


def test_a_backup_made_during_a_cycle_is_whole(world: World, tmp_path: Path) -> None:
    ended = threading.Event()

    def work() -> None:
        while not ended.is_set():
            world.call("refresh-all", query_string="chunk_size=5")

    worker = threading.Thread(target=work)
    worker.start()
    try:
        copies = [back_up(world, tmp_path / str(number)) for number in range(3)]
    finally:
        ended.set()
        worker.join()
    for path in copies:
        with closing(sqlite3.connect(path)) as copy:
            assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert copy.execute("SELECT count(*) FROM stocks").fetchone() == (30,)


def test_no_backup_is_made_of_nothing(tmp_path: Path) -> None:
    (command,) = [command for command in commands("python3") if command.block.page == PAGE]
    done = finished([sys.executable, "-c", command.words[2], "copy.db"], {}, folder=tmp_path)
    assert done.returncode == 1
    assert not list(tmp_path.iterdir())


def test_a_restored_backup_is_made_fresh(world: World, tmp_path: Path) -> None:
    world.data("refresh-all?chunks=all")
    backup = back_up(world, tmp_path / "backups")
    told = [list(command.words[3:]) for command in commands("flask") if command.block.page == PAGE]
    start = told.index(["cron", "pause", "--reason", "restore"])
    pause, status, *rest = told[start : start + 6]
    assert [words[1] for words in (status, *rest)] == ["status", "upgrade", "reset", "resume", "refresh-all"]
    (block,) = [block for block in blocks("sh") if block.page == PAGE and "cp backup.db" in block.text]
    restore = block.text.replace("instance/vettr_cron.db", str(file_of(world))).replace("backup.db", str(backup))

    with serving(world) as web:
        web.call("/v1/cron/refresh-all?chunk_size=10")  # Redis knows a cycle that the backup does not
        run(world, pause)
        run(world, status)
        web.process.kill()  # it leaves its log behind
        web.process.wait()
    world.close()
    in_shell(restore, tmp_path)
    for words in rest:
        run(world, words)

    counts = world.data("coverage")["jobs"]
    assert all((counts[job]["fresh"], counts[job]["stale"]) == (30, 0) for job in ("scores", "red_flags"))
    states = world.rows("SELECT DISTINCT job, last_cycle_id FROM cron_stock_states")
    assert len(states) == 2  # all stocks of a job were refreshed in one cycle


def run(world: World, words: list[str]) -> None:
    done = finished(flask(*words), environment(world, CRON_SCHEDULE="off"))
    assert done.returncode == 0, done.stderr
