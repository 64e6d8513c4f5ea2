"""What the migrations make: every table with its columns, keys, indexes and defaults."""

from datetime import timedelta
from uuid import UUID, uuid4

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Inspector, inspect, text

from tests.integration.expected_tables import COLUMNS, INDEXES, OWN, OWN_KEYS, TYPES, UNIQUE
from tests.integration.migrating import OWN_TABLES, database_connection
from vettr_cron.extensions import db
from vettr_cron.services.clock import utc_now


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
    with database_connection(migrated_url) as connection:
        inspector = inspect(connection)
        assert {table: _types(inspector, table) for table in [*COLUMNS, *OWN]} == expected | {
            table: set(columns) for table, columns in OWN.items()
        }


def test_an_empty_database_gets_every_key_and_index(migrated_url: str) -> None:
    with database_connection(migrated_url) as connection:
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
    with database_connection(migrated_url) as connection:
        assert set(inspect(connection).get_table_names()) == COLUMNS.keys() | OWN_TABLES


def test_a_stocks_rows_are_deleted_with_it(migrated_url: str) -> None:
    with database_connection(migrated_url) as connection:
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
    with database_connection(migrated_url) as connection:
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
    with database_connection(migrated_url) as connection:
        for _ in range(3):
            connection.execute(insert)
        assert len(set(connection.execute(db.metadata.tables["cron_job_runs"].select()).scalars())) == 3


def test_the_models_say_what_the_migrations_made(migrated_postgres_url: str) -> None:
    options = {"include_name": lambda name, kind, _: kind != "table" or name in db.metadata.tables}
    with database_connection(migrated_postgres_url) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, **options})
        assert compare_metadata(context, db.metadata) == []
