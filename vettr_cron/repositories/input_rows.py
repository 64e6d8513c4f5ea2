"""Writes the input tables, one piece of rows per statement; rows name their stock by ticker.

A row is identified by its stock's id and by the columns that distinguish the stock's rows, never by a ticker that the
stock once had: companies give up tickers, and others take them. If no columns distinguish a stock's rows, as with
made-up ones, the row's id identifies it.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from sqlalchemy import Column, ColumnElement, Connection, DateTime, Table, select

from vettr_cron.domain.errors import RowsRefused
from vettr_cron.extensions import db
from vettr_cron.models.tables import stock_daily_prices, stocks
from vettr_cron.models.types import Row, in_utc
from vettr_cron.repositories.bulk import delete_rows, not_kept, rows_matching, upsert

_UNIQUE = {
    "stocks": ("ticker",),
    "financial_data": ("stock_id",),
    "financial_summary": ("stock_id",),
    "short_interest": ("stock_id",),
    "analyst_consensus": ("stock_id",),
    "stock_daily_prices": ("ticker", "date"),
}
"""The columns that are unique together; in the other tables only the id is."""
_OWNER = {"stocks": ("ticker",), "stock_daily_prices": ("stock_id", "date")}
"""The columns that say whose row it is: an existing row is written only for the same owner. Elsewhere, the stock."""

_SELECTIVE = ("date", "transaction_date", "name")
"""Among the columns that distinguish a stock's rows, one whose values few rows share; never NULL."""
_TWO_DAYS = timedelta(days=2)


def is_empty(connection: Connection, table_name: str) -> bool:
    """Whether a table has no rows at all."""
    return connection.execute(select(db.metadata.tables[table_name].c.id).limit(1)).first() is None


def write(
    connection: Connection,
    table_name: str,
    rows: Sequence[Row],
    identity: Sequence[str] = (),
    *,
    all_new: bool = False,
) -> None:
    """Insert rows of one table, or update those that exist. Raises RowsRefused.

    A row has an `id`, under which it is inserted if it is new. It may have a `former_id`: if that row exists and
    belongs to the same stock, it is the same row. `identity` are the columns that distinguish a stock's rows; a row's
    `occurrence` is then the number of equal rows before it. With `all_new`, none of the rows exists, and their ids are
    free: nothing has to be looked up.
    """
    if not rows:
        return
    table = db.metadata.tables[table_name]
    if table is not stocks and "stock_id" not in rows[0]:
        rows = of_stocks(connection, table_name, rows)
    if not all_new:
        rows = _identified(connection, table, rows, identity)
    if upsert(connection, table, rows, columns=[name for name in rows[0] if name in table.c]):
        raise RowsRefused(*not_kept(table))


def of_stocks(connection: Connection, table_name: str, rows: Iterable[Row]) -> list[Row]:
    """The rows with the `stock_id` that their ticker has now. Raises RowsRefused if there is no such stock."""
    rows = list(rows)
    ids = _stock_ids(connection, {row["ticker"] for row in rows})
    unknown = next((row["ticker"] for row in rows if row["ticker"] not in ids), None)
    if unknown is not None:
        raise RowsRefused(f"{table_name}: the stock {unknown!r} no longer exists")
    return [{**row, "stock_id": ids[row["ticker"]]} for row in rows]


def delete_moved_prices(connection: Connection, rows: Sequence[Row]) -> bool:
    """Delete the prices that are about to be written on another day: made-up prices move on with the days.

    The rows must have a `stock_id`. Returns whether there were any.
    """
    by_id = {row[name]: row for row in rows for name in ("id", "former_id") if name in row}
    wanted = ("id", "stock_id", "date")
    ids = [{"id": each} for each in by_id]
    found = rows_matching(connection, stock_daily_prices, ("id",), ids, wanted) if ids else []
    written = ((each, by_id[each["id"]]) for each in found)
    moved = [each["id"] for each, row in written if each["stock_id"] == row["stock_id"] and each["date"] != row["date"]]
    if moved:
        delete_rows(connection, stock_daily_prices, moved)
    return bool(moved)


def known_tickers(connection: Connection, tickers: Collection[str]) -> set[str]:
    """Those of the tickers that belong to a stock."""
    return set(_stock_ids(connection, tickers))


def all_stock_ids(connection: Connection) -> set[UUID]:
    """The ids of all stocks."""
    return set(connection.execute(select(stocks.c.id)).scalars())


def _stock_ids(connection: Connection, tickers: Collection[str]) -> Mapping[str, UUID]:
    rows = [{"ticker": ticker} for ticker in sorted(tickers)]
    found = rows_matching(connection, stocks, ("ticker",), rows, ("ticker", "id")) if rows else []
    ids = {row["ticker"]: row["id"] for row in found}
    if len(ids) < len(found):
        twice = next(ticker for ticker, times in Counter(row["ticker"] for row in found).items() if times > 1)
        raise RowsRefused(f"stocks: the ticker {twice!r} exists twice; keep only one stock with it")
    return ids


class _Found(NamedTuple):
    """An existing row."""

    id: UUID
    owner: Any


def _identified(connection: Connection, table: Table, rows: Sequence[Row], identity: Sequence[str]) -> list[Row]:
    """The rows with the ids under which they are written: the id of the existing row, or a free one."""
    unique = _UNIQUE.get(table.name)
    if unique is None:
        return _by_identity(connection, table, rows, identity) if identity else _with_free_ids(connection, table, rows)
    there = _found(connection, table, unique, rows)
    if table is stock_daily_prices:
        elsewhere = [row for row in rows if not _is_in_place(row, there.get(_values(row, unique)))]
        if delete_moved_prices(connection, elsewhere):
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


def _is_in_place(row: Row, found: _Found | None) -> bool:
    return found is not None and found.id in (row["id"], row.get("former_id"))


def _by_identity(connection: Connection, table: Table, rows: Sequence[Row], identity: Sequence[str]) -> list[Row]:
    """The same by the stock and `identity`; of equal rows, the n-th is the n-th existing one."""
    there = _existing_ids(connection, table, rows, identity)
    settled, new = [], []
    for row in rows:
        equal = there[_identity_of(row, identity)]
        if row["occurrence"] < len(equal):
            settled.append({**row, "id": equal[row["occurrence"]]})
        else:
            new.append(row)
    taken = {row["id"] for row in settled}
    new = [{name: value for name, value in row.items() if name != "former_id" or value not in taken} for row in new]
    return [*settled, *_with_free_ids(connection, table, new, id_is_identity=False)]


def _existing_ids(
    connection: Connection, table: Table, rows: Sequence[Row], identity: Sequence[str]
) -> Mapping[tuple[Any, ...], Sequence[UUID]]:
    """The ids of the existing rows, in a fixed order, by what identifies the rows."""
    # A file may be sorted by ticker or by date, so that one piece of it has few stocks, or few of these values.
    selective = table.c[next(name for name in _SELECTIVE if name in identity)]
    values = {row[selective.name] for row in rows}
    is_one = in_utc(selective).in_(values) if isinstance(selective.type, DateTime) else selective.in_(values)
    among = (table.c.stock_id.in_({row["stock_id"] for row in rows}), is_one, *_near(connection, selective, values))
    chosen = select(table.c.id, table.c.stock_id, *(table.c[name] for name in identity)).where(*among)
    there: defaultdict[tuple[Any, ...], list[UUID]] = defaultdict(list)
    for found in sorted(connection.execute(chosen), key=lambda row: str(row.id)):
        there[_identity_of(dict(found._mapping), identity)].append(found.id)
    return there


def _near(connection: Connection, column: Column[Any], values: Collection[Any]) -> list[ColumnElement[bool]]:
    """On SQLite, conditions for times that an index can check: offsets are less than a day, and texts sort by day."""
    if connection.dialect.name != "sqlite" or not isinstance(column.type, DateTime):
        return []
    try:
        return [column.between(min(values) - _TWO_DAYS, max(values) + _TWO_DAYS)]
    except OverflowError:  # at the ends of the calendar
        return []


def _identity_of(row: Mapping[str, Any], identity: Sequence[str]) -> tuple[Any, ...]:
    """The values that identify a row; a missing value counts as an empty text."""
    return tuple("" if row.get(name) is None else row[name] for name in ("stock_id", *identity))


def _with_free_ids(
    connection: Connection, table: Table, rows: Sequence[Row], *, id_is_identity: bool = True
) -> list[Row]:
    """The rows with ids that no other owner's row has, nor, unless the id identifies rows, another of the stock's."""
    ids = [{"id": row[name]} for row in rows for name in ("id", "former_id") if name in row]
    there = _found(connection, table, ("id",), ids)
    settled: list[Row] = []
    new: list[Row] = []
    for row in rows:
        former = there.get((row.get("former_id"),))
        is_own = former is not None and former.owner == _owner(table, row)
        (settled if is_own else new).append({**row, "id": row["former_id"]} if is_own else row)
    while taken := [place for place, row in enumerate(new) if _is_taken(table, row, there, id_is_identity)]:
        for place in taken:
            new[place] = _with_next_id(new[place])
        there = _found(connection, table, ("id",), [new[place] for place in taken])
    return [*settled, *new]


def _is_taken(table: Table, row: Row, there: Mapping[Any, _Found], id_is_identity: bool) -> bool:
    found = there.get((row["id"],))
    return found is not None and not (id_is_identity and found.owner == _owner(table, row))


def _with_next_id(row: Row) -> Row:
    return {**row, "id": uuid5(row["id"], str(row.get("stock_id", row["ticker"])))}


def _found(connection: Connection, table: Table, key: Sequence[str], rows: Sequence[Row]) -> Mapping[Any, _Found]:
    """The existing rows, by their key values."""
    wanted = dict.fromkeys(("id", *key, *_owner_columns(table)))
    found = rows_matching(connection, table, key, rows, list(wanted)) if rows else []
    return {_values(row, key): _Found(row["id"], _owner(table, row)) for row in found}


def _owner(table: Table, row: Mapping[str, Any]) -> Any:
    return _values(row, _owner_columns(table))


def _owner_columns(table: Table) -> Sequence[str]:
    return _OWNER.get(table.name, ("stock_id",))


def _values(row: Mapping[str, Any], names: Sequence[str]) -> tuple[Any, ...]:
    return tuple(row[name] for name in names)
