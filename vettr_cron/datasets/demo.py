"""The real universe of 2017, moved to the present, to have something to see before stocks are imported."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from uuid import UUID

from vettr_cron.datasets.csv_files import read_table
from vettr_cron.datasets.importable import TABLES
from vettr_cron.datasets.row_ids import RowIds, stock_id
from vettr_cron.datasets.trading_days import last_trading_day
from vettr_cron.models.types import Row

FOLDER = Path(__file__).parent / "us_2017"
"""Its SOURCES.md says where the data is from, and under which licence."""

NEWEST_PRICES = date(2017, 3, 31)


def demo_rows(table: str, today: date, folder: Path = FOLDER) -> Iterator[Row]:
    """One table's rows, every date moved by the same number of days, so that the newest prices are the last weekday's.

    The ids derive from the dates in the files, so that the demo of another day has the same rows. Because a price may
    move to a day that another row of the stock still has, the older prices must be deleted first.
    """
    moved = last_trading_day(today) - NEWEST_PRICES
    ids = RowIds(TABLES[table])
    for row in read_table(folder, table):
        yield {"id": ids.by_ticker(row), **{name: _moved(value, moved) for name, value in row.items()}}


def as_in_the_files(row: Row, today: date) -> Row:
    """A row of the demo as of `today`, with the dates that it has in the files."""
    moved = last_trading_day(today) - NEWEST_PRICES
    return {name: _moved(value, -moved) for name, value in row.items()}


def demo_stock_ids(folder: Path = FOLDER) -> set[UUID]:
    """The ids of the demo's stocks, which distinguish its rows from those of other stocks."""
    return {stock_id(str(row["ticker"])) for row in read_table(folder, "stocks")}


def _moved(value: object, by: timedelta) -> object:
    return value + by if isinstance(value, date) else value
