"""Many rows as the parameters of one PostgreSQL statement: one array per column, each array a single text."""

import json
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import orjson
from sqlalchemy import JSON, ColumnElement, String, Table, Text, bindparam, cast, column, func
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import NullType, TypeEngine

from vettr_cron.models.types import Row


class _Given(NamedTuple):
    """A column of the rows: the parameter that holds its values, and how they are sent."""

    name: str
    parameter: str
    kind: TypeEngine[Any]
    is_json: bool
    element: TypeEngine[Any]  # of the array


def values_from_rows(table: Table, names: Sequence[str]) -> dict[str, ColumnElement[Any]]:
    """For each column, the expression by which a statement reads it from the rows that `parameters` passes.

    A name that is not a column of the table stands for a text that comes with the rows.
    """
    given = _given(table, tuple(names))
    listed = [column(each.parameter, each.element) for each in given]
    source = func.unnest(*map(_array, given)).table_valued(*listed).render_derived(name="source")
    values = {each: source.c[each.parameter] for each in given}
    return {each.name: cast(value, each.kind) if each.is_json else value for each, value in values.items()}


def parameters(table: Table, names: Sequence[str], rows: Sequence[Row]) -> dict[str, str]:
    """The parameters for a statement that reads these columns from rows."""
    return {each.parameter: _text(each, [row[each.name] for row in rows]) for each in _given(table, tuple(names))}


@cache
def _given(table: Table, names: tuple[str, ...]) -> tuple[_Given, ...]:
    # Short names: the driver caches parsed statements only below 4 096 characters.
    kinds = [table.c[name].type if name in table.c else Text() for name in names]
    return tuple(
        # With a length, it would be checked while the array is parsed; for text, the column itself checks it.
        _Given(name, f"a{number}", kind, isinstance(kind, JSON), Text() if isinstance(kind, String | JSON) else kind)
        for number, (name, kind) in enumerate(zip(names, kinds, strict=True))
    )


def _array(given: _Given) -> ColumnElement[Any]:
    # A parameter without a type of its own is parsed once, as the array. One of type text would be parsed a second time
    # by the planner, to see how long the array is.
    values = bindparam(given.parameter, type_=NullType())
    return cast(values, ARRAY(given.element))


def _text(given: _Given, values: list[Any]) -> str:
    if given.is_json:
        values = [None if value is None else _json(value) for value in values]
    listed = orjson.dumps(values).decode()
    if "\\" in listed:
        listed = f"[{','.join(map(_quoted, values))}]"
    # Except for the brackets and the escapes, PostgreSQL writes an array as JSON does.
    return f"{{{listed[1:-1]}}}"


def _json(value: object) -> str:
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:  # a whole number beyond 64 bits, which the database stores
        return json.dumps(value, ensure_ascii=False)


def _quoted(value: object) -> str:
    if not isinstance(value, str):
        return orjson.dumps(value).decode()
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
