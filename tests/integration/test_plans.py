"""How PostgreSQL reads a chunk's inputs: by index, stock by stock, among few rows and among a million alike."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import Select

from tests.servers.postgres_server import PostgresServer
from tests.world import World
from vettr_cron.repositories import red_flag_inputs, score_inputs
from vettr_cron.repositories.universe import Scope
from vettr_cron.services.clock import utc_now

STATEMENTS = {"scores": score_inputs.chunk_query, "red-flags": red_flag_inputs.chunk_query}
FEW, MANY = 1_300, 33_400  # stocks, which have 30 prices and a row in each other table
SILENT, FILINGS = 60, 500  # stocks without filings of their own, and filings of each of the few that have any
_GROW = (
    "INSERT INTO stocks (id, ticker, name, exchange, sector) SELECT gen_random_uuid(),"
    " 'M' || lpad(n::text, 6, '0'), 'Much', 'TSX', 'Gold' FROM generate_series(1, %s) AS n",
    "INSERT INTO stock_daily_prices (id, stock_id, ticker, date, high, low, close, previous_close)"
    " SELECT gen_random_uuid(), id, ticker, current_date - day, 2, 1, 1, 1 FROM stocks, generate_series(1, 30) AS day",
    *(
        f"INSERT INTO {table} (id, stock_id{names}) SELECT gen_random_uuid(), id{values} FROM stocks"
        for table, names, values in (
            ("financial_data", "", ""),
            ("financial_summary", "", ""),
            ("short_interest", "", ""),
            ("analyst_consensus", "", ""),
            ("executives", ", name, title, years_at_company", ", 'Ann', 'CEO', 1"),
            ("filings", ", type, title, date", ", '8-K', 'News', now()"),
            ("insider_transactions", ", filer_name, transaction_date", ", 'Ann', now()"),
        )
    ),
)


def grow(url: str, stocks: int) -> None:
    """So many stocks with a row in each table, and what a server's autovacuum would find out about them."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")  # no row is an orphan as it is
        for statement in _GROW:
            connection.execute(statement, [stocks] if "%s" in statement else None)
        connection.execute("VACUUM ANALYZE")


def add_filings(url: str) -> None:
    """A few stocks that file day by day for years, which makes the newest of all filings a quick find."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("DELETE FROM filings")
        connection.execute(
            "INSERT INTO filings (id, stock_id, type, title, date)"
            " SELECT gen_random_uuid(), id, '8-K', 'News', now() - day * interval '1 day'"
            " FROM (SELECT id FROM stocks ORDER BY ticker LIMIT 40) AS busy, generate_series(1, %s) AS day",
            [FILINGS],
        )
        connection.execute("VACUUM ANALYZE filings")


def plan(world: World, statement: Select[Any]) -> list[tuple[str, str]]:
    """The plan of a chunk's statement: what each step does, and with which index."""
    parameters = {"after": "M000010", "limit": 50, "since": utc_now() - timedelta(days=60)}
    with world.services.database.index_reads() as connection:
        compiled = statement.compile(connection.engine)
        explained = connection.exec_driver_sql(
            f"EXPLAIN (FORMAT JSON) {compiled}", {**compiled.params, **parameters}
        ).scalar_one()
    tree = json.loads(explained) if isinstance(explained, str) else explained
    return list(_steps(tree[0]["Plan"]))


def _steps(node: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield node["Node Type"], node.get("Index Name") or node.get("Relation Name") or ""
    for child in node.get("Plans", ()):
        yield from _steps(child)


def test_a_chunk_is_read_by_index_however_large_the_universe(
    postgres_server: PostgresServer, migrated_postgres_url: str, redis_url: str
) -> None:
    plans = []
    for stocks in (FEW, MANY):
        url = postgres_server.create_database(migrated_postgres_url)
        grow(url, stocks)
        world = World.make(url, redis_url)
        scopes = (Scope.FIRST, Scope.BEYOND)
        plans.append({(job, scope): plan(world, STATEMENTS[job](scope)) for job in STATEMENTS for scope in scopes})
        world.close()
        postgres_server.drop_database(url)
    few, many = plans
    assert few == many
    for steps in many.values():
        assert not [step for step in steps if step[0] in {"Seq Scan", "Sort", "Hash Join", "Merge Join"}]
        assert ("Index Scan", "stocks_ticker_key") in steps
    assert ("Index Scan", "stock_daily_prices_ticker_date_key") in many["scores", Scope.BEYOND]


@pytest.mark.parametrize("job", list(STATEMENTS))
@pytest.mark.parametrize("scope", [Scope.FIRST, Scope.BEYOND])
def test_the_newest_filing_of_a_silent_stock_is_not_looked_for_among_all(
    migrated_postgres_url: str, postgres_world: World, job: str, scope: Scope
) -> None:
    grow(migrated_postgres_url, 40 + SILENT)
    add_filings(migrated_postgres_url)
    steps = plan(postgres_world, STATEMENTS[job](scope))
    assert "ix_filings_stock_id" in {index for _kind, index in steps}, steps
    assert "ix_filings_date" not in {index for _kind, index in steps}
