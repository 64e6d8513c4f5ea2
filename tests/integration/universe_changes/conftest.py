"""A universe of 30 stocks."""

from collections.abc import Iterator

import pytest

from tests.integration.bare_stocks import add_stocks
from tests.integration.universe_changes.changes import STOCKS
from tests.world import World


@pytest.fixture
def universe(request: pytest.FixtureRequest, redis_url: str) -> Iterator[World]:
    """A service with 30 stocks, T00000 to T00029; on SQLite unless the test says otherwise."""
    url = request.getfixturevalue(f"migrated_{getattr(request, 'param', 'sqlite')}_url")
    world = World.make(url, redis_url)
    add_stocks(world, STOCKS)
    yield world
    world.close()
