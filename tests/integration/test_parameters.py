"""The parameters of the paths that advance jobs: where they may come from, and what they may hold."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.integration.bare_stocks import add_stocks
from tests.integration.replies import data_of, invalid_parameters_of
from tests.world import World

NO_WHOLE_NUMBERS = ["0", "-1", "%2B5", "abc", "1e3", "", "%20", "%205", "5.0", "1_000", "0x10", "٣", "%00", "9" * 30]


@pytest.fixture(scope="module")
def lonely_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A service without servers: a call that asked one of them before it is refused would not be a 422."""
    world = World.make(f"sqlite:///{tmp_path_factory.mktemp('none')}/not-there/vettr.db", "redis://127.0.0.1:1")
    yield world
    world.close()


@pytest.mark.parametrize(
    "body",
    [
        {"data": {"chunk_size": "2", "chunks": "2", "on_conflict": "error"}},
        {"data": {"chunk_size": "2", "chunks": "2"}, "content_type": "multipart/form-data"},
        {"json": {"chunk_size": 2, "chunks": 2, "on_conflict": "skip"}},
        {"json": {"chunk_size": "2", "chunks": "2"}},
        {"json": {"chunk_size": 2, "chunks": 2}, "headers": {"Content-Type": "application/json; charset=utf-8"}},
        {"query_string": "chunk_size=2&chunks=2&on_conflict=skip"},
        {"query_string": "chunk_size=0002&chunks=%32"},
    ],
)
def test_parameters_come_from_query_form_and_json(sqlite_world: World, body: Mapping[str, Any]) -> None:
    add_stocks(sqlite_world, 9)
    result = data_of(sqlite_world.call("scores", "POST", **body))
    assert (result["stocks_processed"], result["chunks_run"]) == (4, 2)


def test_a_null_in_json_is_a_parameter_that_is_not_given(sqlite_world: World) -> None:
    add_stocks(sqlite_world, 9)
    result = data_of(sqlite_world.call("scores", "POST", json={"chunk_size": None, "chunks": None}))
    assert (result["stocks_processed"], result["chunk_info"]["chunk_size"]) == (9, 100)


def test_the_largest_values_are_taken(sqlite_world: World) -> None:
    add_stocks(sqlite_world, 3)
    assert sqlite_world.data("scores?chunk_size=10000&chunks=1000000")["stop_reason"] == "cycle_complete"
    assert sqlite_world.data("scores?chunk_size=1&chunks=all")["chunks_run"] == 3


@pytest.mark.parametrize("path", ["scores", "red-flags", "refresh-all"])
@pytest.mark.parametrize(
    ("query", "name", "allowed"),
    [
        *((f"chunk_size={value}", "chunk_size", "from 1 to 10000") for value in (*NO_WHOLE_NUMBERS, "10001", "all")),
        *((f"chunks={value}", "chunks", "or all") for value in (*NO_WHOLE_NUMBERS, "1000001", "ALL", "none")),
        *((f"on_conflict={value}", "on_conflict", "skip or error") for value in ("", "SKIP", "fail", "0")),
        ("chunk_size=5&chunk_size=5", "chunk_size", "more than once"),
        ("on_conflict=skip&on_conflict=error", "on_conflict", "more than once"),
        (
            "limit=5",
            "limit",
            "is not a parameter of this path; allowed: chunk_size, chunks, only, tickers, dry_run, on_conflict",
        ),
        ("Chunk_Size=5", "Chunk_Size", "is not a parameter of this path"),
        ("=5", "", "is not a parameter of this path"),
        ("chunk_size[]=5", "chunk_size[]", "is not a parameter of this path"),
    ],
)
def test_a_bad_parameter_is_named_with_what_it_may_be(
    lonely_world: World, path: str, query: str, name: str, allowed: str
) -> None:
    problems = invalid_parameters_of(lonely_world.call(f"{path}?{query}"))
    assert problems.keys() == {name}
    assert allowed in problems[name]


def test_all_bad_parameters_are_named_at_once(lonely_world: World) -> None:
    response = lonely_world.call("scores?chunk_size=0&chunks=x&on_conflict=maybe&limit=3")
    assert invalid_parameters_of(response).keys() == {"chunk_size", "chunks", "on_conflict", "limit"}
