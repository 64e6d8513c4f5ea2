"""Stocks whose inputs a database cannot read: a view of the platform's own that fails for them."""

from collections.abc import Iterable

from tests.world import World

TABLE = "executives"  # which both jobs read


def make_unreadable(world: World, tickers: Iterable[str], says: str | None = None) -> None:
    """From now on these stocks' executives cannot be read, and no others; every stock gets one.

    On PostgreSQL the error is a division by zero, or has the SQLSTATE that is given.
    """
    if not world.rows("SELECT 1 FROM executives LIMIT 1"):
        _add_executives(world)
    is_postgres = world.database_url.startswith("postgresql")
    if is_postgres:
        world.execute(
            "CREATE FUNCTION fail(code text) RETURNS float LANGUAGE plpgsql AS $$ BEGIN"
            " RAISE EXCEPTION 'this stock is locked' USING ERRCODE = code; END $$"
        )
    failing = f"fail('{says}')" if says else "1.0 / (length(s.ticker) - length(s.ticker))"
    error = failing if is_postgres else "abs(-9223372036854775807 - 1)"  # which overflows
    world.execute("CREATE TABLE unreadable (ticker text)")
    world.execute(f"ALTER TABLE {TABLE} RENAME TO real_{TABLE}")
    world.execute(
        f"CREATE VIEW {TABLE} AS SELECT e.id, e.stock_id, e.name, e.title, e.previous_companies, e.education,"
        " CASE WHEN s.ticker IN (SELECT ticker FROM unreadable)"
        f" THEN {error} ELSE e.years_at_company END AS years_at_company"
        f" FROM real_{TABLE} e JOIN stocks s ON s.id = e.stock_id"
    )
    for ticker in tickers:
        world.execute("INSERT INTO unreadable VALUES (:ticker)", ticker=ticker)


def make_readable(world: World) -> None:
    """From now on every stock can be read."""
    world.execute("DELETE FROM unreadable")


def _add_executives(world: World) -> None:
    ids = "gen_random_uuid()" if world.database_url.startswith("postgresql") else "lower(hex(randomblob(16)))"
    world.execute(
        "INSERT INTO executives (id, stock_id, name, title, years_at_company)"
        f" SELECT {ids}, id, 'Ann', 'CEO', 5 FROM stocks"
    )
