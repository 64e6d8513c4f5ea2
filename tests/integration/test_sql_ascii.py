"""A database of encoding SQL_ASCII, as initdb makes them where no language is set: all works."""

from collections.abc import Iterator

import pytest

from tests.servers.postgres_server import PostgresServer
from tests.world import World, migrate_database


@pytest.fixture
def world(postgres_server: PostgresServer, redis_url: str) -> Iterator[World]:
    url = postgres_server.create_plain_database()
    migrate_database(url)
    world = World.make(url, redis_url)
    yield world
    world.close()
    postgres_server.drop_database(url)


def test_a_cycle_and_its_reports_work(world: World) -> None:
    world.generate(20)
    world.execute("UPDATE executives SET education = 'Diplôme', previous_companies = '[\"Société\"]'")
    data = world.data("refresh-all?chunks=all")
    assert (data["scores"]["succeeded"], data["red_flags"]["succeeded"]) == (20, 20)
    assert world.data("status")["total_stocks"] == 20
    assert world.data("coverage")["jobs"]["scores"]["fresh"] == 20
    result = world.app.test_cli_runner().invoke(args=["cron", "overview"])
    assert result.exit_code == 0, result.output
