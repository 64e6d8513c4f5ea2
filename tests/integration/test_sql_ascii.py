"""A database of encoding SQL_ASCII, as initdb makes them where no language is set: all works."""

from collections.abc import Iterator

import pytest

from tests.integration.encoded_worlds import encoded_world
from tests.integration.replies import error_of
from tests.servers.postgres_server import PostgresServer
from tests.world import World
from vettr_cron.services.doctor.doctor import State


@pytest.fixture
def world(postgres_server: PostgresServer, redis_url: str) -> Iterator[World]:
    with encoded_world(postgres_server, "SQL_ASCII", redis_url) as world:
        yield world


def test_a_cycle_and_its_reports_work(world: World) -> None:
    world.generate(20)
    world.execute("UPDATE executives SET education = 'Diplôme', previous_companies = '[\"Société\"]'")
    data = world.data("refresh-all?chunks=all")
    assert (data["scores"]["succeeded"], data["red_flags"]["succeeded"]) == (20, 20)
    assert world.data("status")["total_stocks"] == 20
    assert world.data("coverage")["jobs"]["scores"]["fresh"] == 20
    result = world.app.test_cli_runner().invoke(args=["cron", "overview"])
    assert result.exit_code == 0, result.output


LATIN_1 = f"convert_from(decode('{'Diplôme'.encode('latin-1').hex()}', 'hex'), 'SQL_ASCII')"


def test_a_text_that_is_not_utf8_fails_its_stock_alone(world: World) -> None:
    ticker = world.generate(5)[3]
    world.execute(
        f"UPDATE executives SET education = {LATIN_1} WHERE stock_id = (SELECT id FROM stocks WHERE ticker = :ticker)",
        ticker=ticker,
    )
    result = world.data("scores")
    assert ([failure["ticker"] for failure in result["failures"]], result["succeeded"]) == ([ticker], 4)
    assert "text that is not UTF-8" in result["failures"][0]["error"]


def test_texts_that_are_not_utf8_are_reported(world: World) -> None:
    world.generate(5)
    world.execute(f"UPDATE executives SET education = {LATIN_1}")
    error = error_of(world.call("scores"), 500, "JOB_FAILED")
    assert "text that is not UTF-8" in error["message"]
    (check,) = [check for check in world.services.doctor.examine().checks if check.name == "universe"]
    assert (check.state, "text that is not UTF-8" in check.found) == (State.PROBLEM, True)
