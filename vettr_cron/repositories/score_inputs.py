"""Everything that the score's rules read, for a selection of stocks.

On PostgreSQL it is one statement, whose plan is the same at any size: one index lookup per stock and table. SQLite has
no lateral joins, and its JSON rounds numbers, so there it is one SELECT per table; statements are cheap there.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from itertools import groupby
from operator import itemgetter
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Connection, Select, Text, bindparam, cast, func, literal_column, select, true

from vettr_cron.domain.vetr_score import (
    INSIDER_WINDOW,
    PRICE_DAYS,
    DailyPrices,
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
from vettr_cron.models.types import in_utc
from vettr_cron.repositories.universe import (
    Page,
    Scope,
    Selection,
    aggregated,
    array_of,
    as_text,
    chosen_of,
    newest_of,
    read_page,
    with_ticker,
    within,
)

_FIGURES = (
    # In the order of the fields of StockInputs.
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
TABLES = (stocks, *_ONE_TO_ONE, executives, filings, insider_transactions, stock_daily_prices)
_NO_PRICES = DailyPrices()


def load(connection: Connection, selection: Selection, now: datetime) -> tuple[Page, list[StockInputs]]:
    """The inputs of the stocks of a selection, in order; values are passed on unchecked."""
    read = _read_at_once if connection.dialect.name == "postgresql" else _read_by_table
    return read(connection, selection, {"since": now - INSIDER_WINDOW})


def _read_at_once(
    connection: Connection, selection: Selection, times: Mapping[str, datetime]
) -> tuple[Page, list[StockInputs]]:
    found = read_page(connection, chunk_query(selection.scope), selection, times)
    return found, [_inputs_of(*row) for row in found.rows]


def _inputs_of(_stock_id: UUID, ticker: str, *values: Any) -> StockInputs:
    newest, years, companies, education, dates, texts, amounts, *series = values[len(_FIGURES) :]
    people = [Executive(*row) for row in zip(years, map(_parsed, companies), education, strict=True)] if years else ()
    trades = [InsiderTransaction(*row) for row in zip(dates, texts, amounts, strict=True)] if dates else ()
    prices = DailyPrices(*(figure[::-1] for figure in series)) if series[0] else _NO_PRICES
    return StockInputs._make((ticker, *values[: len(_FIGURES)], people, trades, newest, prices))


def _parsed(companies: object) -> object:
    """The names in the JSON of previous_companies; what cannot be parsed stays as it is, for the rules to refuse."""
    try:
        return None if companies is None else orjson.loads(companies)  # type: ignore[arg-type]  # whatever it is
    except (TypeError, ValueError, RecursionError):
        return companies


# As text: a value that is not JSON on SQLite, or too deeply nested for the parser, must fail its own stock alone.
_COMPANIES = cast(executives.c.previous_companies, Text)


# The platform adds up executives in this order; another would change the last bits of the sum.
_BY_YEARS = (executives.c.years_at_company.desc(), executives.c.id)
_NEWEST_FILING = newest_of(filings, in_utc(filings.c.date))


# Each statement is built once: building it takes longer than running it.
@cache
def chunk_query(scope: Scope) -> Select[Any]:
    """The one statement that reads a chunk's stocks on PostgreSQL."""
    education = as_text(executives.c.education)
    officer = {"years": executives.c.years_at_company, "companies": _COMPANIES, "education": education}
    columns = ("transaction_date", "transaction_text", "value")
    officers = aggregated(executives, officer, order=_BY_YEARS)
    insiders = aggregated(
        insider_transactions,
        {name: as_text(insider_transactions.c[name]) for name in columns},
        insider_transactions.c.transaction_date >= bindparam("since"),
    )
    prices = _newest_days().limit(PRICE_DAYS).correlate(stocks).subquery()
    # The arrays keep the order of the subquery's rows; sorting in each array_agg takes half as long again.
    series = select(*(array_of(prices.c[name], name) for name in DailyPrices._fields)).lateral("series")
    source = _stocks_with_one_to_one().join(officers, true()).join(insiders, true()).join(series, true())
    figures = map(as_text, _FIGURES)
    chosen = select(stocks.c.id, stocks.c.ticker, *figures, _NEWEST_FILING, *officers.c, *insiders.c, *series.c)
    return chosen_of(chosen.select_from(source), scope).execution_options(binary=True)


def _stocks_with_one_to_one() -> Any:
    source: Any = stocks
    for table in _ONE_TO_ONE:
        source = source.outerjoin(table, table.c.stock_id == stocks.c.id)
    return source


def _newest_days() -> Select[Any]:
    prices = stock_daily_prices
    return select(prices).where(prices.c.ticker == stocks.c.ticker).order_by(prices.c.date.desc())


def _read_by_table(
    connection: Connection, selection: Selection, times: Mapping[str, datetime]
) -> tuple[Page, list[StockInputs]]:
    scope = selection.scope
    found = read_page(connection, _figures_and_newest_filing(scope), selection)
    if not found.rows:
        return found, []
    which = found.parameters
    officers = _grouped(connection.execute(_executives(scope), which).all(), _executive)
    insiders = _grouped(connection.execute(_insiders(scope), {**which, **times}).all(), InsiderTransaction._make)
    # Prices need no conversion, and making a Row of each day would take longer than reading it.
    prices = _series(connection.execute(_days_by_date(scope), which).cursor.fetchall())
    return found, [
        StockInputs._make(
            (
                ticker,
                *figures,
                officers.get(ticker, ()),
                insiders.get(ticker, ()),
                newest,
                prices.get(number, _NO_PRICES),
            )
        )
        for _, ticker, *figures, newest, number in found.rows
    ]


@cache
def _figures_and_newest_filing(scope: Scope) -> Select[Any]:
    chosen = select(stocks.c.id, stocks.c.ticker, *_FIGURES, _NEWEST_FILING, _NUMBER)
    return chosen_of(chosen.select_from(_stocks_with_one_to_one()), scope)


_NUMBER: Any = literal_column("stocks.rowid")  # SQLite's own: a text would be decoded again for each day


@cache
def _executives(scope: Scope) -> Select[Any]:
    chosen = with_ticker(executives, executives.c.years_at_company, _COMPANIES, executives.c.education)
    return chosen.where(within(scope)).order_by(*_BY_YEARS)


def _executive(row: Sequence[Any]) -> Executive:
    years, companies, education = row
    return Executive(years, _parsed(companies), education)


@cache
def _insiders(scope: Scope) -> Select[Any]:
    table = insider_transactions
    chosen = with_ticker(table, table.c.transaction_date, table.c.transaction_text, table.c.value)
    return chosen.where(within(scope), in_utc(table.c.transaction_date) >= bindparam("since"))


@cache
def _days_by_date(scope: Scope) -> Select[Any]:
    """The days from the oldest one that counts, which a subquery looks up."""
    prices = stock_daily_prices
    oldest = _newest_days().with_only_columns(prices.c.date).correlate(stocks).offset(PRICE_DAYS - 1).limit(1)
    chosen = select(_NUMBER, *(prices.c[name] for name in DailyPrices._fields))
    chosen = chosen.join_from(stocks, prices, prices.c.ticker == stocks.c.ticker)
    recent = prices.c.date >= func.coalesce(oldest.scalar_subquery(), "")
    return chosen.where(within(scope), recent).order_by(stocks.c.ticker, prices.c.date)


def _grouped(rows: Iterable[Any], make: Callable[[Sequence[Any]], Any]) -> Mapping[str, list[Any]]:
    """What `make` makes of each row's other columns, by its first column, the ticker."""
    groups: defaultdict[str, list[Any]] = defaultdict(list)
    for ticker, *values in rows:
        groups[ticker].append(make(values))
    return groups


def _series(days: Sequence[Any]) -> Mapping[int, DailyPrices]:
    """The days of each stock, by its number, as one series per figure; a stock's days must be consecutive."""
    series = {}
    for number, its_days in groupby(days, itemgetter(0)):
        _, *figures = zip(*its_days, strict=True)
        series[number] = DailyPrices(*figures)
    return series
