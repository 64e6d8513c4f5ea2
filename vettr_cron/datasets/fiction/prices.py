"""Thirty trading days of a fictional stock that end near its current price."""

from collections.abc import Iterator, Sequence
from datetime import date
from itertools import pairwise

from vettr_cron.datasets.fiction.company import Company, Draw
from vettr_cron.models.types import Row


def ticks_in_a_dollar(company: Company) -> int:
    """A tick is a cent, or a hundredth of it below a dollar."""
    return 100 if company.price >= 1 else 10_000


def closes(company: Company, days: int, draw: Draw) -> list[int]:
    """The close of each day and of the day before the first, oldest first, in ticks: a random walk back from today.

    Some stocks do not trade for days: their walk stands still.
    """
    swing = 0.01 + 0.07 * draw() ** 2
    moves = 1.0 if draw() < 0.8 else 0.3
    price = company.price * ticks_in_a_dollar(company)
    walk = []
    for _ in range(days + 1):
        # The difference of two draws is roughly bell-shaped, and a tenth of the cost of a normal variate.
        if draw() < moves:
            price *= 1 + swing * (draw() - draw())
        walk.append(int(price) or 1)
    return walk[::-1]


def daily_prices(company: Company, days: Sequence[date], walk: Sequence[int], draw: Draw) -> Iterator[Row]:
    """The rows of daily prices, in whole ticks up to the last step: rounding floats would take most of the time."""
    ticks = ticks_in_a_dollar(company)
    ticker = company.ticker
    usual_volume = company.shares * 0.004
    for day, (previous, close) in zip(days, pairwise(walk), strict=True):
        above, below = (previous, close) if previous > close else (close, previous)
        high = above + int(above * 0.02 * draw())
        low = below - int(below * 0.02 * draw())
        yield {
            "ticker": ticker,
            "date": day,
            "open": (low + int((high - low) * draw())) / ticks,
            "high": high / ticks,
            "low": low / ticks,
            "close": close / ticks,
            "previous_close": previous / ticks,
            "volume": int(usual_volume * draw() * draw()) + 0.0,
            # Both closes lie between high and low, so no other distance is larger.
            "true_range": (high - low) / ticks,
        }
