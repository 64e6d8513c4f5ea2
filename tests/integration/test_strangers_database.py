"""The platform's own database gets the tables that it lacks, and nothing that is there is touched."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, LiteralString, cast
from uuid import UUID

import psycopg
import pytest
from flask_migrate import downgrade
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier

from tests.integration.migrating import OWN_TABLES
from tests.jobs import THE_TWO
from tests.world import TODAY, World, make_settings, migrate_database
from vettr_cron.app import create_app
from vettr_cron.datasets.generator import pieces
from vettr_cron.extensions import db
from vettr_cron.repositories import input_rows

SCHEMA = Path(__file__).parents[1] / "platform_schema.sql"
STOCKS = 12
USER = UUID("00000000-0000-4000-8000-000000000001")
Schema = Mapping[str, set[str]]

# What a database is made of: the table, view or function that it belongs to, and what it is.
CATALOG: LiteralString = """
WITH ours AS (SELECT * FROM pg_class WHERE relnamespace = 'public'::regnamespace)
SELECT relname, format('%s %s %s', relkind, relpersistence, relowner::regrole) FROM ours
UNION ALL
SELECT relname, format('column %s %s %s %s %s', attnum, attname, format_type(atttypid, atttypmod), attnotnull,
    pg_get_expr(adbin, adrelid))
  FROM ours JOIN pg_attribute ON attrelid = ours.oid LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
  WHERE attnum > 0 AND relkind <> 'i'
UNION ALL
SELECT relname, format('constraint %s %s', conname, pg_get_constraintdef(pg_constraint.oid))
  FROM ours JOIN pg_constraint ON conrelid = ours.oid
UNION ALL
SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION ALL
SELECT relname, pg_get_triggerdef(pg_trigger.oid) FROM ours JOIN pg_trigger ON tgrelid = ours.oid WHERE NOT tgisinternal
UNION ALL
SELECT relname, pg_get_viewdef(oid) FROM ours WHERE relkind = 'v'
UNION ALL
SELECT proname, pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
"""
INDEX_OF = re.compile(r" ON public\.(\w+)")


@pytest.fixture(
    params=[(), ("cron_job_runs",), ("cron_job_runs", "short_interest")], ids=lambda names: "-".join(names) or "all"
)
def missing(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """The tables that the platform's database lacks."""
    names: tuple[str, ...] = request.param
    return names


@pytest.fixture
def platform_url(postgres_url: str, missing: tuple[str, ...]) -> str:
    """The platform's database, with its rows, as it is before we come."""
    script = SCHEMA.read_text()
    for table in missing:
        script, removed = re.subn(f"-- begin: {table}\n.*?-- end: {table}\n", "", script, flags=re.DOTALL)
        assert removed == 1
    with psycopg.connect(postgres_url) as connection:
        connection.execute(script.encode())
    _fill(postgres_url, missing)
    return postgres_url


@pytest.fixture
def untouched(platform_url: str) -> Schema:
    """The schema as it is before we come."""
    return _schema(platform_url)


@pytest.fixture
def platform(platform_url: str, untouched: Schema, redis_url: str) -> Iterator[World]:
    """A service on the platform's database after `db upgrade`."""
    migrate_database(platform_url)
    world = World.make(platform_url, redis_url)
    yield world
    world.close()


def _fill(url: str, missing: tuple[str, ...]) -> None:
    app = create_app(make_settings(url, "redis://127.0.0.1:1"), THE_TWO)
    with app.app_context():
        for piece in pieces(STOCKS, 1, TODAY):
            with db.engine.begin() as connection:
                for table, rows in piece.items():
                    if table not in missing:
                        input_rows.write(connection, table, rows)
        db.engine.dispose()
    with psycopg.connect(url) as connection:
        connection.execute(
            "INSERT INTO red_flag_history (stock_ticker, flag_type, severity, score, description, detected_at)"
            " SELECT ticker, 'debt_trend', 'High', 75, 'as the platform saw it', '2026-11-01' FROM stocks"
        )
        connection.execute(
            "INSERT INTO vetr_score_snapshots (stock_ticker, overall_score, recorded_at)"
            " SELECT ticker, 41, date_trunc('day', timezone('utc', now())) - offset_days * interval '1 day'"
            " FROM stocks, generate_series(0, 2) AS offset_days"
        )
        connection.execute("INSERT INTO watchlist_items SELECT %s, id, 'mine' FROM stocks", [USER])
        connection.execute(
            "INSERT INTO red_flag_acknowledgments (user_id, red_flag_id) SELECT %s, id FROM red_flag_history", [USER]
        )


def _schema(url: str) -> Schema:
    found: defaultdict[str, set[str]] = defaultdict(set)
    with psycopg.connect(url) as connection:
        for name, definition in connection.execute(CATALOG):
            owner = INDEX_OF.search(definition)
            found[owner[1] if owner and definition.startswith("CREATE") else name].add(definition)
        for index, table in connection.execute(
            "SELECT indexname, tablename FROM pg_indexes WHERE schemaname = 'public'"
        ):
            found[table] |= found.pop(index)
    return found


def _rows(url: str, table: str) -> list[dict[str, Any]]:
    with psycopg.connect(url, row_factory=dict_row) as connection:
        return connection.execute(
            SQL("SELECT whole.* FROM {} AS whole ORDER BY whole::text").format(Identifier(table))
        ).fetchall()


def _tables(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        return [name for (name,) in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]


def _columns(url: str, table: str) -> set[tuple[Any, ...]]:
    query = (
        "SELECT attname, format_type(atttypid, atttypmod), attnotnull FROM pg_attribute"
        " WHERE attrelid = %s::regclass AND attnum > 0"
    )
    with psycopg.connect(url) as connection:
        return set(connection.execute(query, [table]).fetchall())


def test_an_upgrade_makes_only_what_is_missing(platform_url: str, untouched: Schema, missing: tuple[str, ...]) -> None:
    rows = {table: _rows(platform_url, table) for table in _tables(platform_url)}
    migrate_database(platform_url)
    after = _schema(platform_url)
    assert after.keys() - untouched.keys() == OWN_TABLES | set(missing)
    assert {name: after[name] for name in untouched} == untouched
    assert {table: _rows(platform_url, table) for table in rows} == rows
    assert {row["table_name"] for row in _rows(platform_url, "cron_made_tables")} == set(missing)


@pytest.mark.parametrize("missing", [("cron_job_runs", "short_interest")], indirect=True, ids=["two"])
def test_a_table_that_was_missing_is_as_the_platforms_own(
    platform: World, missing: tuple[str, ...], postgres_server: Any
) -> None:
    whole = postgres_server.create_database()
    with psycopg.connect(whole) as connection:
        connection.execute(SCHEMA.read_text().encode())
    for table in missing:
        assert _columns(platform.database_url, table) == _columns(whole, table)
    postgres_server.drop_database(whole)


def test_a_refresh_works_there_and_leaves_the_schema_as_it_is(platform: World, missing: tuple[str, ...]) -> None:
    before = _schema(platform.database_url)
    strangers = ("users", "watchlist_items", "alembic_version", "red_flag_acknowledgments", "executives", "filings")
    rows = {table: _rows(platform.database_url, table) for table in strangers}
    data = platform.data("refresh-all?chunks=all&chunk_size=5")
    for result in (data["scores"], data["red_flags"]):
        assert (result["stocks_processed"], result["failed"]) == (STOCKS, 0)
    assert len(platform.rows("SELECT 1 FROM vetr_score_history")) == STOCKS
    assert len(platform.rows("SELECT 1 FROM red_flag_history")) == 6 * STOCKS
    assert _schema(platform.database_url) == before
    assert {table: _rows(platform.database_url, table) for table in strangers} == rows


def test_todays_snapshot_of_the_platform_is_updated_in_its_place(platform: World) -> None:
    before = {row["id"]: row for row in platform.table("vetr_score_snapshots")}
    platform.data("scores?chunks=all")
    after = {row["id"]: row for row in platform.table("vetr_score_snapshots")}
    today = max(row["recorded_at"] for row in before.values())
    assert after.keys() == before.keys()
    assert {key for key, row in after.items() if row != before[key]} == {
        key for key, row in before.items() if row["recorded_at"] == today
    }


def test_acknowledgments_survive_every_refresh(platform: World) -> None:
    flags = {row["id"] for row in platform.table("red_flag_history")}
    for _ in range(2):
        platform.data("red-flags?chunks=all")
        with psycopg.connect(platform.database_url) as connection:
            connection.execute(
                "INSERT INTO red_flag_acknowledgments (user_id, red_flag_id) SELECT %s, id FROM red_flag_history"
                " ON CONFLICT DO NOTHING",
                [USER],
            )
        flags |= {row["id"] for row in platform.table("red_flag_history")}
    platform.data("red-flags?chunks=all")
    acknowledged = {row["red_flag_id"] for row in _rows(platform.database_url, "red_flag_acknowledgments")}
    assert acknowledged == flags
    assert len(flags) == 11 * STOCKS


@pytest.mark.parametrize("missing", [()], indirect=True, ids=["all"])
def test_a_cleanup_leaves_what_users_have_acknowledged(platform: World, untouched: Schema) -> None:
    before = _rows(platform.database_url, "red_flag_acknowledgments")
    assert len(before) == STOCKS
    platform.data("red-flags?chunks=all")
    platform.execute("UPDATE red_flag_history SET detected_at = detected_at - interval '1000 days'")
    platform.data("red-flags?chunks=all")
    assert platform.data("cleanup")["red_flags_removed"] == 5 * STOCKS
    assert _rows(platform.database_url, "red_flag_acknowledgments") == before
    assert len(platform.table("red_flag_history")) == 6 * STOCKS
    after = _schema(platform.database_url)
    assert {name: after[name] for name in untouched} == untouched


@pytest.mark.parametrize("missing", [()], indirect=True, ids=["all"])
def test_a_group_that_is_done_again_keeps_its_acknowledgments(platform: World) -> None:
    platform.data("red-flags?chunk_size=5")
    position = platform.redis.dump("cron:red-flags:position")
    offset = platform.redis.dump("cron:red-flags:offset")
    platform.data("red-flags?chunk_size=5")
    with psycopg.connect(platform.database_url) as connection:
        connection.execute(
            "INSERT INTO red_flag_acknowledgments (user_id, red_flag_id) SELECT %s, id FROM red_flag_history"
            " ON CONFLICT DO NOTHING",
            [USER],
        )
    tables = ("red_flag_acknowledgments", "red_flag_history")
    before = {table: _rows(platform.database_url, table) for table in tables}
    # As after a crash between the commit and the move of the cursor.
    platform.redis.restore("cron:red-flags:position", 0, cast(bytes, position), replace=True)
    platform.redis.restore("cron:red-flags:offset", 0, cast(bytes, offset), replace=True)
    platform.data("red-flags?chunk_size=5")
    after = {table: _rows(platform.database_url, table) for table in tables}
    assert [row["id"] for row in after["red_flag_history"]] == [row["id"] for row in before["red_flag_history"]]
    assert after["red_flag_acknowledgments"] == before["red_flag_acknowledgments"]
    assert len(after["red_flag_acknowledgments"]) == STOCKS + 50


@pytest.mark.parametrize("missing", [()], indirect=True, ids=["all"])
def test_the_platforms_own_runs_can_be_read_and_stay(platform: World) -> None:
    before = {row["id"]: row for row in _rows(platform.database_url, "cron_job_runs")}
    platform.data("refresh-all?chunks=all")
    after = {row["id"]: row for row in _rows(platform.database_url, "cron_job_runs")}
    assert {key: after[key] for key in before} == before
    runs = platform.data("history")["runs"]
    assert len(runs) == len(after) == len(before) + 2
    (old,) = [run for run in runs if run["failures"]]
    assert old["failures"] == [{"ticker": "OLD", "error": "no price"}]


def test_a_downgrade_drops_only_what_was_made(platform: World, untouched: Schema) -> None:
    url = platform.database_url
    platform.data("refresh-all?chunks=all")
    kept = untouched.keys() & set(_tables(url))
    rows = {table: _rows(url, table) for table in kept}
    with platform.app.app_context():
        downgrade(revision="base")
    after = _schema(url)
    assert after.keys() - untouched.keys() == {"cron_alembic_version"}
    assert {name: after[name] for name in untouched} == untouched
    assert {table: _rows(url, table) for table in kept} == rows
