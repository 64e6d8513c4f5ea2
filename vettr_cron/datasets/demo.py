"""The real universe of 2017, moved to the present: what there is to see before anybody brings stocks."""

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
"""Where it is from, and its licence: SOURCES.md in there."""

NEWEST_PRICES = date(2017, 3, 31)


def demo_rows(table: str, today: date, folder: Path = FOLDER) -> Iterator[Row]:
    """One table's rows, every date and time moved by the same whole days: the newest prices are the last weekday's.

    The ids derive from the dates as they are in the files, so that another day's demo is the same rows. As a row's
    prices move to a day that another row of the stock still has, the older prices have to be deleted before.
    """
    moved = last_trading_day(today) - NEWEST_PRICES
    ids = RowIds(TABLES[table])
    for row in read_table(folder, table):
        yield {"id": ids.by_ticker(row), **{name: _moved(value, moved) for name, value in row.items()}}


def as_in_the_files(row: Row, today: date) -> Row:
    """A row of the demo as of today with the dates that it has in the files."""
    moved = last_trading_day(today) - NEWEST_PRICES
    return {name: _moved(value, -moved) for name, value in row.items()}


def demo_stock_ids(folder: Path = FOLDER) -> set[UUID]:
    """The stocks of the demo, by which its rows can be told from those of other stocks."""
    return {stock_id(str(row["ticker"])) for row in read_table(folder, "stocks")}


def _moved(value: object, by: timedelta) -> object:
    return value + by if isinstance(value, date) else value
