"""Ids that derive from a row's content, so that loading the same rows again updates them and adds none."""

from collections import Counter
from collections.abc import Callable, Mapping
from functools import lru_cache
from hashlib import sha1
from uuid import UUID

from vettr_cron.datasets.importable import ImportableTable
from vettr_cron.domain.fast_uuid5 import uuid5_of_bytes, uuid5_of_digest

NAMESPACE = UUID("6a1f7a52-0c5e-5d0b-9c6f-3f2a4c1be7d9")
"""The project's own; with another value, reloading a dataset would add every row a second time."""

_NAMESPACE_BYTES = NAMESPACE.bytes


def row_id(table: str, *key: object) -> UUID:
    """uuid5(NAMESPACE, table and key joined by NUL), which no text of a row contains; a missing value counts as ""."""
    return uuid5_of_digest(_digest(table, key))


def numbered_ids(table: str, ticker: object) -> Callable[[int], UUID]:
    """row_id(table, ticker, n) as a function of n, for rows that come by the million."""
    start = _NAMESPACE_BYTES + f"{table}\0{ticker}\0".encode()
    return lambda place: uuid5_of_bytes(start + b"%d" % place)


def stock_id(ticker: str) -> UUID:
    """The id of a new stock from a dataset; a stock that is already in the database keeps its own."""
    return row_id("stocks", ticker)


class RowIds:
    """The ids of one table's rows, in the order of the file: among equal rows, each has an id of its own."""

    def __init__(self, table: ImportableTable) -> None:
        self._table = table
        self._seen: Counter[int] = Counter()

    def by_ticker(self, row: Mapping[str, object]) -> UUID:
        """The id derived from the ticker. Call it once for each row, because equal rows are counted."""
        (by_ticker,), _ = self._ids(row, row["ticker"])
        return by_ticker

    def by_stock(self, row: Mapping[str, object], stock_id: object) -> tuple[UUID, UUID, int]:
        """The id derived from the stock's id, the one derived from the ticker, and how many equal rows came before.

        Call it once for each row.
        """
        (own, by_ticker), occurrence = self._ids(row, stock_id, row["ticker"])
        return own, by_ticker, occurrence

    def _ids(self, row: Mapping[str, object], *stocks: object) -> tuple[tuple[UUID, ...], int]:
        """The id under each name of the stock, of which the last is the ticker, which is first in every key."""
        rest = tuple(row.get(name) for name in self._table.key[1:])
        digests = [_digest(self._table.name, (stock, *rest)) for stock in stocks]
        if not self._table.repeatable:
            return tuple(map(uuid5_of_digest, digests)), 0
        # 64 bits of the digest instead of the key itself: 100 bytes per row, whatever the length of its texts.
        short = int.from_bytes(digests[-1][:8], "big")
        occurrence = self._seen[short]
        self._seen[short] += 1
        if occurrence == 0:
            return tuple(map(uuid5_of_digest, digests)), 0
        return tuple(row_id(self._table.name, stock, *rest, occurrence) for stock in stocks), occurrence


def _digest(table: str, key: tuple[object, ...]) -> bytes:
    name = "".join([f"\0{'' if part is None else part}" for part in key[1:]])
    return sha1(_start(table, *key[:1]) + name.encode(), usedforsecurity=False).digest()


@lru_cache(maxsize=10_000)
def _start(table: str, *stock: object) -> bytes:
    """What the names of all rows of a stock begin with."""
    return _NAMESPACE_BYTES + "\0".join([table, *["" if part is None else str(part) for part in stock]]).encode()
