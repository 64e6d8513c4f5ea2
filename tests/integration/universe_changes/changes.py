"""Changes of a universe of 30 stocks."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from tests.world import World

STOCKS = 30
Change = Callable[[World], object]


def add(*tickers: str) -> Change:
    def change(world: World) -> None:
        named = {"name": "Newcomer", "exchange": "TSX", "sector": "Mining", "price": 2.5, "market_cap": 1e6}
        world.add("stocks", *({"id": uuid4(), "ticker": ticker, **named} for ticker in tickers))

    return change


def remove(*ranks: int) -> Change:
    def change(world: World) -> None:
        for rank in ranks:
            world.execute("DELETE FROM stocks WHERE ticker = :ticker", ticker=f"T{rank:05}")

    return change


def rename(ticker: str, new: str) -> Change:
    def change(world: World) -> None:
        world.execute("UPDATE stocks SET ticker = :new WHERE ticker = :ticker", ticker=ticker, new=new)

    return change


def both(*changes: Change) -> Change:
    return lambda world: [change(world) for change in changes]


def finish(world: World, job: str, chunk_size: int = 10) -> list[Any]:
    """Calls until the cycle ends, and what they said."""
    results = [world.data(f"{job}?chunk_size={chunk_size}")]
    while not results[-1]["chunk_info"]["is_complete"]:
        results.append(world.data(f"{job}?chunk_size={chunk_size}"))
        assert len(results) < 100
    return results
