"""Which rows a cycle has written, told from their ids, which derive from cycle, job, stock and kind."""

from collections.abc import Iterable
from uuid import UUID, uuid5

from tests.world import World

TABLES = {"scores": "vetr_score_history", "red-flags": "red_flag_history"}
KINDS = {
    "scores": ("vetr_score_history",),
    "red-flags": ("consolidation_velocity", "financing_velocity", "executive_churn", "disclosure_gaps", "debt_trend"),
}
ANSWERS = {"scores": "vetr_score", "red-flags": "red_flags"}
TIMES = {"scores": "calculated_at", "red-flags": "detected_at"}


def row_ids(job: str, cycle: UUID | str, stock: UUID | str) -> set[UUID]:
    """The ids of all rows that a cycle of the job writes for a stock."""
    return {uuid5(UUID(str(cycle)), f"{job}:{UUID(str(stock))}:{kind}") for kind in KINDS[job]}


def stocks_done(world: World, job: str, cycle: UUID | str, stocks: Iterable[UUID]) -> set[UUID]:
    """Those of the stocks for which the cycle has written every row; a stock with some of its rows is a mistake."""
    written = {row["id"] for row in world.table(TABLES[job])}
    done = set()
    for stock in stocks:
        expected = row_ids(job, cycle, stock)
        found = expected & written
        assert not found or found == expected, "a stock has some of its rows, and not the others"
        if found:
            done.add(stock)
    return done


def stock_ids(world: World) -> dict[str, UUID]:
    """The id of each stock by its ticker, in the database's order of tickers."""
    return {row["ticker"]: row["id"] for row in sorted(world.table("stocks"), key=lambda row: str(row["ticker"]))}
