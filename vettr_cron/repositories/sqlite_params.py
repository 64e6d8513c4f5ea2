"""Many rows as the parameters of one SQLite statement, which the driver runs once per row: tuples of stored values.

SQLAlchemy's own executemany describes each row anew and converts each value separately, which takes longer than SQLite
takes to write the row.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Date, DateTime, Uuid
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
