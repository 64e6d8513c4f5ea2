"""Prices day by day, where the rules have a series of each figure."""

from collections.abc import Iterable
from typing import NamedTuple

from vettr_cron.domain.vetr_score import DailyPrices
from vettr_cron.domain.vetr_score.inputs import Number


class DailyPrice(NamedTuple):
    """One trading day."""

    high: Number
    low: Number
    close: Number
    previous_close: Number


def series_of(days: Iterable[DailyPrice]) -> DailyPrices:
    """The days one after the other, oldest first."""
    return DailyPrices(*zip(*days, strict=True))
