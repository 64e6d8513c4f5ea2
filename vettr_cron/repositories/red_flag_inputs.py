"""Everything that the red flags' rules read, for a stretch of the universe: one SELECT a table."""

from collections import defaultdict
from datetime import datetime

from sqlalchemy import Connection, func, select

from vettr_cron.domain.red_flags import RECENT, Filing, RedFlagInputs
from vettr_cron.models.tables import executives, filings, stocks
from vettr_cron.repositories.stocks import Stretch, joined, stretch


def load(connection: Connection, after: str | None, limit: int, now: datetime) -> tuple[Stretch, list[RedFlagInputs]]:
    """The inputs of the next `limit` stocks beyond a ticker, in order; values are handed on unjudged."""
    found = stretch(connection, select(stocks.c.id, stocks.c.ticker, stocks.c.market_cap), after, limit)
    years = defaultdict(list)
    officers = joined(executives, executives.c.years_at_company).where(found.within)
    for ticker, years_at_company in connection.execute(officers).all():
        years[ticker].append(years_at_company)
    newest = joined(filings, func.max(filings.c.date)).where(found.within).group_by(stocks.c.ticker)
    newest_filings = {row[0]: row[1] for row in connection.execute(newest).all()}
    texts = joined(filings, filings.c.date, filings.c.title, filings.c.summary)
    recent = defaultdict(list)
    for ticker, *filing in connection.execute(texts.where(found.within, filings.c.date >= now - RECENT)).all():
        recent[ticker].append(Filing._make(filing))
    return found, [
        RedFlagInputs(
            ticker=row.ticker,
            market_cap=row.market_cap,
            executives_years=years.get(row.ticker, ()),
            newest_filing=newest_filings.get(row.ticker),
            recent_filings=recent.get(row.ticker, ()),
        )
        for row in found.rows
    ]
