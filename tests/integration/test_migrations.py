"""The migrations make every table as it must be, however often and however many at once they run."""

import os
import subprocess
import sys
from collections.abc import Iterator
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
OWN_TABLES = {"cron_alembic_version", "cron_made_tables"}
PILLARS = "financial_survival_score operational_efficiency_score shareholder_structure_score market_sentiment_score"

# Every column as `name:type`; `!` stands for NOT NULL, `=` for what an insert without the column gets.
# id (a new uuid) stands in every table and is left out here.
STOCK_ID = ["stock_id:uuid!"]
CREATED = ["created_at:timestamp!=now"]
UPDATED = ["updated_at:timestamp!=now"]


def _all(kind: str, names: str) -> list[str]:
    return [f"{name}:{kind}" for name in names.split()]


COLUMNS = {
    "stocks": [
        *("ticker:varchar(20)!", "name:varchar(255)!", "exchange:varchar(50)!", "sector:varchar(100)!"),
        *_all("double", "market_cap price price_change"),
        *("vetr_score:int", *UPDATED),
    ],
    "executives": [
        *(*STOCK_ID, "name:varchar(255)!", "title:varchar(255)!", "years_at_company:double!"),
        *("previous_companies:jsonb=[]", "education:varchar(500)", "specialization:varchar(255)"),
        *("social_linkedin:varchar(500)", "social_twitter:varchar(500)", *CREATED, *UPDATED),
    ],
    "filings": [
        *(*STOCK_ID, "type:varchar(100)!", "title:varchar(500)!", "date:timestamp!", "summary:text"),
        *("is_material:boolean!=false", "source_url:varchar(1000)", *CREATED),
    ],
    "financial_data": [
        *STOCK_ID,
        *_all("double", "cash monthly_burn total_debt total_assets exploration_exp r_and_d_exp total_opex"),
        *_all("double", "g_and_a_expense revenue avg_vol_30d warrant_strike_price"),
        *_all("bigint", "shares_current shares_1yr_ago insider_shares total_shares"),
        *("days_since_last_pr:int", *UPDATED, *CREATED),
    ],
    "financial_summary": [
        *STOCK_ID,
        *_all("double", "total_revenue gross_profit ebitda net_income operating_cash_flow free_cash_flow total_cash"),
        *_all("double", "total_cash_per_share total_debt revenue_per_share gross_margins operating_margins"),
        *_all("double", "ebitda_margins revenue_growth earnings_growth current_ratio quick_ratio"),
        *_all("bigint", "shares_outstanding float_shares"),
        *("currency:varchar(10)", *UPDATED, *CREATED),
    ],
    "short_interest": [
        *(*STOCK_ID, "short_shares:bigint"),
        *_all("double", "short_interest_pct days_to_cover_10d days_to_cover_30d days_to_cover_90d"),
        *("report_date:timestamp", *UPDATED, *CREATED),
    ],
    "analyst_consensus": [
        *STOCK_ID,
        *_all("int", "total_analysts buy_count hold_count sell_count"),
        "consensus:varchar(20)",
        *_all("double", "price_target price_target_high price_target_low"),
        *("recommendation_trend:jsonb", *UPDATED, *CREATED),
    ],
    "insider_transactions": [
        *(*STOCK_ID, "filer_name:varchar(255)!", "filer_relation:varchar(100)", "transaction_date:timestamp!"),
        *("transaction_text:varchar(500)", "ownership:varchar(5)", "shares:bigint", "value:double", *CREATED),
    ],
    "stock_daily_prices": [
        *(*STOCK_ID, "ticker:varchar(20)!", "date:date!"),
        *_all("double", "open high low close previous_close volume true_range"),
        *CREATED,
    ],
    "vetr_score_history": [
        *("stock_ticker:varchar(20)!", "overall_score:int!", *_all("int!=0", PILLARS)),
        *_all("int", "cash_runway_score solvency_score efficiency_score pedigree_sub_score dilution_penalty_score"),
        *_all("int", "insider_alignment_score sedi_insider_score warrant_overhang_score liquidity_score"),
        *_all("int", "news_velocity_score technical_momentum_score short_squeeze_score analyst_consensus_score"),
        *_all("double", "hourly_return_pct z_score atr_pct dynamic_tilt"),
        *("base_score:int", *_all("double", "p1_weight p2_weight p3_weight p4_weight"), "calculated_at:timestamp!"),
    ],
    "vetr_score_snapshots": [
        *("stock_ticker:varchar(20)!", "overall_score:int!", *_all("int!=0", PILLARS)),
        *("price:double", "dynamic_tilt:double", "recorded_at:timestamp!"),
    ],
    "red_flag_history": [
        *("stock_ticker:varchar(20)!", "flag_type:varchar(50)!", "severity:varchar(20)!", "score:double!"),
        *("description:text!", "detected_at:timestamp!"),
    ],
    "cron_job_runs": [
        *("job_name:varchar(50)!", "status:varchar(20)!"),
        *_all("int=0", "stocks_processed succeeded failed_count"),
        "failures:jsonb",
        *_all("int", "chunk_offset chunk_size total_stocks duration_ms"),
        *("started_at:timestamp!=now", "completed_at:timestamp", "error_message:text"),
    ],
}
UNIQUE = {
    "stocks": ["ticker"],
    "financial_data": ["stock_id"],
    "financial_summary": ["stock_id"],
    "short_interest": ["stock_id"],
    "analyst_consensus": ["stock_id"],
    "stock_daily_prices": ["ticker date"],
    "vetr_score_snapshots": ["stock_ticker recorded_at"],
}
INDEXES = {
    "stocks": ["exchange", "sector"],
    "executives": ["stock_id"],
    "filings": ["stock_id", "date"],
    "insider_transactions": ["stock_id", "transaction_date"],
    "stock_daily_prices": ["stock_id"],
    "vetr_score_history": ["stock_ticker", "calculated_at"],
    "vetr_score_snapshots": ["stock_ticker recorded_at desc", "recorded_at"],
    "red_flag_history": ["stock_ticker", "detected_at", "flag_type"],
    "cron_job_runs": ["job_name", "started_at"],
}
TYPES = {
    "UUID": "uuid",
    "CHAR(32)": "uuid",
    "DOUBLE PRECISION": "double",
    "DOUBLE": "double",
    "INTEGER": "int",
    "TIMESTAMP": "timestamp",
    "DATETIME": "timestamp",
    "JSON": "jsonb",
}
"""What the databases call a type, where that is not the name in COLUMNS."""


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
        assert {table: _types(inspector, table) for table in COLUMNS} == expected


def test_an_empty_database_gets_every_key_and_index(migrated_url: str) -> None:
    with _connection(migrated_url) as connection:
        inspector = inspect(connection)
        for table in COLUMNS:
            assert inspector.get_pk_constraint(table)["constrained_columns"] == ["id"]
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


def test_steps_on_paper_are_refused_as_they_depend_on_what_is_there(
    sqlite_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        _step(sqlite_url, lambda: upgrade(sql=True))
    assert ended.value.code == 1
    assert "only make what is missing" in capsys.readouterr().err
