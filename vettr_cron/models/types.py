"""Column types, and a comparison of times, that mean the same on PostgreSQL and on SQLite."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from sqlalchemy import CHAR, JSON, ColumnElement, DateTime, Dialect, TypeDecorator, Uuid
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from vettr_cron.database.sqlite import UTC_FUNCTION
from vettr_cron.domain.timestamps import naive_utc


class _LenientDateTime(sqlite.DATETIME):
    """SQLite stores any text: one with Z or an offset is the time that it says, in UTC like all others.

    What is not a timestamp comes back as it is, so that only its own stock fails.
    """

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:
        parse = super().result_processor(dialect, coltype)

        def process(value: Any) -> Any:
            try:
                time = parse(value) if parse is not None else value
                return None if time is None else naive_utc(time)
            except (OverflowError, TypeError, ValueError):
                return value

        return process


Timestamp = DateTime().with_variant(_LenientDateTime(), "sqlite")  # type: ignore[no-untyped-call]  # SQLAlchemy has no hints here
"""Without time zone, always UTC."""


class _InUtc(FunctionElement[Any]):
    inherit_cache = True
    type = Timestamp


def in_utc(time: ColumnElement[Any]) -> ColumnElement[Any]:
    """A Timestamp column as SQL may compare it: what another program wrote into SQLite with Z or an offset, in UTC."""
    return _InUtc(time)


@compiles(_InUtc)
def _as_it_is(element: _InUtc, compiler: Any, **options: Any) -> str:
    return str(compiler.process(element.clauses, **options))


@compiles(_InUtc, "sqlite")
def _as_stored(element: _InUtc, compiler: Any, **options: Any) -> str:
    time = _as_it_is(element, compiler, **options)
    # Calling a function of ours takes longer than recognizing a time that is written as ours are.
    return f"CASE WHEN {time} GLOB '{_OURS}' THEN {time} ELSE {UTC_FUNCTION}({time}) END"


_OURS = "????-??-?? ??:??:??.[0-9][0-9][0-9][0-9][0-9][0-9]"


class _LenientUuid(TypeDecorator[Any]):
    """SQLite stores any text: an id that another program wrote in its own form is read and written unchanged."""

    impl = CHAR(32)
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return value.hex if isinstance(value, UUID) else value

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        try:
            found = UUID(value)
        except (AttributeError, TypeError, ValueError):
            return value
        return found if found.hex == value else value


Id = Uuid().with_variant(_LenientUuid(), "sqlite")
"""A UUID; on SQLite, anything but 32 lower-case hexadecimal digits stays the text, or whatever else, that it is."""

Json = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")

Row = dict[str, Any]
"""The values of a row, or some of them, by column name."""
