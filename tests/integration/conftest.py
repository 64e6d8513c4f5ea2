"""Fixtures of a service inside the test's own process."""

from collections.abc import Iterator

import pytest
from redis import Redis

from tests.integration.applications import AppMaker
from tests.servers.celery_worker import Work, working
from tests.world import World

# What a call of a chunk comes to, whoever does its groups.
ON_BOTH_ENGINES = (
    "test_asked_for",
    "test_bad_stocks",
    "test_cached_answers",
    "test_cursor",
    "test_cycle",
    "test_database_refusals",
    "test_failing_stocks",
    "test_golden_refresh",
    "test_one_run",
    "test_order_of_executives",
    "test_pause",
    "test_refused_at_commit",
    "test_reloaded_tables",
    "test_reused_tickers",
    "test_rows_not_kept",
    "test_run_rows",
    "test_skipped_calls",
    "test_sort_orders",
    "test_strange_timestamps",
    "test_texts",
    "test_times_with_offsets",
    "test_unreadable_stocks",
    "test_unreadable_values",
    "universe_changes",
)
ON_CELERY = "celery-postgresql"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what would ask the second engine about something that has nothing to do with it."""
    needless = [item for item in items if f"[{ON_CELERY}" in item.name and not _is_on_both(item)]
    config.hook.pytest_deselected(items=needless)
    items[:] = [item for item in items if item not in needless]


def _is_on_both(item: pytest.Item) -> bool:
    if item.get_closest_marker("own_job"):
        return False
    return any(f"/{name}." in item.nodeid or f"/{name}/" in item.nodeid for name in ON_BOTH_ENGINES)


@pytest.fixture(params=["sqlite", "postgresql", ON_CELERY])
def world(request: pytest.FixtureRequest, redis_url: str) -> Iterator[World]:
    """A service on a migrated database, of each kind, and an empty Redis; in some modules with each engine too."""
    if request.param == ON_CELERY:
        yield request.getfixturevalue("celery_world")
        return
    kind = {"sqlite": "migrated_sqlite_url", "postgresql": "migrated_postgres_url"}[request.param]
    world = World.make(request.getfixturevalue(kind), redis_url)
    yield world
    world.close()


@pytest.fixture
def celery_world(migrated_postgres_url: str, redis_url: str) -> Iterator[World]:
    """A service whose groups a worker does."""
    with working(Work(database_url=migrated_postgres_url, redis_url=redis_url)):
        sizes = {"cron_chunk_size": 100, "cron_group_size": 40}
        world = World.make(migrated_postgres_url, redis_url, cron_engine="celery", **sizes)
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
