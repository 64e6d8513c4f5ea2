"""Servers in place of those that compose.yaml starts."""

from collections.abc import Iterator

import pytest

from tests.deploy.compose_services import RedisOfTheFile
from tests.deploy.loopback import LoopbackPostgres


@pytest.fixture
def postgres() -> Iterator[LoopbackPostgres]:
    """A PostgreSQL as a container reaches it."""
    with LoopbackPostgres().running() as server:
        yield server


@pytest.fixture
def redis() -> Iterator[RedisOfTheFile]:
    """A Redis as the file starts it."""
    with RedisOfTheFile().running() as server:
        yield server
