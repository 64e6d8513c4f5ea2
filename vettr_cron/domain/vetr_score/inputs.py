"""The inputs of one stock's score."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

INSIDER_WINDOW = timedelta(days=60)
"""How old an insider's transaction may be to count."""

PRICE_DAYS = 30
"""How many of the newest daily prices the overlay uses."""

Number = float | int | None
"""A number column; None where the row or the value is missing."""


class Executive(NamedTuple):
    """An officer or director."""

    years_at_company: float
    previous_companies: object  # the decoded JSON: a list of names, None for none; checked before use
    education: str | None


class InsiderTransaction(NamedTuple):
    """One reported transaction of an insider; the text says which way it went."""

    transaction_date: datetime
    transaction_text: str | None
    value: float | None


class DailyPrices(NamedTuple):
    """Consecutive trading days, oldest first: one series per figure, all of the same length."""

    high: Sequence[Number] = ()
    low: Sequence[Number] = ()
    close: Sequence[Number] = ()
    previous_close: Sequence[Number] = ()


class StockInputs(NamedTuple):
    """One stock's rows as they come from the database, not checked yet."""

    ticker: str
    sector: str
    price: Number
    cash: Number
    monthly_burn: Number
    total_debt: Number
    total_assets: Number
    exploration_exp: Number
    r_and_d_exp: Number
    total_opex: Number
    revenue: Number
    shares_current: Number
    shares_1yr_ago: Number
    insider_shares: Number
    total_shares: Number
    avg_vol_30d: Number
    days_since_last_pr: Number
    warrant_strike_price: Number
    free_cash_flow: Number
    gross_profit: Number
    float_shares: Number
    short_shares: Number
    price_target: Number
    executives: Sequence[Executive]  # those with the most years at the company first, then by id
    insider_transactions: Sequence[InsiderTransaction]  # those within INSIDER_WINDOW, possibly also older ones
    newest_filing: datetime | None  # None: no filings at all
    prices: DailyPrices  # only the last PRICE_DAYS count
