"""A whole column of a CSV file is parsed at once, to the same values as field by field."""

from collections.abc import Callable, Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vettr_cron.datasets.importable import TABLES, ImportableColumn
from vettr_cron.datasets.values import NotAllowed

COLUMNS = {
    column.name: column
    for table in ("stocks", "filings", "financial_data", "analyst_consensus", "stock_daily_prices")
    for column in TABLES[table].columns
}
FIELDS = st.lists(
    st.floats().map(repr)
    | st.integers(-(2**65), 2**65).map(str)
    | st.dates().map(str)
    | st.text("0123456789.+-eE_ ", max_size=6)
    | st.sampled_from(
        [
            "",
            " ",
            " 1.5 ",
            "-0",
            "1_0",
            "nan",
            "1e999",
            "\N{ARABIC-INDIC DIGIT ONE}",
            "true",
            "2017-03-31T12:00:00Z",
            "12.0",
        ]
    ),
    max_size=5,
)


@pytest.mark.parametrize(
    "name", ["ticker", "market_cap", "date", "total_shares", "total_analysts", "is_material", "close"]
)
@given(fields=FIELDS)
@example(fields=["1", "", "2"])
@example(fields=["-0", "1.7e308", "1.7e308"])
@example(fields=["9223372036854775807", "-9223372036854775808"])
@example(fields=["9223372036854775808"])
@example(fields=["2147483648"])
def test_a_column_at_once_is_its_fields_one_by_one(name: str, fields: Sequence[str]) -> None:
    column = COLUMNS[name]
    at_once, one_by_one = (_outcome(parse, fields) for parse in (column.values, _one_by_one(column)))
    assert at_once == one_by_one


def _one_by_one(column: ImportableColumn) -> Callable[[Sequence[str]], Sequence[object]]:
    return lambda fields: [column.value(field) for field in fields]


def _outcome(parse: Callable[[Sequence[str]], Sequence[object]], fields: Sequence[str]) -> list[str] | None:
    try:
        return [repr(value) for value in parse(fields)]
    except NotAllowed:
        return None
