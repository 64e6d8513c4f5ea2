"""Which rows of a file come a second time, in memory that hardly grows with the number of days in it."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Protocol, cast

from vettr_cron.datasets.csv_records import records
from vettr_cron.datasets.importable import ImportableTable
from vettr_cron.models.types import Row

Key = tuple[object, ...]

_STRETCH = 512  # days to a number


class SeenRows(Protocol):
    """Says of each row of a table in turn whether one with its key came before."""

    def again(self, row: Row) -> bool:
        """True from the second row of a key on."""
        ...


def seen_rows(table: ImportableTable) -> SeenRows:
    """The thriftiest memory for the keys of this table."""
    if table.repeatable:
        return _NothingTwice()
    return _Days() if "date" in table.key else _Tickers()


def first_lines(path: Path, table: ImportableTable, keys: set[Key]) -> Mapping[Key, int]:
    """Where each of `keys` stands first. No line is kept while checking: only a mistake costs this second reading."""
    found: dict[Key, int] = {}
    for line, row in records(path, table, report=lambda _: None):
        key = key_of(row, table)
        if key in keys and key not in found:
            found[key] = line
            if len(found) == len(keys):
                break
    return found


def key_of(row: Row, table: ImportableTable) -> Key:
    """What tells the row from all others of its table."""
    return tuple(row[name] for name in table.key)


class _NothingTwice:
    """Equal rows of a repeatable table are rows of their own."""

    def again(self, row: Row) -> bool:
        return False


class _Tickers:
    def __init__(self) -> None:
        self._seen: set[object] = set()

    def again(self, row: Row) -> bool:
        before = len(self._seen)
        self._seen.add(row["ticker"])
        return len(self._seen) == before


class _Days:
    """For each ticker and stretch of 512 days one number with a bit for each day: exact, in any order of rows.

    A set of all keys would take 100 bytes and more a row; this takes some 200 bytes a stock for 350 trading days.
    """

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}

    def again(self, row: Row) -> bool:
        stretch, place = divmod(cast(date, row["date"]).toordinal(), _STRETCH)
        key = f"{stretch} {row['ticker']}"
        days = self._seen.get(key, 0)
        self._seen[key] = days | 1 << place
        return bool(days >> place & 1)
