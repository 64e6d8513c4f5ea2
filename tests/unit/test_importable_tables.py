"""The importable tables are the platform's, column by column."""

import pytest
from sqlalchemy import BigInteger, Boolean, Column, Date, DateTime, Double, Integer, String, Text

from vettr_cron.datasets.importable import NOT_IMPORTABLE, TABLES, ImportableColumn
from vettr_cron.datasets.values import NotAllowed
from vettr_cron.extensions import db
from vettr_cron.models import platform

_MODELS = (
    *(platform.Stock, platform.Executive, platform.Filing, platform.FinancialData, platform.FinancialSummary),
    *(platform.ShortInterest, platform.AnalystConsensus, platform.InsiderTransaction, platform.StockDailyPrice),
)
_COLUMNS = [
    pytest.param(column, next(known for known in table.columns if known.name == column.name), id=str(column))
    for table in TABLES.values()
    for column in db.metadata.tables[table.name].columns
    if column.name not in NOT_IMPORTABLE
]


def _accepts(column: ImportableColumn, field: str) -> bool:
    try:
        column.value(field)
    except NotAllowed:
        return False
    return True


def test_every_table_that_the_jobs_read_can_be_imported_stocks_first() -> None:
    assert list(TABLES) == [model.__tablename__ for model in _MODELS]


@pytest.mark.parametrize("name", TABLES)
def test_the_columns_are_those_of_the_table_with_the_ticker_for_the_stock(name: str) -> None:
    importable = [column.name for column in TABLES[name].columns]
    own = {column.name for column in db.metadata.tables[name].columns} - NOT_IMPORTABLE.keys()
    assert len(importable) == len(set(importable))
    assert set(importable) == own | {"ticker"}
    assert set(TABLES[name].key) <= set(importable)


@pytest.mark.parametrize(("column", "importable"), _COLUMNS)
def test_a_column_takes_what_its_type_holds_and_nothing_longer_or_larger(
    column: Column[object], importable: ImportableColumn
) -> None:
    kind = column.type
    if isinstance(kind, String) and not isinstance(kind, Text):
        assert kind.length is not None
        assert _accepts(importable, "x" * kind.length)
        assert not _accepts(importable, "x" * (kind.length + 1))
    elif isinstance(kind, Text):
        assert _accepts(importable, "x" * 100_000)
    elif isinstance(kind, Integer):
        limit = 2**63 if isinstance(kind, BigInteger) else 2**31
        assert _accepts(importable, str(limit - 1))
        assert not _accepts(importable, str(limit))
    else:
        field = {Double: "-1e300", Boolean: "true", Date: "2017-03-31", DateTime: "2017-03-31T12:00"}.get(
            type(kind), '["a"]'
        )
        assert _accepts(importable, field)
        assert not _accepts(importable, "something else")


@pytest.mark.parametrize(("column", "importable"), _COLUMNS)
def test_a_column_is_never_given_a_null_that_it_cannot_hold(
    column: Column[object], importable: ImportableColumn
) -> None:
    if column.nullable:
        assert _accepts(importable, "")
    else:
        assert not _accepts(importable, "") or importable.value("") is not None
        assert importable.required == (column.server_default is None)
