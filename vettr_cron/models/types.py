"""Column types that mean the same on PostgreSQL and on SQLite."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import JSON, DateTime, Dialect
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import JSONB


class _LenientDateTime(sqlite.DATETIME):
    """SQLite stores any text: what is no timestamp comes back as it is, so that it fails its own stock alone."""

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

Json = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
