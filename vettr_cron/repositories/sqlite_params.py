"""Many rows as the parameters of one SQLite statement, which the driver runs once per row: tuples of stored values.

SQLAlchemy's own executemany describes each row anew and converts each value separately, which takes longer than SQLite
takes to write the row; its lists of keys, longer than SQLite takes to find them.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Date, DateTime, Table, Uuid
from sqlalchemy.dialects import sqlite
from sqlalchemy.types import TypeEngine

from vettr_cron.models.types import Row

_DIALECT = sqlite.dialect(paramstyle="qmark")


def execute(
    connection: Connection,
    statement: Any,
    kinds: Mapping[str, TypeEngine[Any]],
    rows: Sequence[Row],
    shared: Row | None = None,
) -> int:
    """Run a statement for each row; `kinds` gives the types of the parameters that it takes.

    `shared` are parameters with the same value for all rows. Returns how many rows were written in all.
    """
    text, parameters = _compiled(statement, tuple(kinds))
    shared, times = shared or {}, len(rows)

    def series(name: str, constant: Any) -> list[Any]:
        if name not in kinds:
            return [constant] * times
        if name in shared:
            return _stored(kinds[name], [shared[name]]) * times
        return _stored(kinds[name], [row[name] for row in rows])

    values = list(zip(*(series(*each) for each in parameters), strict=True))
    return connection.exec_driver_sql(text, values, execution_options={"preserve_rowcount": True}).rowcount


def matching(
    connection: Connection, table: Table, names: Sequence[str], rows: Sequence[Row], wanted: Sequence[str]
) -> list[Row]:
    """The columns `wanted` of the existing rows that agree with one of these in the columns `names`."""
    values = (_stored(table.c[name].type, [row[name] for row in rows]) for name in names)
    keys = dict.fromkeys(zip(*values, strict=True))
    statement = _matching(table, tuple(names), tuple(wanted), len(keys))
    found = connection.exec_driver_sql(statement, tuple(chain.from_iterable(keys))).fetchall()
    if not found:
        return []
    columns = [_read(table.c[name].type, column) for name, column in zip(wanted, zip(*found, strict=True), strict=True)]
    return [dict(zip(wanted, row, strict=True)) for row in zip(*columns, strict=True)]


@lru_cache(maxsize=64)
def _matching(table: Table, names: tuple[str, ...], wanted: tuple[str, ...], times: int) -> str:
    quoted = _DIALECT.identifier_preparer.quote
    columns = ", ".join(f"stored.{quoted(name)}" for name in wanted)
    agree = " AND ".join(f"stored.{quoted(name)} = given.c{place}" for place, name in enumerate(names))
    given = ", ".join(f"c{place}" for place in range(len(names)))
    keys = ", ".join([f"({', '.join('?' * len(names))})"] * times)
    # A cross join keeps the order: each key is looked up in the index. With (a, b) IN (VALUES ...) SQLite reads the
    # whole table.
    source = f"FROM given CROSS JOIN {quoted(table.name)} AS stored ON {agree}"
    return f"WITH given ({given}) AS (VALUES {keys}) SELECT {columns} {source}"  # our own names


def _read(kind: TypeEngine[Any], values: Sequence[Any]) -> Sequence[Any]:
    convert = kind.dialect_impl(_DIALECT).result_processor(_DIALECT, None)
    return values if convert is None else [convert(value) for value in values]


@lru_cache(maxsize=64)
def _compiled(statement: Any, names: tuple[str, ...]) -> tuple[str, list[tuple[str, Any]]]:
    """The statement's text and its parameters in order.

    They include parameters with a value of the statement's own, which SQLite must accept as it is.
    """
    compiled = statement.compile(dialect=_DIALECT, column_keys=names)
    return str(compiled), [(name, compiled.params[name]) for name in compiled.positiontup]


def _stored(kind: TypeEngine[Any], values: list[Any]) -> list[Any]:
    if isinstance(kind, Uuid):  # may be given as its digits already
        return [value.hex if isinstance(value, UUID) else value for value in values]
    convert = kind.dialect_impl(_DIALECT).bind_processor(_DIALECT)
    if convert is None:
        return values
    if isinstance(kind, DateTime | Date):  # many rows have the same value
        converted = {value: convert(value) for value in set(values)}
        return [converted[value] for value in values]
    return [convert(value) for value in values]
