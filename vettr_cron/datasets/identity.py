"""Ids that derive from what a row says, so that loading the same rows again updates them and adds none."""

from collections import Counter
from collections.abc import Callable, Mapping
from hashlib import sha1
from uuid import UUID

from vettr_cron.datasets.tables import Table

NAMESPACE = UUID("6a1f7a52-0c5e-5d0b-9c6f-3f2a4c1be7d9")
"""The project's own; another value would make every dataset load a second time beside the first."""

_NAMESPACE_BYTES = NAMESPACE.bytes
_CLEARED = ~((0xF000 << 64) | (0xC000 << 48))
_VERSION_5 = (0x5000 << 64) | (0x8000 << 48)


def row_id(table: str, *key: object) -> UUID:
    """uuid5(NAMESPACE, table and key joined by NUL), which no text of a row contains; a missing value counts as "".

    Written out because uuid.uuid5 takes twice the time, and a large universe has tens of millions of rows.
    """
    return _uuid5(_digest(table, key))


def numbered_ids(table: str, ticker: object) -> Callable[[int], UUID]:
    """row_id(table, ticker, n) as a function of n, for rows that come by the million."""
    start = _NAMESPACE_BYTES + f"{table}\0{ticker}\0".encode()
    return lambda place: _uuid5(sha1(start + b"%d" % place, usedforsecurity=False).digest())


def stock_id(ticker: str) -> UUID:
    """The id of a stock that a dataset brings; one that is in the database already keeps its own."""
    return row_id("stocks", ticker)


class RowIds:
    """The ids of one table's rows, in the order of the file: of equal rows the n-th has its own id."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._seen: Counter[int] = Counter()

    def id_of(self, row: Mapping[str, object]) -> UUID:
        """To be asked once for each row, as equal rows are counted."""
        key = tuple(row.get(name) for name in self._table.key)
        digest = _digest(self._table.name, key)
        if not self._table.repeatable:
            return _uuid5(digest)
        # 64 bits of the digest instead of the key itself: 100 bytes a row, whatever the length of its texts.
        short = int.from_bytes(digest[:8], "big")
        occurrence = self._seen[short]
        self._seen[short] += 1
        return _uuid5(digest) if occurrence == 0 else row_id(self._table.name, *key, occurrence)


def _digest(table: str, key: tuple[object, ...]) -> bytes:
    name = "\0".join([table, *["" if part is None else str(part) for part in key]])
    return sha1(_NAMESPACE_BYTES + name.encode(), usedforsecurity=False).digest()


def _uuid5(digest: bytes) -> UUID:
    return UUID(int=int.from_bytes(digest[:16], "big") & _CLEARED | _VERSION_5)
