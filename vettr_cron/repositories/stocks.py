"""The universe: all stocks, in the database's own order of tickers, and a stretch of it for one chunk."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, Select, Table, and_, bindparam, func, select

from vettr_cron.models.tables import stocks


class Stretch(NamedTuple):
    """The stocks of one chunk: where they begin and end is in `parameters`, for statements made with `within`."""

    rows: Sequence[Row[Any]]
    begins_universe: bool
    ends_universe: bool
    parameters: Mapping[str, Any]


def count(connection: Connection) -> int:
    """How many stocks there are."""
    return connection.execute(select(func.count()).select_from(stocks)).scalar_one()


def ticker_at(connection: Connection, rank: int) -> str | None:
    """The ticker of the stock with that rank, the first being 1."""
    ordered = select(stocks.c.ticker).order_by(stocks.c.ticker)
    return connection.execute(ordered.offset(rank - 1).limit(1)).scalar_one_or_none()


def next_of(chosen: Select[Any], begins_universe: bool) -> Select[Any]:
    """The statement for `stretch`: `chosen` selects id and ticker of stocks, then whatever else is wanted."""
    beyond = [] if begins_universe else [stocks.c.ticker > bindparam("after")]
    return chosen.where(*beyond).order_by(stocks.c.ticker).limit(bindparam("limit"))


def stretch(connection: Connection, statement: Select[Any], after: str | None, limit: int) -> Stretch:
    """Read the next `limit` stocks beyond a ticker, or the first ones, by a statement that `next_of` made."""
    beyond = {} if after is None else {"after": after}
    # One more than asked for tells whether the universe ends here.
    rows = connection.execute(statement, {**beyond, "limit": limit + 1}).all()
    taken = rows[:limit]
    up_to = {"last": taken[-1].ticker} if taken else {}
    return Stretch(taken, after is None, len(rows) <= limit, {**beyond, **up_to})


def within(begins_universe: bool) -> ColumnElement[bool]:
    """The condition that a stock is in the stretch whose parameters are given."""
    up_to = stocks.c.ticker <= bindparam("last")
    return up_to if begins_universe else and_(stocks.c.ticker > bindparam("after"), up_to)


def joined(table: Table, *columns: Any) -> Select[Any]:
    """The ticker and these columns of a table whose rows hang on stocks."""
    return select(stocks.c.ticker, *columns).join_from(stocks, table, table.c.stock_id == stocks.c.id)
