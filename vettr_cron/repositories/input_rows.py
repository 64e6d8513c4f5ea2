"""Writes the input tables, a piece of rows a statement; rows name their stock by ticker.

Which row of the database a row is, is told by its stock's id and by what tells the stock's rows apart, never by a
ticker that the stock had once: tickers are given up, and taken by other companies. Where no columns tell rows apart of
which a table has several a stock, as of made-up ones, it is the row's id.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from sqlalchemy import Connection, Table, select

from vettr_cron.domain.errors import RowsRefused
from vettr_cron.extensions import db
from vettr_cron.models.tables import stock_daily_prices, stocks
from vettr_cron.models.types import Row
from vettr_cron.repositories.bulk import delete_moved, matching, not_kept, upsert

_UNIQUE = {
    "stocks": ("ticker",),
    "financial_data": ("stock_id",),
    "financial_summary": ("stock_id",),
    "short_interest": ("stock_id",),
    "analyst_consensus": ("stock_id",),
    "stock_daily_prices": ("ticker", "date"),
}
"""The columns of which no two rows have the same values; of the other tables it is the id alone."""
_OWNER = {"stocks": ("ticker",), "stock_daily_prices": ("stock_id", "date")}
"""Whose row it is: only that of the same owner may be written. Of the other tables it is the stock."""

_SELECTIVE = ("date", "transaction_date", "name")
"""Of the columns that tell a stock's rows apart the one of which few rows have the same value; never NULL."""


def write(connection: Connection, table_name: str, rows: Sequence[Row], identity: Sequence[str] = ()) -> None:
    """Insert rows of one table, or update those that are there. Raises RowsRefused.

    A row has an `id`, under which it is inserted if it is new; it may have a `former_id`, which is the row's as well
    where it is there and belongs to the same stock. `identity` are the columns that tell a stock's rows apart; a row's
    `occurrence` then is how many equal ones came before it.
    """
    if not rows:
        return
    table = db.metadata.tables[table_name]
    if table is not stocks and "stock_id" not in rows[0]:
        rows = of_stocks(connection, table_name, rows)
    if table is stock_daily_prices:
        delete_moved_prices(connection, rows)
    identified = _identified(connection, table, rows, identity)
    if upsert(connection, table, [_columns(table, row) for row in identified]):
        raise RowsRefused(not_kept(table))


def of_stocks(connection: Connection, table_name: str, rows: Iterable[Row]) -> list[Row]:
    """The rows with the `stock_id` that their ticker has now. Raises RowsRefused where there is no such stock."""
    rows = list(rows)
    ids = _stock_ids(connection, {row["ticker"] for row in rows})
    unknown = next((row["ticker"] for row in rows if row["ticker"] not in ids), None)
    if unknown is not None:
        raise RowsRefused(f"{table_name}: there is no stock {unknown!r} any more")
    return [{**row, "stock_id": ids[row["ticker"]]} for row in rows]


def delete_moved_prices(connection: Connection, rows: Sequence[Row]) -> None:
    """Delete the prices that are about to come back on another day: made-up ones move on with the days.

    The rows have a `stock_id`.
    """
    named = [{**row, "id": row[name]} for row in rows for name in ("id", "former_id") if name in row]
    delete_moved(connection, stock_daily_prices, named, same=("id", "stock_id"), moved=("date",))


def known_tickers(connection: Connection, tickers: Collection[str]) -> set[str]:
    """Those of the tickers that belong to a stock."""
    return set(_stock_ids(connection, tickers))


def all_stock_ids(connection: Connection) -> set[UUID]:
    """The ids of all stocks."""
    return set(connection.execute(select(stocks.c.id)).scalars())


def _stock_ids(connection: Connection, tickers: Collection[str]) -> Mapping[str, UUID]:
    rows = [{"ticker": ticker} for ticker in sorted(tickers)]
    found = matching(connection, stocks, ("ticker",), rows, ("ticker", "id")) if rows else []
    ids = {row.ticker: row.id for row in found}
    if len(ids) < len(found):
        twice = next(ticker for ticker, times in Counter(row.ticker for row in found).items() if times > 1)
        raise RowsRefused(f"stocks: the ticker {twice!r} is there twice; one stock of it is needed")
    return ids


class _Found(NamedTuple):
    """A row that is there."""

    id: UUID
    owner: Any


def _identified(connection: Connection, table: Table, rows: Sequence[Row], identity: Sequence[str]) -> list[Row]:
    """The rows with the ids under which they are written: those of their own rows that are there, or free ones."""
    unique = _UNIQUE.get(table.name)
    if unique is None:
        return _told_by(connection, table, rows, identity) if identity else _with_free_ids(connection, table, rows)
    there = _found(connection, table, unique, rows)
    settled, new = [], []
    for row in rows:
        found = there.get(_values(row, unique))
        if found is None:
            new.append(row)
        elif found.owner == _owner(table, row):
            settled.append({**row, "id": found.id})
        else:
            place = " ".join(str(row[name]) for name in unique)
            raise RowsRefused(f"{table.name}: the row of {place} belongs to another stock; rename or remove it first")
    return [*settled, *_with_free_ids(connection, table, new)]


def _told_by(connection: Connection, table: Table, rows: Sequence[Row], identity: Sequence[str]) -> list[Row]:
    """The same by the stock and what tells its rows apart; of equal rows the n-th is the n-th that is there."""
    there = _there(connection, table, rows, identity)
    settled, new = [], []
    for row in rows:
        equal = there[_told(row, identity)]
        if row["occurrence"] < len(equal):
            settled.append({**row, "id": equal[row["occurrence"]]})
        else:
            new.append(row)
    taken = {row["id"] for row in settled}
    new = [{name: value for name, value in row.items() if name != "former_id" or value not in taken} for row in new]
    return [*settled, *_with_free_ids(connection, table, new, told_by_id=False)]


def _there(
    connection: Connection, table: Table, rows: Sequence[Row], identity: Sequence[str]
) -> Mapping[tuple[Any, ...], Sequence[UUID]]:
    """The ids of the rows that are there, in one order, by what tells them apart."""
    # A file may be sorted by ticker or by date: so few stocks, or few of these values, are in one piece of it.
    selective = table.c[next(name for name in _SELECTIVE if name in identity)]
    among = (
        table.c.stock_id.in_({row["stock_id"] for row in rows}),
        selective.in_({row[selective.name] for row in rows}),
    )
    chosen = select(table.c.id, table.c.stock_id, *(table.c[name] for name in identity)).where(*among)
    there: defaultdict[tuple[Any, ...], list[UUID]] = defaultdict(list)
    for found in sorted(connection.execute(chosen), key=lambda row: str(row.id)):
        there[_told(dict(found._mapping), identity)].append(found.id)
    return there


def _told(row: Mapping[str, Any], identity: Sequence[str]) -> tuple[Any, ...]:
    """What tells a row from others; a missing value counts as an empty text."""
    return tuple("" if row.get(name) is None else row[name] for name in ("stock_id", *identity))


def _with_free_ids(connection: Connection, table: Table, rows: Sequence[Row], *, told_by_id: bool = True) -> list[Row]:
    """The rows with ids that nobody else's row has, nor another of the stock's unless it is the id that tells them."""
    ids = [{"id": row[name]} for row in rows for name in ("id", "former_id") if name in row]
    there = _found(connection, table, ("id",), ids)
    settled: list[Row] = []
    new: list[Row] = []
    for row in rows:
        former = there.get((row.get("former_id"),))
        is_own = former is not None and former.owner == _owner(table, row)
        (settled if is_own else new).append({**row, "id": row["former_id"]} if is_own else row)
    while taken := [place for place, row in enumerate(new) if _is_taken(table, row, there, told_by_id)]:
        for place in taken:
            new[place] = _with_next_id(new[place])
        there = _found(connection, table, ("id",), [new[place] for place in taken])
    return [*settled, *new]


def _is_taken(table: Table, row: Row, there: Mapping[Any, _Found], told_by_id: bool) -> bool:
    found = there.get((row["id"],))
    return found is not None and not (told_by_id and found.owner == _owner(table, row))


def _with_next_id(row: Row) -> Row:
    return {**row, "id": uuid5(row["id"], str(row.get("stock_id", row["ticker"])))}


def _found(connection: Connection, table: Table, key: Sequence[str], rows: Sequence[Row]) -> Mapping[Any, _Found]:
    """The rows that are there, by their values of the key."""
    wanted = dict.fromkeys(("id", *key, *_owner_columns(table)))
    found = matching(connection, table, key, rows, list(wanted)) if rows else []
    return {_values(row._mapping, key): _Found(row.id, _owner(table, row._mapping)) for row in found}


def _owner(table: Table, row: Mapping[str, Any]) -> Any:
    return _values(row, _owner_columns(table))


def _owner_columns(table: Table) -> Sequence[str]:
    return _OWNER.get(table.name, ("stock_id",))


def _values(row: Mapping[str, Any], names: Sequence[str]) -> tuple[Any, ...]:
    return tuple(row[name] for name in names)


def _columns(table: Table, row: Row) -> Row:
    return {name: value for name, value in row.items() if name in table.c}
