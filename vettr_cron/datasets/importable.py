"""The tables that a dataset can fill: their columns, what each may hold, and what distinguishes two rows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Date, DateTime, Double, Integer, String, Table

from vettr_cron.datasets import values
from vettr_cron.datasets.values import NotAllowed
from vettr_cron.models import tables


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportableColumn:
    """One importable column. An empty field is NULL, or stands for `when_empty`."""

    name: str
    parse: Callable[[str], object]
    nullable: bool
    required: bool  # the header must name it
    when_empty: str | None
    parse_all: Callable[[Sequence[str]], Sequence[object] | None] | None = None  # None for empty fields
    repeats: bool = False  # whether many fields are the same

    def values(self, fields: Sequence[str]) -> Sequence[object]:
        """What `value` makes of each field, in a fraction of the time. Raises NotAllowed."""
        if self.repeats:
            values = {field: self.value(field) for field in set(fields)}
            return [values[field] for field in fields]
        may_be_empty = self.nullable and self.when_empty is None
        found = self.parse_all(fields) if self.parse_all and (may_be_empty or "" not in fields) else None
        return [self.value(field) for field in fields] if found is None else found

    def value(self, field: str) -> object:
        """The field's Python value. Leading and trailing blanks are ignored. Raises NotAllowed."""
        field = field.strip()
        if field:
            return self.parse(field)
        if self.when_empty is not None:
            return self.parse(self.when_empty)
        if self.nullable:
            return None
        advice = "" if self.required else ", or leave the column out"
        raise NotAllowed(f"empty (a value is needed{advice})")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportableTable:
    """One table. Rows with an equal `key` are the same row, unless the table is `repeatable`: then they are counted."""

    name: str
    columns: tuple[ImportableColumn, ...]
    key: tuple[str, ...]
    repeatable: bool

    @property
    def file_name(self) -> str:
        """The name of its file in a folder."""
        return f"{self.name}.csv"


NOT_IMPORTABLE: Mapping[str, str] = {
    "id": "rows are identified by ticker and content, and ids derive from these",
    "stock_id": "name the stock in a column ticker",
    # A score without its history row, snapshot and cached answer would contradict all three.
    "vetr_score": "only the scores job writes it",
}
"""Columns of the tables that no file may contain, and why."""

_TICKER = ImportableColumn(
    name="ticker", parse=values.printable(20), nullable=False, required=True, when_empty=None, repeats=True
)
_PARSERS: Mapping[type, Callable[[str], object]] = {
    Boolean: values.boolean,
    Double: values.number,
    BigInteger: values.whole(values.INT64),
    Integer: values.whole(values.INT32),
    DateTime: values.moment,
    Date: values.day,
}
_PARSERS_OF_ALL: Mapping[type, Callable[[Sequence[str]], Sequence[object] | None]] = {
    Double: values.all_numbers,
    BigInteger: values.all_whole(values.INT64),
    Integer: values.all_whole(values.INT32),
}
_JSON_PARSERS = {"previous_companies": values.json_texts, "recommendation_trend": values.json_value}
# Not every source knows them, and NULL is not allowed: an empty text means "not known".
_MAY_BE_UNKNOWN = (tables.stocks.c.exchange, tables.stocks.c.sector)
_TRADES = ("filer_name", "filer_relation", "transaction_date", "transaction_text", "ownership", "shares", "value")


def _parser(column: Column[Any]) -> Callable[[str], object]:
    if column.name in _JSON_PARSERS:
        return _JSON_PARSERS[column.name]
    if isinstance(column.type, String):
        return values.text(column.type.length)
    return next(parser for kind, parser in _PARSERS.items() if isinstance(column.type, kind))


def _column(column: Column[Any]) -> ImportableColumn:
    default = getattr(column.server_default, "arg", None)  # a text, or a function as now()
    when_empty = "" if column in _MAY_BE_UNKNOWN else default if isinstance(default, str) else None
    return ImportableColumn(
        name=column.name,
        parse=_parser(column),
        nullable=bool(column.nullable),
        required=not column.nullable and default is None,
        when_empty=when_empty,
        parse_all=next((parse for kind, parse in _PARSERS_OF_ALL.items() if isinstance(column.type, kind)), None),
        repeats=isinstance(column.type, Boolean | DateTime),
    )


def _importable(table: Table, *key: str, repeatable: bool = False) -> ImportableTable:
    own = [column for column in table.columns if column.name not in (*NOT_IMPORTABLE, "ticker")]
    columns = (_TICKER, *map(_column, own))
    return ImportableTable(name=table.name, columns=columns, key=("ticker", *key), repeatable=repeatable)


TABLES: Mapping[str, ImportableTable] = {
    table.name: table
    for table in (
        _importable(tables.stocks),
        _importable(tables.executives, "name", "title", repeatable=True),
        _importable(tables.filings, "type", "title", "date", repeatable=True),
        _importable(tables.financial_data),
        _importable(tables.financial_summary),
        _importable(tables.short_interest),
        _importable(tables.analyst_consensus),
        _importable(tables.insider_transactions, *_TRADES, repeatable=True),
        _importable(tables.stock_daily_prices, "date"),
    )
}
"""By name, in the order in which they can be written: stocks first."""
