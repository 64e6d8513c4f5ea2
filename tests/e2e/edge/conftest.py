"""A web process that all tests of the edge share."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.web import Web, serving
from tests.servers.redis_server import PrivateRedis
from tests.world import World


@pytest.fixture(scope="session")
def web(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory, redis_server: PrivateRedis) -> Iterator[Web]:
    path = shutil.copy(migrated_file, tmp_path_factory.mktemp("edge"))
    world = World.make(f"sqlite:///{path}", redis_server.url)
    with serving(world) as web:
        yield web
    world.close()
