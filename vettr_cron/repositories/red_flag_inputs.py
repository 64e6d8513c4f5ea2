"""Everything that the red flag rules read, for a selection of stocks: as for the score, at once or table by table."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Select, bindparam, func, select, true

from vettr_cron.domain.red_flags import RECENT, Filing, RedFlagInputs
from vettr_cron.models.tables import executives, filings, stocks
from vettr_cron.models.types import in_utc
from vettr_cron.repositories.universe import (
    Page,
    Scope,
    Selection,
    aggregated,
    as_text,
    chosen_of,
    newest_of,
    read_page,
    with_ticker,
    within,
)

TABLES = (stocks, executives, filings)


def load(connection: Connection, selection: Selection, now: datetime) -> tuple[Page, list[RedFlagInputs]]:
    """The inputs of the stocks of a selection, in order; values are passed on unchecked."""
    read = _read_at_once if connection.dialect.name == "postgresql" else _read_by_table
    return read(connection, selection, {"since": now - RECENT})


_STOCK = (stocks.c.id, stocks.c.ticker, stocks.c.market_cap)


def _read_at_once(
    connection: Connection, selection: Selection, times: Mapping[str, datetime]
) -> tuple[Page, list[RedFlagInputs]]:
    found = read_page(connection, chunk_query(selection.scope), selection, times)
    return found, [_inputs_of(*row) for row in found.rows]


def _inputs_of(
    _stock_id: UUID, ticker: str, market_cap: Any, years: Any, dates: Any, titles: Any, summaries: Any, newest: Any
) -> RedFlagInputs:
    recent = [Filing(*row) for row in zip(dates, titles, summaries, strict=True)] if dates else ()
    return RedFlagInputs(ticker, market_cap, years or (), newest, recent)


# Each statement is built once: building it takes longer than running it.
@cache
def chunk_query(scope: Scope) -> Select[Any]:
    """The one statement that reads a chunk's stocks on PostgreSQL."""
    officers = aggregated(executives, {"years": executives.c.years_at_company})
    texts = {name: as_text(filings.c[name]) for name in Filing._fields}
    newest = func.max(filings.c.date).label("newest")
    recent = aggregated(filings, texts, filings.c.date >= bindparam("since"), over_all_rows=[newest])
    chosen = select(*_STOCK, *officers.c, *recent.c)
    source = stocks.join(officers, true()).join(recent, true())
    return chosen_of(chosen.select_from(source), scope).execution_options(binary=True)


def _read_by_table(
    connection: Connection, selection: Selection, times: Mapping[str, datetime]
) -> tuple[Page, list[RedFlagInputs]]:
    scope = selection.scope
    found = read_page(connection, _stocks(scope), selection)
    if not found.rows:
        return found, []
    which = found.parameters
    years = defaultdict(list)
    for ticker, years_at_company in connection.execute(_executives(scope), which).all():
        years[ticker].append(years_at_company)
    recent = defaultdict(list)
    for ticker, *filing in connection.execute(_recent_filings(scope), {**which, **times}).all():
        recent[ticker].append(Filing._make(filing))
    return found, [
        RedFlagInputs(ticker, market_cap, years.get(ticker, ()), newest, recent.get(ticker, ()))
        for _, ticker, market_cap, newest in found.rows
    ]


@cache
def _stocks(scope: Scope) -> Select[Any]:
    return chosen_of(select(*_STOCK, newest_of(filings, in_utc(filings.c.date))), scope)


@cache
def _executives(scope: Scope) -> Select[Any]:
    return with_ticker(executives, executives.c.years_at_company).where(within(scope))


@cache
def _recent_filings(scope: Scope) -> Select[Any]:
    texts = with_ticker(filings, *(filings.c[name] for name in Filing._fields))
    return texts.where(within(scope), in_utc(filings.c.date) >= bindparam("since"))
