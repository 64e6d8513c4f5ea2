"""The newest results at a glance, over the whole universe."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from vettr_cron.models.tables import red_flag_history, stocks

BAND = 10


class Scored(NamedTuple):
    """A stock with its score."""

    ticker: str
    name: str
    vetr_score: int


def scores_by_band(connection: Connection) -> dict[int | None, int]:
    """How many stocks have a score from 0 to 9, from 10 to 19, ..., by the band's number; None: no score yet."""
    band = stocks.c.vetr_score // BAND
    rows = connection.execute(select(band, func.count()).group_by(band)).all()
    return {row[0]: row[1] for row in rows}


def best_and_worst(connection: Connection, limit: int) -> tuple[list[Scored], list[Scored]]:
    """The stocks with the highest scores, and those with the lowest, extremes first."""
    scored = select(stocks.c.ticker, stocks.c.name, stocks.c.vetr_score).where(stocks.c.vetr_score.is_not(None))
    best = connection.execute(scored.order_by(stocks.c.vetr_score.desc(), stocks.c.ticker).limit(limit))
    worst = connection.execute(scored.order_by(stocks.c.vetr_score, stocks.c.ticker).limit(limit))
    return [Scored._make(row) for row in best], [Scored._make(row) for row in worst]


def flags_by_severity(connection: Connection, since: datetime) -> dict[str, int]:
    """The number of flags by severity, counting each stock's newest flags if they were detected since then."""
    flags = red_flag_history
    newest = (
        select(flags.c.stock_ticker, func.max(flags.c.detected_at).label("detected_at"))
        .where(flags.c.detected_at >= since)
        .group_by(flags.c.stock_ticker)
        .subquery()
    )
    same = (flags.c.stock_ticker == newest.c.stock_ticker) & (flags.c.detected_at == newest.c.detected_at)
    counts = select(flags.c.severity, func.count()).join_from(flags, newest, same).group_by(flags.c.severity)
    return {row[0]: row[1] for row in connection.execute(counts)}
