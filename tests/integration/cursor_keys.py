"""The scores' cursor as it stands in Redis, and which stocks a cycle has done."""

from uuid import UUID

from tests.world import World
from tests.written_rows import stock_ids, stocks_done

OFFSET, POSITION = "cron:scores:offset", "cron:scores:position"
TTL = 86_400


def cycle_of(world: World) -> UUID:
    """The cycle that is under way."""
    return UUID(str(world.redis.hget(POSITION, "cycle_id")))


def ranks_done(world: World, cycle: str) -> set[int]:
    """The ranks, from 0, of the stocks that a cycle has scored."""
    stocks = list(stock_ids(world).values())
    return {stocks.index(stock) for stock in stocks_done(world, "scores", cycle, stocks)}
