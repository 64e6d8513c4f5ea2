"""Stocks for the endpoints that find and show them, and what these answer."""

from typing import Any
from urllib.parse import quote
from uuid import uuid4

from tests.integration.replies import data_of
from tests.world import World


def add(world: World, *stocks: tuple[str, str], **values: Any) -> None:
    """Stocks by ticker and name."""
    common = {"exchange": "TSX", "sector": "Mining", **values}
    world.add("stocks", *({"id": uuid4(), "ticker": ticker, "name": name, **common} for ticker, name in stocks))


def found(world: World, search: str, more: str = "") -> list[str]:
    data = data_of(world.call(f"stocks?search={quote(search, safe='')}{more}"))
    assert data["total"] == len(data["stocks"])
    return [stock["ticker"] for stock in data["stocks"]]


def one(world: World, ticker: str) -> Any:
    return data_of(world.call(f"stocks/{quote(ticker, safe='')}"))
