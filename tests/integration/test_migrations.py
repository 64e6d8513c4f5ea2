"""The migrations make every table as it must be, however often and however many at once they run."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask_migrate import downgrade, upgrade
from sqlalchemy import Connection, Inspector, inspect, text
from sqlalchemy.engine import make_url

from tests.integration.expected_tables import COLUMNS, INDEXES, OWN, OWN_KEYS, TYPES, UNIQUE
from tests.world import World, make_settings, migrate_database
from vettr_cron.app import create_app
from vettr_cron.extensions import db
from vettr_cron.services.clock import utc_now

ROOT = Path(__file__).parents[2]
# `flask --app wsgi db upgrade`, but for a halt just before it begins: so that several begin at the same moment.
UPGRADE_WHEN_TOLD = """
import sys, wsgi
from flask.cli import main
print("ready", flush=True)
sys.stdin.readline()
main()
"""
NO_REDIS = "redis://127.0.0.1:1"
OWN_TABLES = {"cron_alembic_version", "cron_made_tables", *OWN}


@contextmanager
def _connection(url: str) -> Iterator[Connection]:
    """A transaction on the database, in an application's context."""
    app = create_app(make_settings(url, NO_REDIS))
    with app.app_context():
        with db.engine.begin() as connection:
            yield connection
        db.engine.dispose()


def _step(url: str, step: Any) -> None:
    with create_app(make_settings(url, NO_REDIS)).app_context():
        step()
        db.engine.dispose()


def _types(inspector: Inspector, table: str) -> set[str]:
    found = set()
    for column in inspector.get_columns(table):
        kind = str(column["type"])
        kind = TYPES.get(kind, kind.lower())
        assert getattr(column["type"], "timezone", False) is False
        found.add(f"{column['name']}:{kind}{'' if column['nullable'] else '!'}")
    return found


def _uniques(inspector: Inspector, table: str) -> list[str]:
    return sorted(" ".join(map(str, each["column_names"])) for each in inspector.get_unique_constraints(table))


def _indexes(connection: Connection, inspector: Inspector, table: str) -> list[str]:
    names = [str(index["name"]) for index in inspector.get_indexes(table) if not index["unique"]]
    return sorted(_definition(connection, name) for name in names)


def _definition(connection: Connection, index: str) -> str:
    """The columns of an index with their direction: `a b desc`."""
    catalog = (
        "SELECT indexdef FROM pg_indexes WHERE indexname = :name AND schemaname = current_schema()"
        if connection.dialect.name == "postgresql"
        else "SELECT sql FROM sqlite_master WHERE name = :name"
    )
    sql: str = connection.execute(text(catalog), {"name": index}).scalar_one()
    return sql[sql.rindex("(") + 1 : sql.rindex(")")].replace(",", "").replace('"', "").lower()


def test_an_empty_database_gets_every_column_of_every_table(migrated_url: str) -> None:
    expected = {
        table: {"id:uuid!", *(column.partition("=")[0] for column in columns)} for table, columns in COLUMNS.items()
    }
    with _connection(migrated_url) as connection:
        inspector = inspect(connection)
        assert {table: _types(inspector, table) for table in [*COLUMNS, *OWN]} == expected | {
            table: set(columns) for table, columns in OWN.items()
        }


def test_an_empty_database_gets_every_key_and_index(migrated_url: str) -> None:
    with _connection(migrated_url) as connection:
        inspector = inspect(connection)
        for table in [*COLUMNS, *OWN]:
            assert inspector.get_pk_constraint(table)["constrained_columns"] == OWN_KEYS.get(table, ["id"])
        assert {table: _uniques(inspector, table) for table in COLUMNS} == {
            table: UNIQUE.get(table, []) for table in COLUMNS
        }
        assert {table: _indexes(connection, inspector, table) for table in COLUMNS} == {
            table: sorted(INDEXES.get(table, [])) for table in COLUMNS
        }


def test_an_empty_database_gets_these_tables_and_no_others(migrated_url: str) -> None:
    with _connection(migrated_url) as connection:
        assert set(inspect(connection).get_table_names()) == COLUMNS.keys() | OWN_TABLES


def test_rows_that_hang_on_a_stock_go_with_it(migrated_url: str) -> None:
    with _connection(migrated_url) as connection:
        inspector = inspect(connection)
        for table, columns in COLUMNS.items():
            keys = inspector.get_foreign_keys(table)
            assert len(keys) == (1 if "stock_id:uuid!" in columns else 0)
            for key in keys:
                assert (key["constrained_columns"], key["referred_table"]) == (["stock_id"], "stocks")
                assert key["options"]["ondelete"] == "CASCADE"


def test_an_insert_without_a_column_gets_its_default(migrated_url: str) -> None:
    stock = uuid4()
    parent = {"id": stock.hex if migrated_url.startswith("sqlite") else stock}
    with _connection(migrated_url) as connection:
        if connection.dialect.name == "postgresql":
            # Whatever the session's time zone, the columns are in UTC.
            connection.execute(text("SET LOCAL timezone = 'America/Vancouver'"))
        for table, columns in COLUMNS.items():
            values = {name: value for name, value in map(_needed, columns) if value is not None}
            values |= parent if table == "stocks" else {"stock_id": parent["id"]} if "stock_id:uuid!" in columns else {}
            names, marks = ", ".join(values), ", ".join(f":{name}" for name in values)
            connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({marks})"), values)
        for table, columns in COLUMNS.items():
            (row,) = connection.execute(db.metadata.tables[table].select()).mappings()
            assert isinstance(row["id"], UUID)
            for column in columns:
                _check_default(column, row[column.partition(":")[0]])


def _needed(column: str) -> tuple[str, object]:
    """The column's name and a value for it; None where the database must find one or NULL will do."""
    name, _, kind = column.partition(":")
    if not kind.endswith("!") or name == "stock_id":
        return name, None
    values = {"double!": 1.5, "int!": 1, "timestamp!": "2026-11-20 12:00:00.000000", "date!": "2026-11-20"}
    return name, values.get(kind, "A")


def _check_default(column: str, value: object) -> None:
    _, has_default, default = column.partition("=")
    if default == "now":
        assert abs(value - utc_now()) < timedelta(minutes=1)  # type: ignore[operator]
    elif has_default:
        assert value == {"[]": [], "false": False, "0": 0}[default]
    elif not column.endswith("!"):
        assert value is None


def test_ids_that_the_database_makes_differ(migrated_url: str) -> None:
    insert = text("INSERT INTO cron_job_runs (job_name, status) VALUES ('refresh-scores', 'completed')")
    with _connection(migrated_url) as connection:
        for _ in range(3):
            connection.execute(insert)
        assert len(set(connection.execute(db.metadata.tables["cron_job_runs"].select()).scalars())) == 3


def test_the_models_say_what_the_migrations_made(migrated_postgres_url: str) -> None:
    options = {"include_name": lambda name, kind, _: kind != "table" or name in db.metadata.tables}
    with _connection(migrated_postgres_url) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, **options})
        assert compare_metadata(context, db.metadata) == []


def test_an_upgrade_of_an_upgraded_database_changes_nothing(migrated_url: str, redis_url: str) -> None:
    world = World.make(migrated_url, redis_url)
    world.generate(3)
    before = {table: world.rows(f"SELECT * FROM {table} ORDER BY 1") for table in [*COLUMNS, *OWN_TABLES]}
    migrate_database(migrated_url)
    assert {table: world.rows(f"SELECT * FROM {table} ORDER BY 1") for table in before} == before
    world.close()


def test_a_downgrade_drops_what_was_made_and_an_upgrade_makes_it_again(migrated_url: str) -> None:
    with _connection(migrated_url) as connection:
        connection.execute(text("CREATE TABLE strangers (name text)"))
    _step(migrated_url, lambda: downgrade(revision="base"))
    with _connection(migrated_url) as connection:
        assert set(inspect(connection).get_table_names()) == {"strangers", "cron_alembic_version"}
    _step(migrated_url, upgrade)
    with _connection(migrated_url) as connection:
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
    with _connection(database_url) as connection:
        assert set(inspect(connection).get_table_names()) == COLUMNS.keys() | OWN_TABLES
        made = connection.execute(text("SELECT table_name FROM cron_made_tables")).scalars().all()
        assert sorted(made) == sorted(COLUMNS)
        assert len(connection.execute(text("SELECT version_num FROM cron_alembic_version")).all()) == 1


def test_release_phases_take_turns_whatever_level_the_role_has_by_default(postgres_url: str) -> None:
    name = make_url(postgres_url).database
    with _connection(postgres_url) as connection:
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
    with _connection(sqlite_url) as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"


def test_steps_on_paper_are_refused_as_they_depend_on_what_is_there(
    sqlite_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        _step(sqlite_url, lambda: upgrade(sql=True))
    assert ended.value.code == 1
    assert "only make what is missing" in capsys.readouterr().err
