"""Many rows as the parameters of one SQLite statement, which the driver runs once a row: tuples of what it stores.

SQLAlchemy's own executemany describes each row anew, and converts each value for itself: that takes longer than
SQLite takes to write the row.
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
    """Run a statement for each row; `kinds` says which parameters it takes, and of which types.

    `shared` are parameters that have the same value for all rows. Gives how many rows were written in all.
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

    Those with a value of the statement's own, which must be one that SQLite takes as it is, are among them.
    """
    compiled = statement.compile(dialect=_DIALECT, column_keys=names)
    return str(compiled), [(name, compiled.params[name]) for name in compiled.positiontup]


def _stored(kind: TypeEngine[Any], values: list[Any]) -> list[Any]:
    if isinstance(kind, Uuid):  # which may come as its digits already
        return [value.hex if isinstance(value, UUID) else value for value in values]
    convert = kind.dialect_impl(_DIALECT).bind_processor(_DIALECT)
    if convert is None:
        return values
    if isinstance(kind, DateTime | Date):  # of which many rows have the same
        converted = {value: convert(value) for value in set(values)}
        return [converted[value] for value in values]
    return [convert(value) for value in values]
