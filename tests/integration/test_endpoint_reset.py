"""GET, POST /v1/cron/reset."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.integration.bare_stocks import add_stocks, everything
from tests.integration.replies import data_of, invalid_parameters_of
from tests.world import World
from vettr_cron.redis_store.leases import Lease, Leases


@pytest.fixture
def begun(sqlite_world: World) -> World:
    """A service in the middle of both jobs' cycles."""
    add_stocks(sqlite_world, 5)
    sqlite_world.data("refresh-all?chunk_size=2")
    return sqlite_world


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_it_forgets_both_cursors(begun: World, method: str) -> None:
    assert data_of(begun.call("reset", method)) == {
        "message": "Cron cursors reset",
        "reset": ["scores", "red-flags"],
    }
    status = begun.data("status")
    assert (status["scores_offset"], status["red_flags_offset"]) == (0, 0)
    assert begun.redis.keys("cron:*") == []


@pytest.mark.parametrize(
    "request_of",
    [
        {"query_string": "job=scores"},
        {"method": "POST", "query_string": "job=scores"},
        {"method": "POST", "data": {"job": "scores"}},
        {"method": "POST", "json": {"job": "scores"}},
    ],
)
def test_job_limits_it_to_one(begun: World, request_of: Mapping[str, Any]) -> None:
    assert data_of(begun.call("reset", **request_of)) == {"message": "Cron cursors reset", "reset": ["scores"]}
    status = begun.data("status")
    assert (status["scores_offset"], status["red_flags_offset"]) == (0, 2)


def test_the_next_call_starts_a_new_cycle_at_0(begun: World) -> None:
    before = begun.data("status")["jobs"]["scores"]["cycle"]["cycle_id"]
    begun.data("reset")
    result = begun.data("scores?chunk_size=2")
    assert result["chunk_info"]["current_offset"] == 0
    assert result["cycle_id"] not in (None, before)
    assert "warning" not in result


def test_results_answers_and_runs_stay(begun: World) -> None:
    rows, keys = everything(begun)
    begun.data("reset")
    left, left_keys = everything(begun)
    assert left == rows
    assert left_keys == {key: value for key, value in keys.items() if not key.startswith("cron:")}


def test_it_leaves_the_lease_alone(begun: World) -> None:
    leases = Leases(begun.redis, 30)
    lease = leases.acquire("scores")
    assert isinstance(lease, Lease)
    begun.data("reset")
    assert leases.renew(lease)
    assert begun.data("scores")["status"] == "skipped"


def test_doing_it_again_does_no_harm(sqlite_world: World) -> None:
    for _ in range(2):
        assert sqlite_world.data("reset")["reset"] == ["scores", "red-flags"]


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("job=", "job"),
        ("job=all", "job"),
        ("job=SCORES", "job"),
        ("job=refresh-scores", "job"),
        ("job=scores,red-flags", "job"),
        ("job=scores&job=red-flags", "job"),
        ("jobs=scores", "jobs"),
        ("job=scores&yes=1", "yes"),
    ],
)
def test_a_bad_parameter_is_named_and_nothing_is_reset(begun: World, query: str, name: str) -> None:
    before = everything(begun)
    assert invalid_parameters_of(begun.call(f"reset?{query}")).keys() == {name}
    assert everything(begun) == before
