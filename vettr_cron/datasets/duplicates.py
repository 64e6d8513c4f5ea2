"""Which rows of a file are repeated, in memory that hardly grows with the number of days in it."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Protocol, cast

from vettr_cron.datasets.csv_records import records
from vettr_cron.datasets.importable import ImportableTable
from vettr_cron.models.types import Row

Key = tuple[object, ...]

_SPAN = 512  # days per number


class SeenRows(Protocol):
    """Says for each row of a table, in turn, whether a row with the same key came before."""

    def is_repeat(self, row: Row) -> bool:
        """True from the second row with a key on."""
        ...


def seen_rows(table: ImportableTable) -> SeenRows:
    """The tracker that needs the least memory for the keys of this table."""
    if table.repeatable:
        return _NoKeys()
    return _Days() if "date" in table.key else _Tickers()


def first_lines(path: Path, table: ImportableTable, keys: set[Key]) -> Mapping[Key, int]:
    """The first line of each of `keys`. No lines are kept while checking, so only a mistake costs a second reading."""
    found: dict[Key, int] = {}
    for line, row in records(path, table, report=lambda _: None):
        key = key_of(row, table)
        if key in keys and key not in found:
            found[key] = line
            if len(found) == len(keys):
                break
    return found


def key_of(row: Row, table: ImportableTable) -> Key:
    """What distinguishes the row from all others of its table."""
    return tuple(row[name] for name in table.key)


class _NoKeys:
    """In a repeatable table, equal rows are separate rows."""

    def is_repeat(self, row: Row) -> bool:
        return False


class _Tickers:
    def __init__(self) -> None:
        self._seen: set[object] = set()

    def is_repeat(self, row: Row) -> bool:
        before = len(self._seen)
        self._seen.add(row["ticker"])
        return len(self._seen) == before


class _Days:
    """For each ticker and span of 512 days, one number with a bit per day: exact, whatever the order of rows.

    A set of all keys would take 100 bytes or more per row; this takes some 200 bytes per stock for 350 trading days.
    """

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}

    def is_repeat(self, row: Row) -> bool:
        span, place = divmod(cast(date, row["date"]).toordinal(), _SPAN)
        key = f"{span} {row['ticker']}"
        days = self._seen.get(key, 0)
        self._seen[key] = days | 1 << place
        return bool(days >> place & 1)
