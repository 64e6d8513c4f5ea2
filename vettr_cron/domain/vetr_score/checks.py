"""Every figure of a stock's inputs is checked before the first rule reads one."""

from collections.abc import Sequence
from itertools import chain, repeat
from operator import attrgetter

from vettr_cron.domain.data_checks import check_numbers, check_texts, check_timestamps, refuse
from vettr_cron.domain.vetr_score.inputs import DailyPrices, Executive, InsiderTransaction, StockInputs

_NUMBER_COLUMNS = (
    "stocks.price",
    "financial_data.cash",
    "financial_data.monthly_burn",
    "financial_data.total_debt",
    "financial_data.total_assets",
    "financial_data.exploration_exp",
    "financial_data.r_and_d_exp",
    "financial_data.total_opex",
    "financial_data.revenue",
    "financial_data.shares_current",
    "financial_data.shares_1yr_ago",
    "financial_data.insider_shares",
    "financial_data.total_shares",
    "financial_data.avg_vol_30d",
    "financial_data.days_since_last_pr",
    "financial_data.warrant_strike_price",
    "financial_summary.free_cash_flow",
    "financial_summary.gross_profit",
    "financial_summary.float_shares",
    "short_interest.short_shares",
    "analyst_consensus.price_target",
)
_numbers = attrgetter(*(column.partition(".")[2] for column in _NUMBER_COLUMNS))
_PRICE_COLUMNS = tuple(f"stock_daily_prices.{name}" for name in DailyPrices._fields)


def check_inputs(inputs: StockInputs) -> None:
    """Raise StockDataError for the first value that no rule can work with."""
    check_texts("stocks.sector", (inputs.sector,))
    check_numbers(_NUMBER_COLUMNS, _numbers(inputs))
    _check_executives(inputs.executives)
    _check_transactions(inputs.insider_transactions)
    if inputs.newest_filing is not None:
        check_timestamps("filings.date", (inputs.newest_filing,))
    days = len(inputs.prices.high)
    columns = chain.from_iterable(repeat(column, days) for column in _PRICE_COLUMNS)
    check_numbers(columns, tuple(chain.from_iterable(inputs.prices)))


def _check_executives(executives: Sequence[Executive]) -> None:
    years = [executive.years_at_company for executive in executives]
    check_numbers(repeat("executives.years_at_company"), years, required=True)
    check_texts("executives.education", [executive.education for executive in executives])
    for _, companies, _ in executives:
        if companies is not None and not (isinstance(companies, list) and all(isinstance(c, str) for c in companies)):
            refuse("executives.previous_companies", companies, "a list of texts is needed")


def _check_transactions(transactions: Sequence[InsiderTransaction]) -> None:
    check_timestamps("insider_transactions.transaction_date", [row.transaction_date for row in transactions])
    check_texts("insider_transactions.transaction_text", [row.transaction_text for row in transactions])
    check_numbers(repeat("insider_transactions.value"), [row.value for row in transactions])
