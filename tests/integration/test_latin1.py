"""A database of encoding LATIN1: all works, and a character that it lacks is told to whoever sends it."""

from collections.abc import Iterator

import pytest

from tests.integration.commands import FAILED, run
from tests.integration.encoded_worlds import encoded_world
from tests.integration.replies import error_of, invalid_parameters_of
from tests.integration.shown_stocks import add, found, one
from tests.servers.postgres_server import PostgresServer
from tests.world import World

LACKS = "The database's encoding lacks a character of what was given"


@pytest.fixture
def world(postgres_server: PostgresServer, redis_url: str) -> Iterator[World]:
    with encoded_world(postgres_server, "LATIN1", redis_url) as world:
        yield world


def test_a_cycle_works(world: World) -> None:
    world.generate(5)
    world.execute("UPDATE executives SET education = 'Dipl\u00f4me'")
    assert world.data("refresh-all?chunks=all")["scores"]["succeeded"] == 5


@pytest.mark.parametrize(
    "path",
    [
        *("scores?tickers=%E6%A0%AA", "refresh-all?tickers=%E6%A0%AA", "scores?tickers=%E6%A0%AA&dry_run=1"),
        *("history?job=%E6%A0%AA", "failures?after=%E6%A0%AA"),
        *("coverage?job=scores&stocks=never&after=%E6%A0%AA",),
    ],
)
def test_a_character_that_it_lacks(world: World, path: str) -> None:
    assert LACKS in error_of(world.call(path), 422, "VALIDATION_ERROR")["message"]


def test_a_reason_that_it_cannot_hold(world: World) -> None:
    error = error_of(world.call("pause?reason=%E6%A0%AA", "POST"), 422, "VALIDATION_ERROR")
    assert "has no equivalent in encoding" in error["message"]
    assert world.data("status")["jobs"]["scores"]["paused"] is None


def test_a_command_that_names_such_a_stock(world: World) -> None:
    done = run(world, "cron", "scores", "--tickers", "\u682a")
    assert done.exit_code == FAILED
    assert done.stderr.endswith(f"Error: {LACKS}\n")


def test_a_stock_is_found_by_what_the_encoding_has(world: World) -> None:
    add(world, ("É", "Société"))
    assert found(world, "SOCIÉTÉ") == ["É"]
    assert one(world, "É")["ticker"] == "É"
    for path, name in (("stocks?search=%E6%A0%AA", "search"), ("stocks/%E6%A0%AA", "ticker")):
        assert invalid_parameters_of(world.call(path)) == {name: LACKS}


@pytest.mark.parametrize("letter", ["\u00ff", "\u00b5"], ids=["y with diaeresis", "micro"])
def test_a_letter_whose_capital_it_lacks_is_found(world: World, letter: str) -> None:
    add(world, (f"A{letter}", "Alpha"), ("B", f"Soci\u00e9t\u00e9 {letter}"), ("C", f"SOCI\u00c9T\u00c9 {letter}"))
    assert found(world, letter) == ["B", "C"]
    assert found(world, f"a{letter}") == [f"A{letter}"]
    assert found(world, f"soci\u00e9t\u00e9 {letter}") == ["B"]
