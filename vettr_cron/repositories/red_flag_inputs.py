"""Everything that the red flags' rules read, for a selection of stocks: one SELECT a table."""

from collections import defaultdict
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, select

from vettr_cron.domain.red_flags import RECENT, Filing, RedFlagInputs
from vettr_cron.models.tables import executives, filings, stocks
from vettr_cron.repositories.stocks import Place, Selection, Stretch, chosen_of, joined, stretch, within


def load(connection: Connection, selection: Selection, now: datetime) -> tuple[Stretch, list[RedFlagInputs]]:
    """The inputs of the stocks of a selection, in order; values are handed on unjudged."""
    place = selection.place
    found = stretch(connection, _stocks(place), selection)
    if not found.rows:
        return found, []
    which = found.parameters
    years = defaultdict(list)
    for ticker, years_at_company in connection.execute(_executives(place), which).all():
        years[ticker].append(years_at_company)
    newest = {row[0]: row[1] for row in connection.execute(_newest_filings(place), which).all()}
    recent = defaultdict(list)
    for ticker, *filing in connection.execute(_recent_filings(place), {**which, "since": now - RECENT}).all():
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
def _stocks(place: Place) -> Select[Any]:
    return chosen_of(select(stocks.c.id, stocks.c.ticker, stocks.c.market_cap), place)


@cache
def _executives(place: Place) -> Select[Any]:
    return joined(executives, executives.c.years_at_company).where(within(place))


@cache
def _newest_filings(place: Place) -> Select[Any]:
    return joined(filings, func.max(filings.c.date)).where(within(place)).group_by(stocks.c.ticker)


@cache
def _recent_filings(place: Place) -> Select[Any]:
    texts = joined(filings, filings.c.date, filings.c.title, filings.c.summary)
    return texts.where(within(place), filings.c.date >= bindparam("since"))
