"""What the tables have of one stock: its row, its results over time, and how new its inputs are."""

from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from itertools import groupby, islice
from typing import Any, NamedTuple

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Date,
    DateTime,
    Select,
    Table,
    Text,
    cast,
    func,
    literal,
    null,
    select,
    union_all,
)

from vettr_cron.domain.timestamps import parsed
from vettr_cron.models.tables import red_flag_history, stocks, vetr_score_snapshots
from vettr_cron.models.types import in_utc
from vettr_cron.repositories.universe import as_text


class StockRow(NamedTuple):
    """A row of `stocks`; figures and times are what the columns have, on SQLite whatever another program left there."""

    id: Any
    ticker: str
    name: str | None  # where another program has made the table, a text may be missing
    exchange: str | None
    sector: str | None
    price: Any
    market_cap: Any
    vetr_score: Any


class Snapshot(NamedTuple):
    """A day's score of a stock, and its pillars."""

    at: Any
    score: Any
    price: Any
    financial_survival: Any
    operational_efficiency: Any
    shareholder_structure: Any
    market_sentiment: Any


class Flag(NamedTuple):
    """One flag of a detection."""

    flag_type: str
    severity: str
    score: Any


class Detection(NamedTuple):
    """The flags of a stock at one time, the highest score first."""

    at: Any
    flags: Sequence[Flag]


class Input(NamedTuple):
    """How many rows of a table a stock has, and the time of the newest: None without rows, or if the table has none."""

    table: str
    rows: int
    newest: Any


def rows_of(connection: Connection, ticker: str) -> list[StockRow]:
    """The rows with this ticker, exactly as it is written: one, unless the table lets a ticker exist twice."""
    chosen = select(stocks.c.id, *(as_text(stocks.c[name]).label(name) for name in StockRow._fields[1:]))
    found = connection.execute(chosen.where(stocks.c.ticker == ticker).order_by(stocks.c.id))
    return [StockRow._make(row) for row in found]


def snapshots(connection: Connection, ticker: str, limit: int) -> list[Snapshot]:
    """The newest daily scores of a ticker, newest first."""
    table = vetr_score_snapshots.c
    pillars = (table[f"{name}_score"] for name in Snapshot._fields[3:])
    chosen = select(table.recorded_at, table.overall_score, table.price, *pillars)
    newest = chosen.where(table.stock_ticker == ticker).order_by(in_utc(table.recorded_at).desc()).limit(limit)
    return [Snapshot._make(row) for row in connection.execute(newest)]


def detections(connection: Connection, ticker: str, limit: int, most_flags: int) -> list[Detection]:
    """The newest detections of a ticker, newest first, with at most so many flags in all."""
    flags = red_flag_history.c
    # With an offset inside, PostgreSQL reads all rows of the ticker by their index, and never those of all tickers by
    # time until there are enough of this one.
    every = select(flags.detected_at, *(flags[name] for name in Flag._fields)).where(flags.stock_ticker == ticker)
    own = every.offset(0).subquery().c
    shown = (as_text(own[name]).label(name) for name in Flag._fields)
    newest = select(own.detected_at, *shown).order_by(in_utc(own.detected_at).desc(), own.score.desc(), own.flag_type)
    rows = connection.execute(newest.limit(most_flags))
    found = (
        Detection(time, [Flag(*flag) for _time, *flag in together])
        for time, together in groupby(rows, lambda row: row[0])
    )
    return list(islice(found, limit))


def inputs(connection: Connection, tables: Iterable[Table], ticker: str, ids: Collection[Any]) -> list[Input]:
    """How many rows the stock has in each of these tables, and how new they are.

    A table that names neither a ticker nor a stock's id is left out.
    """
    counted = [_counted(table, ticker, ids, connection.dialect.name) for table in tables]
    statements = [statement for statement in counted if statement is not None]
    if not statements:
        return []
    return [Input(table, rows, _time(newest)) for table, rows, newest in connection.execute(union_all(*statements))]


def _counted(table: Table, ticker: str, ids: Collection[Any], dialect: str) -> Select[Any] | None:
    belongs = _belongs(table, ticker, ids)
    if belongs is None:
        return None
    column = _time_of(table)
    newest: Any = null()
    if column is not None:
        # Counted together, so that PostgreSQL does not look for the newest among the rows of all stocks.
        newest = func.max(in_utc(column) if isinstance(column.type, DateTime) else column)
    # As a text where a column may contain any, and otherwise as a type that can be read however late the time is.
    newest = cast(newest, Text if dialect == "sqlite" else DateTime)
    return select(literal(table.name), func.count(), newest).select_from(table).where(belongs)


def _belongs(table: Table, ticker: str, ids: Collection[Any]) -> ColumnElement[bool] | None:
    """The condition that a row is the stock's, as the rules find it: by its ticker if the table has one."""
    for name in ("ticker", "stock_ticker"):
        if name in table.c:
            return table.c[name] == ticker
    return table.c.stock_id.in_(ids) if "stock_id" in table.c else None


def _time_of(table: Table) -> Column[Any] | None:
    """The column that tells how new a row is: preferably one that is always there, and not when it was created."""
    times = [column for column in table.c if isinstance(column.type, Date | DateTime)]
    return min(times, key=lambda column: (column.nullable, column.name == "created_at"), default=None)


def _time(newest: Any) -> Any:
    """A time that came as a text; what is not a time stays as it is."""
    if isinstance(newest, str):
        with suppress(ValueError):
            return parsed(newest)
    return newest
