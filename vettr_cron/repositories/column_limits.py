"""Whether a row fits its table's columns, checked before it is written and so the same on every database."""

from functools import cache
from math import isfinite
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Float, Integer, String, Table, Text

from vettr_cron.domain.errors import StockDataError
from vettr_cron.models.types import Row
from vettr_cron.repositories.bulk import TOO_LONG, length_problem

_INTEGER_LIMIT = 2**31
_BIGINT_LIMIT = 2**63
_NUMBERS = (int, float)


def check_column_limits(table: Table, row: Row) -> None:
    """Raise StockDataError, which names the column and the value, for a value that its column cannot hold."""
    columns = _limited(table)
    # One loop per kind, and no calls in it: this runs for every value of every row.
    for name, limit in columns.integers:
        value = row.get(name)
        if value is not None and not (isinstance(value, int) and -limit <= value < limit):
            size = "an integer" if limit == _INTEGER_LIMIT else "a bigint"
            would_be = f"would be {_short(value)}, which does not fit {size} column"
            raise StockDataError(f"{table.name}.{name}", would_be, "out of range")
    for name in columns.numbers:
        value = row.get(name)
        if value is not None and not (isinstance(value, _NUMBERS) and isfinite(value)):
            raise StockDataError(
                f"{table.name}.{name}", f"would be {value!r}, which is not a finite number", "not finite"
            )
    for name, limit in columns.texts:
        value = row.get(name)
        if value is not None and len(value) > limit:
            raise StockDataError(f"{table.name}.{name}", length_problem(value, limit), TOO_LONG)


class _Limited(NamedTuple):
    """The columns of a table that cannot hold every value of their kind, with their limits."""

    integers: list[tuple[str, int]]
    numbers: list[str]
    texts: list[tuple[str, int]]


@cache
def _limited(table: Table) -> _Limited:
    limited = _Limited([], [], [])
    for column in table.columns:
        kind = column.type
        if isinstance(kind, Integer):
            limited.integers.append((column.name, _BIGINT_LIMIT if isinstance(kind, BigInteger) else _INTEGER_LIMIT))
        elif isinstance(kind, Float):
            limited.numbers.append(column.name)
        elif isinstance(kind, String) and not isinstance(kind, Text) and kind.length:
            limited.texts.append((column.name, kind.length))
    return limited


def _short(value: Any) -> str:
    digits = str(value)
    return digits if len(digits) <= 40 else f"{float(value):.6g}"
