"""Column types that mean the same on PostgreSQL and on SQLite."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from sqlalchemy import CHAR, JSON, DateTime, Dialect, TypeDecorator, Uuid
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import JSONB


class _LenientDateTime(sqlite.DATETIME):
    """SQLite stores any text: if it is not a timestamp, it comes back as it is, so that only its own stock fails."""

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:
        parse = super().result_processor(dialect, coltype)

        def process(value: Any) -> Any:
            try:
                return parse(value) if parse is not None else value
            except (TypeError, ValueError):
                return value

        return process


Timestamp = DateTime().with_variant(_LenientDateTime(), "sqlite")  # type: ignore[no-untyped-call]  # SQLAlchemy has no hints here
"""Without time zone, always UTC."""


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
