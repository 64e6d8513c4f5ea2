"""Everything that the red flags' rules read, for a stretch of the universe: one SELECT a table."""

from collections import defaultdict
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, select

from vettr_cron.domain.red_flags import RECENT, Filing, RedFlagInputs
from vettr_cron.models.tables import executives, filings, stocks
from vettr_cron.repositories.stocks import Stretch, joined, next_of, stretch, within


def load(connection: Connection, after: str | None, limit: int, now: datetime) -> tuple[Stretch, list[RedFlagInputs]]:
    """The inputs of the next `limit` stocks beyond a ticker, in order; values are handed on unjudged."""
    first = after is None
    found = stretch(connection, _stocks(first), after, limit)
    if not found.rows:
        return found, []
    place = found.parameters
    years = defaultdict(list)
    for ticker, years_at_company in connection.execute(_executives(first), place).all():
        years[ticker].append(years_at_company)
    newest = {row[0]: row[1] for row in connection.execute(_newest_filings(first), place).all()}
    recent = defaultdict(list)
    for ticker, *filing in connection.execute(_recent_filings(first), {**place, "since": now - RECENT}).all():
        recent[ticker].append(Filing._make(filing))
    return found, [
        RedFlagInputs(
            ticker=row.ticker,
            market_cap=row.market_cap,
            executives_years=years.get(row.ticker, ()),
            newest_filing=newest.get(row.ticker),
            recent_filings=recent.get(row.ticker, ()),
        )
        for row in found.rows
    ]


# Each statement is made once: to describe it takes longer than to run it.
@cache
def _stocks(first: bool) -> Select[Any]:
    return next_of(select(stocks.c.id, stocks.c.ticker, stocks.c.market_cap), first)


@cache
def _executives(first: bool) -> Select[Any]:
    return joined(executives, executives.c.years_at_company).where(within(first))


@cache
def _newest_filings(first: bool) -> Select[Any]:
    return joined(filings, func.max(filings.c.date)).where(within(first)).group_by(stocks.c.ticker)


@cache
def _recent_filings(first: bool) -> Select[Any]:
    texts = joined(filings, filings.c.date, filings.c.title, filings.c.summary)
    return texts.where(within(first), filings.c.date >= bindparam("since"))
