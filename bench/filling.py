"""Universes of any size, and the history that years of cycles leave behind."""

from datetime import date
from typing import Any

import psycopg
from psycopg.sql import SQL, Composed, Identifier

from bench.floor import INPUTS
from tests.world import World, migrate_database

GENERATED_AT_MOST = 10_000
_CHANGED = {
    "ticker": "lpad(number::text, 4, 'A') || '.' || ticker",
    "id": "overlay(id::text placing lpad(to_hex(number), 8, '0') from 1 for 8)::uuid",
    "stock_id": "overlay(stock_id::text placing lpad(to_hex(number), 8, '0') from 1 for 8)::uuid",
}
_PLAIN_INDEXES = (
    "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index"
    " WHERE indrelid = %s::regclass AND NOT indisunique"
)
_FLAGS = ("consolidation_velocity", "financing_velocity", "executive_churn", "disclosure_gaps", "debt_trend")

Connection = psycopg.Connection[Any]


def fill(database_url: str, redis_url: str, size: int) -> None:
    """Load `size` fictional stocks with all their rows into an empty database.

    The generator makes 10 000 at most; the others are copies of these, made by the database itself.
    """
    migrate_database(database_url)
    generated = min(size, GENERATED_AT_MOST)
    if size % generated:
        raise SystemExit(f"SIZE: {size} is not possible; above {GENERATED_AT_MOST} it must be a multiple of that")
    world = World.make(database_url, redis_url)
    world.services.universe.generate(generated, 1, date.today(), add=False, written=lambda _count: None)  # noqa: DTZ011
    world.close()
    with psycopg.connect(database_url, autocommit=True) as connection:
        if size > generated:
            _multiply(connection, size // generated)
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")


def _multiply(connection: Connection, times: int) -> None:
    # The foreign keys are known to be right, and building an index over all rows is faster than row by row.
    connection.execute("SET session_replication_role = replica")
    connection.execute("SET max_parallel_maintenance_workers = 2")
    for table in INPUTS:
        connection.execute(SQL("CREATE UNLOGGED TABLE original AS SELECT * FROM {}").format(Identifier(table)))
        indexes = connection.execute(_PLAIN_INDEXES, [table]).fetchall()
        for name, _definition in indexes:
            connection.execute(SQL("DROP INDEX {}").format(Identifier(name)))
        connection.execute(_copies(connection, table), {"copies": times - 1})
        for _name, definition in indexes:
            connection.execute(definition)
        connection.execute("DROP TABLE original")


def _copies(connection: Connection, table: str) -> Composed:
    """The generated rows again and again, each copy with its own ids and tickers."""
    found = connection.execute(SQL("SELECT * FROM {} LIMIT 0").format(Identifier(table))).description
    columns = [column.name for column in found or ()]
    values = [SQL(_CHANGED[name]) if name in _CHANGED else Identifier(name) for name in columns]
    # OFFSET 0 keeps the copies in sequence: a stock's rows lie side by side, as an import writes them.
    return SQL(
        "INSERT INTO {} ({}) SELECT {} FROM generate_series(1, %(copies)s) AS number,"
        " LATERAL (SELECT * FROM original OFFSET 0) AS original"
    ).format(Identifier(table), SQL(", ").join(map(Identifier, columns)), SQL(", ").join(values))


def fill_stocks(database_url: str, size: int) -> None:
    """Load `size` stocks, without rows in any other table, into an empty database."""
    migrate_database(database_url)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO stocks (id, ticker, name, exchange, sector)"
            " SELECT gen_random_uuid(), 'W' || lpad(n::text, 8, '0'), 'Stock ' || n, 'TSX', 'Mining'"
            " FROM generate_series(1, %s) AS n",
            [size],
        )
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")


def age(database_url: str, runs: int, cycles: int) -> None:
    """Write the records of `runs` runs, and the results of `cycles` cycles of the whole universe, all in the past."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO cron_job_runs (id, job_name, status, stocks_processed, succeeded, failed_count, chunk_offset,"
            " chunk_size, total_stocks, duration_ms, started_at, completed_at)"
            " SELECT gen_random_uuid(), (ARRAY['refresh-scores', 'refresh-red-flags'])[1 + n %% 2],"
            " CASE WHEN n %% 50 = 0 THEN 'failed' ELSE 'completed' END, 100, 100, 0, n %% 13 * 100, 100, 1300, 60,"
            " moment, moment + interval '60 ms'"
            " FROM generate_series(1, %s) AS n, LATERAL (SELECT (now() at time zone 'utc') - n * interval '30 min')"
            " AS at(moment)",
            [runs],
        )
        _age_history(connection, cycles)
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")


def _age_history(connection: Connection, cycles: int) -> None:
    moment = "(now() at time zone 'utc') - cycle * interval '30 min'"
    connection.execute(
        "INSERT INTO red_flag_history (id, stock_ticker, flag_type, severity, score, description, detected_at)"
        f" SELECT gen_random_uuid(), ticker, flag, 'Low', 20, 'Of 5 recent filings 1 says so.', {moment}"
        " FROM generate_series(%s, 1, -1) AS cycle CROSS JOIN stocks CROSS JOIN unnest(%s::text[]) AS flag",
        [cycles, list(_FLAGS)],
    )
    connection.execute(
        "INSERT INTO vetr_score_history (id, stock_ticker, overall_score, base_score, calculated_at)"
        f" SELECT gen_random_uuid(), ticker, 50, 50, {moment}"
        " FROM generate_series(%s, 1, -1) AS cycle CROSS JOIN stocks",
        [cycles],
    )
