"""A folder that the release before imported is imported by this one: the same rows, updated, and none besides."""

import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.e2e.programs import environment, finished
from tests.integration.csv_imports import NINE, ROWS, contents, import_files, write_folder
from tests.releases import unpack_release_before
from tests.world import World, migrate_database

RENAMED = {table: text.replace("AAA.V", "ZZZ") for table, text in NINE.items()}


@pytest.mark.parametrize("files", [NINE, RENAMED], ids=["as it was", "after a stock was renamed"])
def test_a_folder_that_the_release_before_imported_adds_no_rows(
    database_url: str, redis_url: str, tmp_path: Path, files: Mapping[str, str]
) -> None:
    before = unpack_release_before(tmp_path / "before")
    folder = tmp_path / "files"
    folder.mkdir()
    world = World.make(database_url, redis_url)
    for words in (["db", "upgrade"], ["stocks", "import", str(write_folder(folder, NINE))]):
        command = [sys.executable, "-m", "flask", "--app", "wsgi", *words]
        done = finished(command, environment(world), folder=before)
        assert done.returncode == 0, done.stderr
    migrate_database(database_url)
    rows = contents(world)
    assert {table: len(of_table) for table, of_table in rows.items()} == ROWS
    try:
        if files is RENAMED:
            for table in ("stocks", "stock_daily_prices"):
                world.execute(f"UPDATE {table} SET ticker = 'ZZZ' WHERE ticker = 'AAA.V'")
        changed = {**files, "filings": files["filings"].replace("Two\nlines", "New")}
        assert import_files(world, folder, changed).exit_code == 0
        again = contents(world)
    finally:
        world.close()
    assert {table: [row["id"] for row in of_table] for table, of_table in again.items()} == {
        table: [row["id"] for row in of_table] for table, of_table in rows.items()
    }
    assert {row["summary"] for row in again["filings"]} == {"New", None}
