"""Universes that the generator makes."""

from collections import defaultdict
from datetime import date

from vettr_cron.datasets.generator import Piece, pieces
from vettr_cron.datasets.importable import TABLES
from vettr_cron.models.types import Row

TODAY = date(2026, 11, 24)


def universe(count: int, seed: int = 1, today: date = TODAY, size: int = 500) -> Piece:
    """All pieces together."""
    together: Piece = {table: [] for table in TABLES}
    for piece in pieces(count, seed, today, size):
        for table, rows in piece.items():
            together[table].extend(rows)
    return together


def by_ticker(rows: list[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[str(row["ticker"])].append(row)
    return found
