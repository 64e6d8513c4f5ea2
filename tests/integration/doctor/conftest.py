"""Services that are in use and have nothing wrong."""

import pytest

from tests.integration.doctor.examinations import in_use
from tests.world import World


@pytest.fixture
def healthy(sqlite_world: World) -> World:
    return in_use(sqlite_world)


@pytest.fixture
def healthy_on_postgres(postgres_world: World) -> World:
    return in_use(postgres_world)
