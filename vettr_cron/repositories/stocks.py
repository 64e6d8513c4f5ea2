"""The universe: all stocks, in the database's own order of tickers, and a stretch of it for one chunk."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, Select, Table, and_, false, func, select

from vettr_cron.models.tables import stocks


class Stretch(NamedTuple):
    """The stocks of one chunk; `within` is the same stretch for the tables that hang on stocks."""

    rows: Sequence[Row[Any]]
    within: ColumnElement[bool]
    ends_universe: bool


def count(connection: Connection) -> int:
    """How many stocks there are."""
    return connection.execute(select(func.count()).select_from(stocks)).scalar_one()


def ticker_at(connection: Connection, rank: int) -> str | None:
    """The ticker of the stock with that rank, the first being 1."""
    ordered = select(stocks.c.ticker).order_by(stocks.c.ticker)
    return connection.execute(ordered.offset(rank - 1).limit(1)).scalar_one_or_none()


def stretch(connection: Connection, chosen: Select[Any], after: str | None, limit: int) -> Stretch:
    """Read the next `limit` stocks beyond a ticker, or the first ones; `chosen` selects id and ticker first."""
    beyond = [] if after is None else [stocks.c.ticker > after]
    # One more than asked for tells whether the universe ends here.
    rows = connection.execute(chosen.where(*beyond).order_by(stocks.c.ticker).limit(limit + 1)).all()
    taken = rows[:limit]
    within = and_(*beyond, stocks.c.ticker <= taken[-1].ticker) if taken else false()
    return Stretch(taken, within, len(rows) <= limit)


def joined(table: Table, *columns: Any) -> Select[Any]:
    """The ticker and these columns of a table whose rows hang on stocks."""
    return select(stocks.c.ticker, *columns).join_from(stocks, table, table.c.stock_id == stocks.c.id)
