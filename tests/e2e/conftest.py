"""Fixtures of tests that start the programs."""

from collections.abc import Iterator

import pytest

from tests.world import World


@pytest.fixture
def sqlite_world(migrated_sqlite_url: str, redis_url: str) -> Iterator[World]:
    """A service on SQLite, with nothing in it."""
    world = World.make(migrated_sqlite_url, redis_url)
    yield world
    world.close()
