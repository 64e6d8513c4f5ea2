"""Upgrades and downgrades: done again, undone, several at once, and beside others."""

import os
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from flask_migrate import downgrade, upgrade
from sqlalchemy import inspect, text
from sqlalchemy.engine import make_url

from tests.integration.expected_tables import COLUMNS
from tests.integration.migrating import NO_REDIS, OWN_TABLES, database_connection, migrate
from tests.world import World, migrate_database

ROOT = Path(__file__).parents[2]
# `flask --app wsgi db upgrade`, but for a halt just before it begins: so that several begin at the same moment.
UPGRADE_WHEN_TOLD = """
import sys, wsgi
from flask.cli import main
print("ready", flush=True)
sys.stdin.readline()
main()
"""


def test_an_upgrade_of_an_upgraded_database_changes_nothing(migrated_url: str, redis_url: str) -> None:
    world = World.make(migrated_url, redis_url)
    world.generate(3)
    before = {table: world.rows(f"SELECT * FROM {table} ORDER BY 1") for table in [*COLUMNS, *OWN_TABLES]}
    migrate_database(migrated_url)
    assert {table: world.rows(f"SELECT * FROM {table} ORDER BY 1") for table in before} == before
    world.close()


def test_a_downgrade_drops_what_was_made_and_an_upgrade_makes_it_again(migrated_url: str) -> None:
    with database_connection(migrated_url) as connection:
        connection.execute(text("CREATE TABLE strangers (name text)"))
    migrate(migrated_url, lambda: downgrade(revision="base"))
    with database_connection(migrated_url) as connection:
        assert set(inspect(connection).get_table_names()) == {"strangers", "cron_alembic_version"}
    migrate(migrated_url, upgrade)
    with database_connection(migrated_url) as connection:
        assert set(inspect(connection).get_table_names()) == COLUMNS.keys() | OWN_TABLES | {"strangers"}


def test_several_release_phases_at_once_do_no_harm(database_url: str) -> None:
    settings = {"APP_ENV": "test", "DATABASE_URL": database_url, "REDIS_URL": NO_REDIS}
    command = [sys.executable, "-c", UPGRADE_WHEN_TOLD, "--app", "wsgi", "db", "upgrade"]
    options: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with ExitStack() as stack:
        releases = [
            stack.enter_context(subprocess.Popen(command, cwd=ROOT, env=os.environ | settings, text=True, **options))
            for _ in range(4)
        ]
        for release in releases:
            assert release.stdout
            assert release.stdout.readline() == "ready\n"
        for release in releases:
            assert release.stdin
            release.stdin.write("go\n")
            release.stdin.flush()
        outputs = [release.communicate(timeout=60)[0] for release in releases]
    assert [release.returncode for release in releases] == [0] * 4, "\n".join(outputs)
    with database_connection(database_url) as connection:
        assert set(inspect(connection).get_table_names()) == COLUMNS.keys() | OWN_TABLES
        made = connection.execute(text("SELECT table_name FROM cron_made_tables")).scalars().all()
        assert sorted(made) == sorted(COLUMNS)
        assert len(connection.execute(text("SELECT version_num FROM cron_alembic_version")).all()) == 1


def test_release_phases_take_turns_at_any_isolation_level(postgres_url: str) -> None:
    name = make_url(postgres_url).database
    with database_connection(postgres_url) as connection:
        connection.execute(text(f"ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'"))
    test_several_release_phases_at_once_do_no_harm(postgres_url)


def test_a_fresh_file_that_another_process_writes_to_is_waited_for(sqlite_url: str) -> None:
    other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    with ThreadPoolExecutor(1) as executor:
        upgraded = executor.submit(migrate_database, sqlite_url)
        with pytest.raises(TimeoutError):
            upgraded.result(timeout=1)
        other.execute("ROLLBACK")
        upgraded.result()
    other.close()
    with database_connection(sqlite_url) as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"


def test_steps_on_paper_are_refused_as_they_depend_on_what_is_there(
    sqlite_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        migrate(sqlite_url, lambda: upgrade(sql=True))
    assert ended.value.code == 1
    assert "create only what is missing" in capsys.readouterr().err
