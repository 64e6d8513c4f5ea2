"""A fictional universe of any size with every input table filled, generated piece by piece as it is written."""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from random import Random

from vettr_cron.datasets.fiction import figures, people
from vettr_cron.datasets.fiction.company import Company, company
from vettr_cron.datasets.fiction.filings import filings
from vettr_cron.datasets.fiction.prices import closes, daily_prices, ticks_in_a_dollar
from vettr_cron.datasets.fiction.tickers import CAPACITY, listing
from vettr_cron.datasets.importable import TABLES
from vettr_cron.datasets.row_ids import numbered_ids, row_id
from vettr_cron.datasets.trading_days import last_trading_day, trading_day_number, trading_days
from vettr_cron.models.types import Row

PRICE_DAYS = 30

Piece = dict[str, list[Row]]
"""Rows by table, in an order in which the tables can be written."""


def pieces(count: int, seed: int, today: date, size: int = 500) -> Iterator[Piece]:
    """Stocks 0 to count - 1 in pieces of `size`, the same for the same seed and day.

    A stock depends on its number, not on `count`: a larger universe contains the smaller one. Tickers do not depend on
    the seed. The universe of another day has the same ids, because these derive from places, not from dates, and the
    newest prices are always the last weekday's. Raises ValueError if there are not enough tickers.
    """
    if not 0 <= count <= CAPACITY:
        raise ValueError(f"count is {count}; it can be from 0 to {CAPACITY}")
    calendar = _calendar(today)
    for first in range(0, count, size):
        piece: Piece = {table: [] for table in TABLES}
        for number in range(first, min(first + size, count)):
            for table, rows in _stock(number, seed, calendar):
                piece[table].extend(rows)
        yield piece


@dataclass(frozen=True, slots=True, kw_only=True)
class _Calendar:
    """What all stocks share: the start of today, the days with prices, and the place of each day among 30."""

    midnight: datetime
    days: list[date]
    places: list[int]


def _calendar(today: date) -> _Calendar:
    days = trading_days(last_trading_day(today), PRICE_DAYS)
    # A day keeps its place, and so its id, while it is among the newest 30; then its row is reused for the newest day.
    # So a later day's universe can be upserted in any order: no row ever moves to a day that another row still has.
    places = [trading_day_number(day) % PRICE_DAYS for day in days]
    return _Calendar(midnight=datetime.combine(today, time()), days=days, places=places)


def _stock(number: int, seed: int, calendar: _Calendar) -> Iterator[tuple[str, list[Row]]]:
    draw = Random(f"{seed}/{number}").random
    made = company(listing(number), draw)
    walk = closes(made, PRICE_DAYS, draw)
    data = figures.financial_data(made, draw)
    yield _single("stocks", figures.stock(made, walk[-1] / ticks_in_a_dollar(made)))
    yield _single("financial_data", data)
    yield _single("financial_summary", figures.financial_summary(made, data, draw))
    yield _single("short_interest", figures.short_interest(made, calendar.midnight, draw))
    yield _single("analyst_consensus", figures.analyst_consensus(made, draw))
    yield _many("executives", made, people.executives(made, draw))
    yield _many("filings", made, filings(made, calendar.midnight, draw))
    yield _many("insider_transactions", made, people.insider_transactions(made, calendar.midnight, draw))
    prices = daily_prices(made, calendar.days, walk, draw)
    yield _many("stock_daily_prices", made, prices, calendar.places)


def _single(table: str, row: Row) -> tuple[str, list[Row]]:
    row["id"] = row_id(table, row["ticker"])
    return table, [row]


def _many(table: str, made: Company, rows: Iterator[Row], places: Iterable[int] | None = None) -> tuple[str, list[Row]]:
    id_at = numbered_ids(table, made.ticker)
    placed = list(rows)
    for place, row in zip(places or itertools.count(), placed, strict=False):
        row["id"] = id_at(place)
    return table, placed
