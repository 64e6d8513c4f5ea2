"""Everything that the score's rules read, for a selection of stocks: one SELECT a table."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from functools import cache
from typing import Any

import orjson
from sqlalchemy import Connection, Select, Text, bindparam, cast, func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by

from vettr_cron.domain.vetr_score import (
    INSIDER_WINDOW,
    PRICE_DAYS,
    DailyPrice,
    Executive,
    InsiderTransaction,
    StockInputs,
)
from vettr_cron.models.tables import (
    analyst_consensus,
    executives,
    filings,
    financial_data,
    financial_summary,
    insider_transactions,
    short_interest,
    stock_daily_prices,
    stocks,
)
from vettr_cron.repositories.stocks import Place, Selection, Stretch, chosen_of, joined, stretch, within

_FIGURES = (
    stocks.c.sector,
    stocks.c.price,
    financial_data.c.cash,
    financial_data.c.monthly_burn,
    financial_data.c.total_debt,
    financial_data.c.total_assets,
    financial_data.c.exploration_exp,
    financial_data.c.r_and_d_exp,
    financial_data.c.total_opex,
    financial_data.c.revenue,
    financial_data.c.shares_current,
    financial_data.c.shares_1yr_ago,
    financial_data.c.insider_shares,
    financial_data.c.total_shares,
    financial_data.c.avg_vol_30d,
    financial_data.c.days_since_last_pr,
    financial_data.c.warrant_strike_price,
    financial_summary.c.free_cash_flow,
    financial_summary.c.gross_profit,
    financial_summary.c.float_shares,
    short_interest.c.short_shares,
    analyst_consensus.c.price_target,
)
_ONE_TO_ONE = (financial_data, financial_summary, short_interest, analyst_consensus)


def load(connection: Connection, selection: Selection, now: datetime) -> tuple[Stretch, list[StockInputs]]:
    """The inputs of the stocks of a selection, in order; values are handed on unjudged."""
    place = selection.place
    found = stretch(connection, _stocks_with_figures(place), selection)
    if not found.rows:
        return found, []
    which = found.parameters
    officers = _grouped(connection.execute(_executives(place), which).all(), _executive)
    since = {"since": now - INSIDER_WINDOW}
    insiders = _grouped(connection.execute(_insiders(place), {**which, **since}).all(), InsiderTransaction._make)
    newest = {row[0]: row[1] for row in connection.execute(_newest_filings(place), which).all()}
    prices = _prices(connection, found)
    return found, [
        StockInputs(
            **dict(zip(_FIELDS, row[2:], strict=True)),
            ticker=row.ticker,
            executives=officers.get(row.ticker, ()),
            insider_transactions=insiders.get(row.ticker, ()),
            newest_filing=newest.get(row.ticker),
            prices=prices.get(row.ticker, ()),
        )
        for row in found.rows
    ]


_FIELDS = tuple(column.name for column in _FIGURES)


# Each statement is made once: to describe it takes longer than to run it.
@cache
def _stocks_with_figures(place: Place) -> Select[Any]:
    source: Any = stocks
    for table in _ONE_TO_ONE:
        source = source.outerjoin(table, table.c.stock_id == stocks.c.id)
    return chosen_of(select(stocks.c.id, stocks.c.ticker, *_FIGURES).select_from(source), place)


@cache
def _executives(place: Place) -> Select[Any]:
    # As text: what is no JSON on SQLite, or nested too deep for the parser, must fail its own stock alone.
    companies = cast(executives.c.previous_companies, Text)
    return joined(executives, executives.c.years_at_company, companies, executives.c.education).where(within(place))


def _executive(row: tuple[Any, ...]) -> Executive:
    years, companies, education = row
    # What cannot be parsed stays the text that it is: no list, so that the rules name it.
    with suppress(TypeError, ValueError, RecursionError):
        companies = None if companies is None else orjson.loads(companies)
    return Executive(years, companies, education)


@cache
def _insiders(place: Place) -> Select[Any]:
    table = insider_transactions
    chosen = joined(table, table.c.transaction_date, table.c.transaction_text, table.c.value)
    return chosen.where(within(place), table.c.transaction_date >= bindparam("since"))


@cache
def _newest_filings(place: Place) -> Select[Any]:
    return joined(filings, func.max(filings.c.date)).where(within(place)).group_by(stocks.c.ticker)


def _prices(connection: Connection, found: Stretch) -> Mapping[str, list[DailyPrice]]:
    """The newest days of each ticker, oldest first."""
    if connection.dialect.name == "postgresql":
        days = connection.execute(_days_as_json(found.place), found.parameters).all()
        return {ticker: _days_from_json(text) for ticker, text in days if text}
    rows = connection.execute(_days_by_date(found.place), found.parameters).all()
    return _grouped(rows, DailyPrice._make)


def _newest_days() -> Select[Any]:
    prices = stock_daily_prices
    return select(prices).where(prices.c.ticker == stocks.c.ticker).order_by(prices.c.date.desc())


@cache
def _days_as_json(place: Place) -> Select[Any]:
    """A row a ticker: thirty rows each are most of what a chunk reads, and cost the driver most of its time."""
    newest = _newest_days().limit(PRICE_DAYS).correlate(stocks).subquery()
    day = func.json_build_array(*(newest.c[name] for name in DailyPrice._fields))
    days = select(func.json_agg(aggregate_order_by(day, newest.c.date))).scalar_subquery()
    return select(stocks.c.ticker, cast(days, Text)).where(within(place))


def _days_from_json(text: str) -> list[DailyPrice]:
    days = orjson.loads(text)
    if '"' in text:  # JSON has no numbers for NaN and infinity: PostgreSQL writes them as text
        days = [[float(value) if isinstance(value, str) else value for value in day] for day in days]
    return [DailyPrice._make(day) for day in days]


@cache
def _days_by_date(place: Place) -> Select[Any]:
    """SQLite has no lateral joins, and rounds numbers in its JSON: there the oldest day that counts is looked up."""
    prices = stock_daily_prices
    oldest = _newest_days().with_only_columns(prices.c.date).correlate(stocks).offset(PRICE_DAYS - 1).limit(1)
    chosen = select(stocks.c.ticker, *(prices.c[name] for name in DailyPrice._fields))
    chosen = chosen.join_from(stocks, prices, prices.c.ticker == stocks.c.ticker)
    recent = prices.c.date >= func.coalesce(oldest.scalar_subquery(), "")
    return chosen.where(within(place), recent).order_by(stocks.c.ticker, prices.c.date)


def _grouped(rows: Iterable[Any], make: Callable[[Any], Any]) -> Mapping[str, list[Any]]:
    """What `make` makes of the columns after the first, by the first, which is the ticker."""
    groups: defaultdict[str, list[Any]] = defaultdict(list)
    for ticker, *values in rows:
        groups[ticker].append(make(values))
    return groups
