"""Writes the input tables, a piece of rows a statement; rows name their stock by ticker."""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import Connection, select

from vettr_cron.extensions import db
from vettr_cron.models.tables import stock_daily_prices, stocks
from vettr_cron.repositories.bulk import Row, delete_moved, upsert, upsert_of_stocks

_KEYS = {
    "stocks": ("ticker",),
    "financial_data": ("stock_id",),
    "financial_summary": ("stock_id",),
    "short_interest": ("stock_id",),
    "analyst_consensus": ("stock_id",),
    "stock_daily_prices": ("ticker", "date"),
}
"""What tells whether a row is there already; for the other tables it is the id, which derives from the content."""


def write(connection: Connection, table_name: str, rows: Sequence[Row]) -> None:
    """Insert rows of one table, or update those that are there. Raises RowsRefused."""
    table = db.metadata.tables[table_name]
    key = _KEYS.get(table_name, ("id",))
    if table is stocks:
        upsert(connection, table, rows, key)
        return
    if table is stock_daily_prices:
        delete_moved_prices(connection, rows)
    upsert_of_stocks(connection, table, rows, key)


def delete_moved_prices(connection: Connection, rows: Sequence[Row]) -> None:
    """Delete the prices that are about to come back on another day: made-up ones move on with the days."""
    delete_moved(connection, stock_daily_prices, rows, _KEYS["stock_daily_prices"])


def known_tickers(connection: Connection, tickers: Collection[str]) -> set[str]:
    """Those of the tickers that belong to a stock."""
    wanted = sorted(tickers)
    found: set[str] = set()
    for start in range(0, len(wanted), 500):
        piece = select(stocks.c.ticker).where(stocks.c.ticker.in_(wanted[start : start + 500]))
        found.update(connection.execute(piece).scalars())
    return found


def stock_ids(connection: Connection) -> set[UUID]:
    """The ids of all stocks."""
    return set(connection.execute(select(stocks.c.id)).scalars())
