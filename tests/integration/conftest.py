"""Fixtures of a service inside the test's own process."""

from collections.abc import Iterator

import pytest
from redis import Redis

from tests.integration.applications import AppMaker
from tests.world import World


@pytest.fixture
def world(migrated_url: str, redis_url: str) -> Iterator[World]:
    """A service on a migrated database, of each kind, and an empty Redis."""
    world = World.make(migrated_url, redis_url)
    yield world
    world.close()


@pytest.fixture
def postgres_world(migrated_postgres_url: str, redis_url: str) -> Iterator[World]:
    """A service on PostgreSQL, for what only PostgreSQL does."""
    world = World.make(migrated_postgres_url, redis_url)
    yield world
    world.close()


@pytest.fixture
def sqlite_world(migrated_sqlite_url: str, redis_url: str) -> Iterator[World]:
    """A service on SQLite, for what only SQLite does, or what no database has to do with."""
    world = World.make(migrated_sqlite_url, redis_url)
    yield world
    world.close()


@pytest.fixture
def client(redis_url: str) -> Iterator["Redis"]:
    """A client of an empty Redis."""
    with Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


@pytest.fixture
def make_app(migrated_sqlite_url: str, redis_url: str) -> AppMaker:
    """Makes applications of other settings on SQLite and an empty Redis."""
    return AppMaker(migrated_sqlite_url, redis_url)
