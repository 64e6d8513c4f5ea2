"""The universe: all stocks, in the database's own order of tickers, and a page of it for one chunk."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    ScalarSelect,
    Select,
    String,
    Table,
    Text,
    and_,
    bindparam,
    cast,
    func,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.sql.selectable import LateralFromClause
from sqlalchemy.types import NullType

from vettr_cron.models.tables import stocks


class Scope(StrEnum):
    """Which stocks a statement selects; each statement is built once per scope."""

    FIRST = "first"  # those at the start of the universe
    BEYOND = "beyond"  # those after a ticker
    UP_TO = "up to"  # those from the start up to a ticker
    BETWEEN = "between"  # those after a ticker, up to another
    NAMED = "named"  # those whose tickers are given


@dataclass(frozen=True, slots=True)
class Beyond:
    """The next `limit` stocks after a ticker; None means from the start of the universe."""

    after: str | None
    limit: int

    @property
    def scope(self) -> Scope:
        """The scope of the statements that take these parameters."""
        return Scope.FIRST if self.after is None else Scope.BEYOND


@dataclass(frozen=True, slots=True)
class Between:
    """The stocks after a ticker, or from the start of the universe, up to and including another one."""

    after: str | None
    last: str

    @property
    def scope(self) -> Scope:
        """The scope of the statements that take these parameters."""
        return Scope.UP_TO if self.after is None else Scope.BETWEEN

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The parameters for statements of this scope."""
        return {"last": self.last} if self.after is None else {"after": self.after, "last": self.last}


@dataclass(frozen=True, slots=True)
class Named:
    """The stocks with these tickers, as far as they exist; `are_last` says that no others of a list follow."""

    tickers: Sequence[str]
    are_last: bool = False

    @property
    def scope(self) -> Scope:
        """The scope of the statements that take these parameters."""
        return Scope.NAMED

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The parameters for statements of this scope."""
        return {"tickers": list(self.tickers)}


Selection = Beyond | Between | Named


class Page(NamedTuple):
    """The stocks of one chunk; `parameters` select the same stocks in statements built with `within`."""

    rows: Sequence[Sequence[Any]]  # each begins with id and ticker
    scope: Scope
    ends_universe: bool  # or the list of which the stocks were the last
    parameters: Mapping[str, Any]


def count(connection: Connection, after: str | None = None) -> int:
    """How many stocks there are, in all or after a ticker."""
    beyond = [] if after is None else [stocks.c.ticker > after]
    return connection.execute(select(func.count()).select_from(stocks).where(*beyond)).scalar_one()


def count_longer(connection: Connection, length: int) -> int:
    """How many stocks have tickers longer than that."""
    longer = func.length(stocks.c.ticker) > length
    return connection.execute(select(func.count()).select_from(stocks).where(longer)).scalar_one()


def count_not_upper_case(connection: Connection) -> int:
    """How many stocks have tickers that are not in upper case, as the platform looks them up."""
    different = stocks.c.ticker != func.upper(stocks.c.ticker)
    return connection.execute(select(func.count()).select_from(stocks).where(different)).scalar_one()


def ticker_at(connection: Connection, rank: int) -> str | None:
    """The ticker of the stock with that rank, counted from 1."""
    ordered = select(stocks.c.ticker).order_by(stocks.c.ticker)
    return connection.execute(ordered.offset(rank - 1).limit(1)).scalar_one_or_none()


def tickers(connection: Connection, selection: Selection) -> list[str]:
    """The tickers of the selected stocks, in order."""
    return [ticker for _id, ticker in names(connection, selection).rows]


def names(connection: Connection, selection: Selection) -> Page:
    """The ids and tickers of the selected stocks, in order, and nothing else of them."""
    return read_page(connection, _ids(selection.scope), selection)


@cache
def _ids(scope: Scope) -> Select[Any]:
    return chosen_of(select(stocks.c.id, stocks.c.ticker), scope)


def chosen_of(chosen: Select[Any], scope: Scope) -> Select[Any]:
    """The statement for `read_page`: `chosen` selects id and ticker of stocks, then anything else that is wanted."""
    ordered = chosen.order_by(stocks.c.ticker)
    if scope not in (Scope.FIRST, Scope.BEYOND):
        return ordered.where(within(scope))
    every = stocks.alias("every")
    # Any text is at least "": only a range with two ends is a small part of the table to PostgreSQL's planner.
    start = stocks.c.ticker >= "" if scope is Scope.FIRST else stocks.c.ticker > bindparam("after")
    rest = [] if scope is Scope.FIRST else [every.c.ticker > bindparam("after")]
    page = select(every.c.ticker).where(*rest).order_by(every.c.ticker).limit(bindparam("limit")).subquery("page")
    # Up to a ticker, rather than so many rows: a ticker may exist twice, or have two rows in a table.
    last = select(func.max(page.c.ticker)).scalar_subquery()
    # The universe's last ticker shows whether it ends here; no inputs are read of a stock beyond the page.
    end = select(func.max(every.c.ticker)).scalar_subquery()
    return ordered.add_columns(end).where(start, stocks.c.ticker <= last)


def read_page(
    connection: Connection, statement: Select[Any], selection: Selection, more: Mapping[str, Any] | None = None
) -> Page:
    """Read the stocks of a selection with `chosen_of`'s statement for its scope; `more` are its other parameters."""
    if not isinstance(selection, Beyond):
        rows = connection.execute(statement, {**selection.parameters, **(more or {})}).all()
        return Page(rows, selection.scope, isinstance(selection, Named) and selection.are_last, selection.parameters)
    beyond = {} if selection.after is None else {"after": selection.after}
    rows = connection.execute(statement, {**beyond, **(more or {}), "limit": selection.limit}).all()
    last, end = (rows[-1][1], rows[-1][-1]) if rows else (None, None)
    up_to = {} if last is None else {"last": last}
    return Page([row[:-1] for row in rows], selection.scope, last == end, {**beyond, **up_to})


def within(scope: Scope) -> ColumnElement[bool]:
    """The condition that a stock is on the page that the parameters select."""
    if scope is Scope.NAMED:
        return stocks.c.ticker.in_(bindparam("tickers", expanding=True))
    up_to = stocks.c.ticker <= bindparam("last")
    return up_to if scope in (Scope.FIRST, Scope.UP_TO) else and_(stocks.c.ticker > bindparam("after"), up_to)


def with_ticker(table: Table, *columns: Any) -> Select[Any]:
    """Select the ticker and these columns of a table whose rows belong to stocks."""
    return select(stocks.c.ticker, *columns).join_from(stocks, table, table.c.stock_id == stocks.c.id)


def aggregated(
    table: Table,
    columns: Mapping[str, Any],
    *conditions: ColumnElement[bool],
    over_all_rows: Sequence[ColumnElement[Any]] = (),
    order: Sequence[ColumnElement[Any]] = (),
) -> LateralFromClause:
    """For each stock its rows of a table: one array per column, all in the same `order`, NULL if there are no rows.

    PostgreSQL looks up the rows stock by stock, in the index on stock_id, however large chunk and universe are: the
    conditions are placed where they cannot lead it to an index on the rows of all stocks. `over_all_rows` are
    aggregates over all rows of the stock, regardless of the conditions.
    """
    arrays = (array_of(column, name, *conditions, order=order) for name, column in columns.items())
    rows = select(*arrays, *over_all_rows)
    return rows.where(table.c.stock_id == stocks.c.id).correlate(stocks).lateral(f"of_{table.name}")


def array_of(
    column: ColumnElement[Any],
    name: str,
    *conditions: ColumnElement[bool],
    order: Sequence[ColumnElement[Any]] = (),
) -> ColumnElement[Any]:
    """The values of a column as an array, as the driver returns it: NaN and infinity are kept."""
    values: Any = func.array_agg(aggregate_order_by(column, *order) if order else column, type_=NullType())
    labelled: ColumnElement[Any] = (values.filter(*conditions) if conditions else values).label(name)
    return labelled


def as_text(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """A text column of whatever type, such as citext or an enum, as text; for text and varchar it costs nothing.

    Of any other column, the column itself.
    """
    return cast(column, Text) if isinstance(column.type, String) else column


def newest_of(table: Table, time: ColumnElement[Any]) -> ScalarSelect[Any]:
    """For each stock the newest time among its rows of a table; NULL if there are none."""
    # Without the filter PostgreSQL may walk an index on the times of all stocks' rows back to one of this stock.
    newest = select(func.max(time).filter(true()))
    return newest.where(table.c.stock_id == stocks.c.id).correlate(stocks).scalar_subquery()
