"""Stocks of which nothing but the name is known: enough for the jobs, and there in no time."""

from collections.abc import Mapping
from uuid import uuid4

from tests.world import World

INFINITY = float("inf")


def add_stocks(world: World, count: int, *, unscorable: int = 0, unflaggable: int = 0) -> list[str]:
    """Add stocks; the first ones have figures that the scores, or the flags, cannot be computed from."""
    rows = [
        {
            "id": uuid4(),
            "ticker": f"T{number:05}",
            "name": f"Company {number}",
            "exchange": "TSX",
            "sector": "Mining",
            "price": INFINITY if number < unscorable else 1.5,
            "market_cap": INFINITY if number < unflaggable else 1e6,
        }
        for number in range(count)
    ]
    world.add("stocks", *rows)
    return [str(row["ticker"]) for row in rows]


def everything(world: World) -> tuple[Mapping[str, list[str]], Mapping[str, object]]:
    """All that the service could have changed, in the database and in Redis, for a comparison."""
    names = ("stocks", "cron_job_runs", "vetr_score_history", "vetr_score_snapshots", "red_flag_history")
    rows = {name: sorted(map(str, world.table(name))) for name in names}
    return rows, {str(key): world.redis.dump(key) for key in sorted(world.redis.keys())}
