"""Stocks about which only the stated figures are known."""

from datetime import datetime
from typing import Any

from hypothesis import strategies as st

from tests.days import DailyPrice, series_of
from vettr_cron.domain.red_flags import RedFlagInputs
from vettr_cron.domain.vetr_score import DailyPrices, Executive, InsiderTransaction, StockInputs

NOW = datetime(2026, 11, 23, 16)
NUMBER_FIELDS = tuple(
    name
    for name in StockInputs._fields
    if name not in {"ticker", "sector", "executives", "insider_transactions", "newest_filing", "prices"}
)


def stock(**known: Any) -> StockInputs:
    """A stock of no special sector, with nothing else known."""
    nothing: dict[str, Any] = dict.fromkeys(NUMBER_FIELDS)
    nothing |= {"ticker": "TST", "sector": "Healthcare", "newest_filing": None}
    nothing |= {"executives": [], "insider_transactions": [], "prices": DailyPrices()}
    return StockInputs(**(nothing | known))


def flagged_stock(**known: Any) -> RedFlagInputs:
    """A stock without executives and filings, unless they are stated."""
    nothing: dict[str, Any] = {"ticker": "TST", "market_cap": None, "newest_filing": None}
    return RedFlagInputs(**(nothing | {"executives_years": [], "recent_filings": []} | known))


# Any finite number, with the ones thrown in that sit on the rules' thresholds or at the ends of the range.
numbers = (
    st.floats(allow_nan=False, allow_infinity=False)
    | st.integers(-(2**63), 2**63 - 1)
    | st.sampled_from([0, 1, -1, 0.0, -0.0, 5e-324, 1.7976931348623157e308, -1.7976931348623157e308, 0.15, 14, 60])
)
optional_numbers = st.none() | numbers
words = (
    st.sampled_from(["Purchase", "SALE", "B.Sc, MBA", "Ph.D.; phd", "", " ", "sell and buy", "İstanbul"]) | st.text()
)
dates = st.datetimes(datetime(2000, 1, 1), datetime(2030, 1, 1))
executives = st.builds(Executive, numbers, st.none() | st.lists(words, max_size=4), st.none() | words)
transactions = st.builds(InsiderTransaction, dates, st.none() | words, optional_numbers)
prices = st.builds(DailyPrice, optional_numbers, optional_numbers, optional_numbers, optional_numbers)
finite_stocks = st.builds(
    StockInputs,
    ticker=st.just("TST"),
    sector=st.sampled_from(["Gold mining", "Software", "Healthcare"]),
    executives=st.lists(executives, max_size=3),
    insider_transactions=st.lists(transactions, max_size=3),
    newest_filing=st.none() | dates,
    prices=st.lists(prices, max_size=30).map(series_of),
    **dict.fromkeys(NUMBER_FIELDS, optional_numbers),
)
