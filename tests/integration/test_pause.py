"""A job that an operator has paused does nothing until it is let go on, and says so everywhere."""

import pytest

from tests.integration.bare_stocks import add_stocks, everything
from tests.integration.meddling import at_stock, refresh
from tests.integration.replies import error_of
from tests.jobs import THE_TWO
from tests.world import World
from vettr_cron.domain.run import CallStatus, StopReason

per_job = pytest.mark.parametrize("job", list(THE_TWO))


@per_job
def test_a_paused_job_is_skipped_with_the_reason_and_goes_on_afterwards(world: World, job: str) -> None:
    add_stocks(world, 6)
    world.data(f"{job}?chunk_size=2")
    paused = world.data(f"pause?job={job}&reason=prices%20are%20reloaded", method="POST")["paused"]
    assert list(paused) == [job]
    before = everything(world)
    for query in ("chunk_size=2", "on_conflict=error", "only=failed", "tickers=T00001"):
        result = world.data(f"{job}?{query}")
        assert (result["status"], result["stop_reason"], result["chunks_run"]) == ("skipped", "paused", 0)
        assert result["paused"] == paused[job]
        assert result["paused"]["reason"] == "prices are reloaded"
        assert (result["chunk_info"]["current_offset"], result["chunk_info"]["total_stocks"]) == (2, 6)
    assert everything(world) == before
    assert world.data("status")["jobs"][THE_TWO[job].key]["paused"] == paused[job]
    assert world.data(f"resume?job={job}", method="POST") == {"paused": {}}
    assert world.data(f"{job}?chunk_size=2")["chunk_info"]["current_offset"] == 2
    assert world.data("status")["jobs"][THE_TWO[job].key]["paused"] is None


def test_a_pause_of_one_job_leaves_the_other_alone(world: World) -> None:
    add_stocks(world, 3)
    world.data("pause?job=scores", method="POST")
    results = world.data("refresh-all")
    assert (results["scores"]["stop_reason"], results["red_flags"]["stop_reason"]) == ("paused", "cycle_complete")


@pytest.mark.own_job
def test_a_call_under_way_stops_before_its_next_chunk(world: World) -> None:
    add_stocks(world, 9)
    job = at_stock(THE_TWO["scores"], 4, lambda: world.data("pause?reason=enough", method="POST"))
    result = refresh(world, job, chunk_size=3, chunks=None)
    assert (result.status, result.stop_reason, result.succeeded) == (CallStatus.COMPLETED, StopReason.PAUSED, 6)
    assert result.pause and result.pause.reason == "enough"
    assert {run["status"] for run in world.table("cron_job_runs")} == {"completed"}
    assert world.redis.get("cron:scores:offset") == "6"
    assert not world.redis.exists("cron:scores:lease")


def test_a_pause_outlives_redis_and_a_second_one_keeps_its_time(world: World) -> None:
    add_stocks(world, 3)
    first = world.data("pause?reason=one", method="POST")["paused"]
    world.redis.flushdb()
    assert world.data("scores")["stop_reason"] == "paused"
    second = world.data("pause?reason=two", method="POST")["paused"]
    assert {job: pause["since"] for job, pause in second.items()} == {
        job: pause["since"] for job, pause in first.items()
    }
    assert {pause["reason"] for pause in second.values()} == {"two"}


def test_a_paused_job_begins_no_cycle(sqlite_world: World) -> None:
    add_stocks(sqlite_world, 3)
    sqlite_world.data("pause", method="POST")
    sqlite_world.data("refresh-all")
    assert not sqlite_world.redis.keys("cron:*")


@pytest.mark.parametrize("path", ["pause", "resume"])
def test_a_pause_is_no_look(sqlite_world: World, path: str) -> None:
    error_of(sqlite_world.call(path), 405, "METHOD_NOT_ALLOWED")
    error_of(sqlite_world.call(f"{path}?job=all", method="POST"), 422, "VALIDATION_ERROR")
    error_of(sqlite_world.client.post(f"/v1/cron/{path}"), 401, "AUTH_REQUIRED")
