"""Whether a row fits its table's columns, judged before it is written and so the same on every database."""

from collections.abc import Callable
from functools import cache
from math import isfinite
from typing import Any

from sqlalchemy import BigInteger, Column, Float, Integer, String, Table, Text

from vettr_cron.domain.errors import StockDataError
from vettr_cron.repositories.bulk import Row, length_problem

_INTEGER_LIMIT = 2**31
_BIGINT_LIMIT = 2**63


def check_fits(table: Table, row: Row) -> None:
    """Raise StockDataError, which names the column and the value, for the first value that its column cannot hold."""
    for name, problem_of in _judges(table):
        value = row.get(name)
        if value is not None:
            problem = problem_of(value)
            if problem:
                raise StockDataError(f"{table.name}.{name}", problem)


@cache
def _judges(table: Table) -> tuple[tuple[str, Callable[[Any], str | None]], ...]:
    judged = ((column.name, _judge(column)) for column in table.columns)
    return tuple((name, judge) for name, judge in judged if judge is not None)


def _judge(column: Column[Any]) -> Callable[[Any], str | None] | None:
    if isinstance(column.type, Integer):
        return _bigint_problem if isinstance(column.type, BigInteger) else _integer_problem
    if isinstance(column.type, Float):
        return _number_problem
    if isinstance(column.type, String) and not isinstance(column.type, Text) and column.type.length:
        return _length_judge(column.type.length)
    return None


def _integer_problem(value: Any) -> str | None:
    if isinstance(value, int) and -_INTEGER_LIMIT <= value < _INTEGER_LIMIT:
        return None
    return f"would be {_short(value)}, which does not fit an integer column"


def _bigint_problem(value: Any) -> str | None:
    if isinstance(value, int) and -_BIGINT_LIMIT <= value < _BIGINT_LIMIT:
        return None
    return f"would be {_short(value)}, which does not fit a bigint column"


def _number_problem(value: Any) -> str | None:
    return None if isinstance(value, int | float) and isfinite(value) else f"would be {value!r}, which is no number"


def _length_judge(limit: int) -> Callable[[Any], str | None]:
    return lambda value: None if len(value) <= limit else length_problem(value, limit)


def _short(value: Any) -> str:
    digits = str(value)
    return digits if len(digits) <= 40 else f"{float(value):.6g}"
