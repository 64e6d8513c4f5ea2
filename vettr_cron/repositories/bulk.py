"""Many rows in one statement: on PostgreSQL from one JSON parameter, on SQLite through the driver's executemany."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Column, Connection, String, Table, Text, bindparam, column, func, select, update
from sqlalchemy import cast as sql_cast
from sqlalchemy import delete as sql_delete
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, IntegrityError

from vettr_cron.domain.errors import RowsRefused
from vettr_cron.models.tables import stocks

Row = Mapping[str, Any]


def upsert(connection: Connection, table: Table, rows: Sequence[Row], key: Sequence[str] = ("id",)) -> None:
    """Insert rows that all have the same columns; a row whose key is there already gets every other column replaced.

    Raises RowsRefused, in words for a person, when the database refuses the rows for what is in them.
    """
    if not rows:
        return
    names = list(rows[0])
    # A row that is there keeps its id: other tables may hang on it.
    kept = {*key, "id"}
    if connection.dialect.name == "postgresql":
        source = _recordset(table, names)
        insert = postgresql.insert(table).from_select(names, select(*(source.c[name] for name in names)))
        replaced = {name: insert.excluded[name] for name in names if name not in kept}
        _execute(connection, table, rows, insert.on_conflict_do_update(index_elements=list(key), set_=replaced))
    else:
        plain = sqlite.insert(table)
        replaced = {name: plain.excluded[name] for name in names if name not in kept}
        _execute(connection, table, rows, plain.on_conflict_do_update(index_elements=list(key), set_=replaced))


def upsert_of_stocks(connection: Connection, table: Table, rows: Sequence[Row], key: Sequence[str]) -> None:
    """Like upsert, for rows that name their stock by `ticker` where the table has stock_id. Raises RowsRefused."""
    if not rows:
        return
    # stock_daily_prices has a column ticker of its own besides.
    names = [name for name in rows[0] if name in table.c]
    kept = {*key, "id", "stock_id"}
    if connection.dialect.name == "postgresql":
        source = _recordset(table, names, ticker=True)
        chosen = select(*(source.c[name] for name in names), stocks.c.id)
        chosen = chosen.join_from(source, stocks, stocks.c.ticker == source.c.ticker)
        insert = postgresql.insert(table).from_select([*names, "stock_id"], chosen)
        replaced = {name: insert.excluded[name] for name in names if name not in kept}
        _execute(connection, table, rows, insert.on_conflict_do_update(index_elements=list(key), set_=replaced))
    else:
        renamed = [{**{name: row[name] for name in names}, "ticker_of_stock": row["ticker"]} for row in rows]
        stock_id = select(stocks.c.id).where(stocks.c.ticker == bindparam("ticker_of_stock")).scalar_subquery()
        plain = sqlite.insert(table).values(stock_id=stock_id)
        replaced = {name: plain.excluded[name] for name in names if name not in kept}
        _execute(connection, table, renamed, plain.on_conflict_do_update(index_elements=list(key), set_=replaced))


def delete(connection: Connection, table: Table, ids: Sequence[UUID]) -> None:
    """Delete the rows with these ids."""
    if connection.dialect.name == "postgresql":
        source = _recordset(table, ["id"])
        statement = sql_delete(table).where(table.c.id.in_(select(source.c.id)))
        _execute(connection, table, [{"id": row_id} for row_id in ids], statement)
    elif ids:
        statement = sql_delete(table).where(table.c.id == bindparam("row_id"))
        _execute(connection, table, [{"row_id": row_id} for row_id in ids], statement)


def set_column(connection: Connection, table: Table, name: str, rows: Sequence[Row]) -> None:
    """Write one column of the rows with these ids, where it differs. Rows: {"id", name}. Raises RowsRefused."""
    if not rows:
        return
    target = table.c[name]
    if connection.dialect.name == "postgresql":
        source = _recordset(table, ["id", name])
        value = source.c[name]
        statement = update(table).where(table.c.id == source.c.id, target.is_distinct_from(value)).values({name: value})
        _execute(connection, table, rows, statement)
    else:
        renamed = [{"row_id": row["id"], "value": row[name]} for row in rows]
        value = bindparam("value", type_=target.type)
        statement = update(table).where(table.c.id == bindparam("row_id"), target.is_distinct_from(value))
        _execute(connection, table, renamed, statement.values({name: value}))


def _recordset(table: Table, names: Sequence[str], *, ticker: bool = False) -> Any:
    columns: list[Any] = [column(name, _json_type(table.c[name])) for name in names]
    if ticker and "ticker" not in names:
        columns.append(column("ticker", Text()))
    rows = sql_cast(bindparam("rows", type_=Text), JSON)
    return func.json_to_recordset(rows).table_valued(*columns).render_derived(name="source", with_types=True)


def _json_type(target: Column[Any]) -> Any:
    # A length would be judged while the JSON is read; as text it is judged by the column itself.
    return Text() if isinstance(target.type, String) else target.type


def _execute(connection: Connection, table: Table, rows: Sequence[Row], statement: Any) -> None:
    try:
        if connection.dialect.name == "postgresql":
            connection.execute(statement, {"rows": json.dumps([dict(row) for row in rows], default=str)})
        else:
            connection.execute(statement, [dict(row) for row in rows])
    except DBAPIError as error:
        if not _is_refusal(error):
            raise
        raise RowsRefused(_explain(table, rows, error)) from error


def _is_refusal(error: DBAPIError) -> bool:
    sqlstate = getattr(error.orig, "sqlstate", None)
    if sqlstate is not None:
        return str(sqlstate).startswith(("22", "23"))
    return isinstance(error, IntegrityError)


def _explain(table: Table, rows: Sequence[Row], error: DBAPIError) -> str:
    diagnosis = getattr(error.orig, "diag", None)
    message = str(getattr(diagnosis, "message_primary", None) or error.orig)
    too_long = re.search(r"too long for type character varying\((\d+)\)", message)
    if too_long and len(rows) == 1:
        limit = int(too_long[1])
        for name, value in rows[0].items():
            if isinstance(value, str) and len(value) > limit and isinstance(table.c[name].type, String):
                return f"{table.name}.{name} takes at most {limit} characters; {value!r} has {len(value)}"
    return f"{table.name}: the database refuses the row: {message}"
