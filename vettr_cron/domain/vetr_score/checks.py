"""Checks a stock's inputs before any rule reads them, except figures that only some stocks' rules read."""

from collections.abc import Sequence
from functools import lru_cache
from itertools import repeat
from operator import attrgetter

from vettr_cron.domain.data_checks import check_numbers, check_texts, check_timestamps, refuse
from vettr_cron.domain.errors import StockDataError
from vettr_cron.domain.vetr_score.inputs import DailyPrices, Executive, InsiderTransaction, StockInputs
from vettr_cron.domain.vetr_score.shareholder_structure import direction

_NUMBER_COLUMNS = (
    "stocks.price",
    "financial_data.cash",
    "financial_data.monthly_burn",
    "financial_data.total_debt",
    "financial_data.total_assets",
    "financial_data.shares_current",
    "financial_data.shares_1yr_ago",
    "financial_data.insider_shares",
    "financial_data.total_shares",
    "financial_data.avg_vol_30d",
    "financial_data.days_since_last_pr",
    "financial_data.warrant_strike_price",
    "financial_summary.free_cash_flow",
    "financial_summary.float_shares",
    "short_interest.short_shares",
    "analyst_consensus.price_target",
)
_VALUES = repeat("insider_transactions.value")
_numbers = attrgetter(*(column.partition(".")[2] for column in _NUMBER_COLUMNS))
_PRICE_COLUMNS = tuple(f"stock_daily_prices.{name}" for name in DailyPrices._fields)


def check_inputs(inputs: StockInputs) -> None:
    """Raise StockDataError for the first value that no rule can work with."""
    check_texts("stocks.sector", (inputs.sector,))
    check_numbers(_NUMBER_COLUMNS, _numbers(inputs))
    if inputs.executives:
        _check_executives(inputs.executives)
    if inputs.insider_transactions:
        _check_transactions(inputs.insider_transactions)
    if inputs.newest_filing is not None:
        check_timestamps("filings.date", (inputs.newest_filing,))
    prices = inputs.prices
    if prices.high:
        columns = _price_columns(len(prices.high))
        check_numbers(columns, [*prices.high, *prices.low, *prices.close, *prices.previous_close])


@lru_cache(maxsize=64)
def _price_columns(days: int) -> Sequence[str]:
    return [column for column in _PRICE_COLUMNS for _day in range(days)]


def _check_executives(executives: Sequence[Executive]) -> None:
    years, careers, educations = zip(*executives, strict=True)
    check_numbers(repeat("executives.years_at_company"), years, required=True)
    check_texts("executives.education", educations)
    for companies in careers:
        if companies is not None and not (isinstance(companies, list) and all(map(_is_name_or_blank, companies))):
            refuse("executives.previous_companies", companies, "a list of texts is needed", "not a list of texts")


def _is_name_or_blank(entry: object) -> bool:
    """Whether it is a text, or what counts as a blank one: null, false or 0."""
    return isinstance(entry, str) or entry is None or (isinstance(entry, int | float) and not entry)


def _check_transactions(transactions: Sequence[InsiderTransaction]) -> None:
    dates, texts, values = zip(*transactions, strict=True)
    check_timestamps("insider_transactions.transaction_date", dates)
    check_texts("insider_transactions.transaction_text", texts)
    try:
        check_numbers(_VALUES, values)
    except StockDataError:
        check_numbers(_VALUES, [value for text, value in zip(texts, values, strict=True) if direction(text)])
