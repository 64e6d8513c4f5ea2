"""Everything that the score's rules read, for a stretch of the universe: one SELECT a table."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, Text, cast, func, literal, select

from vettr_cron.domain.vetr_score import INSIDER_WINDOW, DailyPrice, Executive, InsiderTransaction, StockInputs
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
from vettr_cron.repositories.stocks import Stretch, joined, stretch

PRICE_DAYS = 30

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


def load(connection: Connection, after: str | None, limit: int, now: datetime) -> tuple[Stretch, list[StockInputs]]:
    """The inputs of the next `limit` stocks beyond a ticker, in order; values are handed on unjudged."""
    found = stretch(connection, _stocks_with_figures(), after, limit)
    officers = _grouped(connection.execute(_executives().where(found.within)), _executive)
    insiders = _grouped(connection.execute(_insiders(now).where(found.within)), InsiderTransaction._make)
    prices = _grouped(connection.execute(_prices(connection, found)), DailyPrice._make)
    newest = dict(_pairs(connection.execute(_newest_filings().where(found.within))))
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


def _stocks_with_figures() -> Select[Any]:
    source: Any = stocks
    for table in _ONE_TO_ONE:
        source = source.outerjoin(table, table.c.stock_id == stocks.c.id)
    return select(stocks.c.id, stocks.c.ticker, *_FIGURES).select_from(source)


def _executives() -> Select[Any]:
    # As text: what is no JSON on SQLite, or nested too deep for the parser, must fail its own stock alone.
    companies = cast(executives.c.previous_companies, Text)
    return joined(executives, executives.c.years_at_company, companies, executives.c.education)


def _executive(row: tuple[Any, ...]) -> Executive:
    years, companies, education = row
    # What cannot be parsed stays the text that it is: no list, so that the rules name it.
    with suppress(TypeError, ValueError, RecursionError):
        companies = None if companies is None else json.loads(companies)
    return Executive(years, companies, education)


def _insiders(now: datetime) -> Select[Any]:
    table = insider_transactions
    return joined(table, table.c.transaction_date, table.c.transaction_text, table.c.value).where(
        table.c.transaction_date >= now - INSIDER_WINDOW
    )


def _newest_filings() -> Select[Any]:
    return joined(filings, func.max(filings.c.date)).group_by(stocks.c.ticker)


def _prices(connection: Connection, found: Stretch) -> Select[Any]:
    """The newest days of each ticker, oldest first."""
    prices = stock_daily_prices
    days = select(prices).where(prices.c.ticker == stocks.c.ticker).order_by(prices.c.date.desc())
    columns = ("high", "low", "close", "previous_close")
    if connection.dialect.name == "postgresql":
        newest = days.limit(PRICE_DAYS).lateral("newest")
        chosen = select(stocks.c.ticker, *(newest.c[name] for name in columns)).join_from(stocks, newest, literal(True))
        return chosen.where(found.within).order_by(stocks.c.ticker, newest.c.date)
    # SQLite has no lateral joins; there the oldest day that counts is looked up for each ticker.
    oldest = days.with_only_columns(prices.c.date).correlate(stocks).offset(PRICE_DAYS - 1).limit(1).scalar_subquery()
    chosen = select(stocks.c.ticker, *(prices.c[name] for name in columns))
    chosen = chosen.join_from(stocks, prices, prices.c.ticker == stocks.c.ticker)
    recent = prices.c.date >= func.coalesce(oldest, "")
    return chosen.where(found.within, recent).order_by(stocks.c.ticker, prices.c.date)


def _grouped(rows: Iterable[Any], make: Any) -> Mapping[str, list[Any]]:
    groups: defaultdict[str, list[Any]] = defaultdict(list)
    for row in rows:
        groups[row[0]].append(make(row[1:]))
    return groups


def _pairs(rows: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    return ((row[0], row[1]) for row in rows)
