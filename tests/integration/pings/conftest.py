"""A host that is told how calls go, and services that tell it."""

from collections.abc import Iterator

import pytest

from tests.integration.ping_hosts import Recorder, recorder
from tests.integration.pings.worlds import MakeWorld
from tests.world import World


@pytest.fixture
def host() -> Iterator[Recorder]:
    with recorder() as host:
        yield host


@pytest.fixture
def make_world(migrated_sqlite_url: str, redis_url: str, host: Recorder) -> Iterator[MakeWorld]:
    """Makes services whose scores tell the host; `values` are other settings, or other servers."""
    worlds = []

    def make(database_url: str = migrated_sqlite_url, redis_url: str = redis_url, **values: object) -> World:
        worlds.append(World.make(database_url, redis_url, **{"cron_ping_url_scores": host.url, **values}))
        return worlds[-1]

    yield make
    for world in worlds:
        world.close()


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    return make_world()
