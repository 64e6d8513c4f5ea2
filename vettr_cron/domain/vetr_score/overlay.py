"""The price overlay: today's move against the stock's usual range tilts the score by up to 7.5."""

from math import exp, inf
from typing import NamedTuple

from vettr_cron.domain.data_checks import check_numbers
from vettr_cron.domain.rounding import rhu, total
from vettr_cron.domain.vetr_score.inputs import PRICE_DAYS, DailyPrices, Number

_ATR_DAYS = 14
_COLUMNS = tuple(f"vetr_score_history.{name}" for name in ("hourly_return_pct", "z_score", "atr_pct", "dynamic_tilt"))


class Overlay(NamedTuple):
    """The move since the previous close in per cent, in average true ranges, that range in per cent, and the tilt."""

    return_pct: float
    z_score: float
    atr_pct: float
    dynamic_tilt: float

    @property
    def rounded(self) -> "Overlay":
        """The figures at two decimals, as they are stored and shown."""
        return Overlay(
            return_pct=rhu(self.return_pct * 100) / 100,
            z_score=rhu(self.z_score * 100) / 100,
            atr_pct=rhu(self.atr_pct * 100) / 100,
            dynamic_tilt=rhu(self.dynamic_tilt * 100) / 100,
        )


def price_overlay(price: Number, prices: DailyPrices) -> Overlay:
    """The overlay. Raises StockDataError if one of its figures is beyond the range of its column."""
    previous_close = prices.close[-1] if prices.close else None
    atr_pct = (average_true_range(prices) / previous_close) * 100 if previous_close else 0
    return_pct = z_score = tilt = 0.0
    if price and previous_close:
        return_pct = ((float(price) - previous_close) / previous_close) * 100
        z_score = return_pct / atr_pct if atr_pct else 0
        tilt = 15 * (1 / (1 + _exp(-z_score)) - 0.5)
    overlay = Overlay(return_pct=return_pct, z_score=z_score, atr_pct=atr_pct, dynamic_tilt=tilt)
    # Rounding to two decimals multiplies by 100, which overflows a figure that is barely finite.
    check_numbers(_COLUMNS, (return_pct * 100, z_score * 100, atr_pct * 100, tilt * 100))
    return overlay


def average_true_range(prices: DailyPrices) -> float:
    """Wilder's, over the newest days: https://en.wikipedia.org/wiki/Average_true_range; the mean when they are few."""
    ranges = _true_ranges(prices)[-PRICE_DAYS:]
    if len(ranges) < _ATR_DAYS:
        return total(ranges) / len(ranges) if ranges else 0
    atr = total(ranges[:_ATR_DAYS]) / _ATR_DAYS
    for true_range in ranges[_ATR_DAYS:]:
        atr = (atr * (_ATR_DAYS - 1) + true_range) / _ATR_DAYS
    return atr


def _true_ranges(prices: DailyPrices) -> list[float]:
    """0 for a day with a missing figure; a price of 0 counts as missing."""
    ranges: list[float] = []
    for high, low, previous_close in zip(prices.high, prices.low, prices.previous_close, strict=True):
        if not (high and low and previous_close):
            ranges.append(0.0)
        elif low <= high:
            # The largest of the three differences, without a call: max() would take longer than everything else here.
            top = previous_close if previous_close > high else high
            ranges.append(top - (previous_close if previous_close < low else low))
        else:
            ranges.append(max(high - low, abs(high - previous_close), abs(low - previous_close)))
    return ranges


def _exp(exponent: float) -> float:
    try:
        return exp(exponent)
    except OverflowError:
        return inf
