"""GET, POST /v1/cron/scores and /v1/cron/red-flags."""

import pytest

from tests.integration.bare_stocks import add_stocks
from tests.integration.replies import (
    CHUNK_INFO_KEYS,
    JOB_RESULT_KEYS,
    TIME,
    data_of,
)
from tests.jobs import THE_TWO
from tests.world import World

ROWS = {"scores": ("vetr_score_history", 1), "red-flags": ("red_flag_history", 5)}

per_job = pytest.mark.parametrize("job", THE_TWO)


@per_job
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_job_result_has_exactly_these_keys(world: World, job: str, method: str) -> None:
    tickers = add_stocks(world, 5)
    result = data_of(world.call(f"{job}?chunk_size=3", method))
    assert result.keys() == JOB_RESULT_KEYS
    assert result["chunk_info"].keys() == CHUNK_INFO_KEYS
    (run,) = world.table("cron_job_runs")
    assert result == {
        "job": f"refresh-{job}",
        "stocks_processed": 3,
        "succeeded": 3,
        "failed": 0,
        "failures": [],
        "duration_ms": result["duration_ms"],
        "completed_at": result["completed_at"],
        "chunk_info": {"current_offset": 0, "chunk_size": 3, "total_stocks": 5, "is_complete": False},
        "status": "completed",
        "stop_reason": "chunks_done",
        "run_id": str(run["id"]),
        "cycle_id": world.redis.hget(f"cron:{job}:position", "cycle_id"),
        "chunks_run": 1,
    }
    assert isinstance(result["duration_ms"], int)
    assert TIME.fullmatch(result["completed_at"])
    table, rows = ROWS[job]
    assert sorted({row["stock_ticker"] for row in world.table(table)}) == tickers[:3]
    assert len(world.table(table)) == 3 * rows


@per_job
def test_a_call_begins_where_the_last_one_ended(sqlite_world: World, job: str) -> None:
    add_stocks(sqlite_world, 5)
    first, second, third = (sqlite_world.data(f"{job}?chunk_size=3") for _ in range(3))
    assert second["chunk_info"] == {"current_offset": 3, "chunk_size": 3, "total_stocks": 5, "is_complete": True}
    assert (second["stocks_processed"], second["stop_reason"]) == (2, "cycle_complete")
    assert (third["chunk_info"]["current_offset"], third["stocks_processed"]) == (0, 3)
    assert first["cycle_id"] == second["cycle_id"] != third["cycle_id"]
    assert len({result["run_id"] for result in (first, second, third)}) == 3


@per_job
def test_the_two_jobs_have_a_cursor_each(sqlite_world: World, job: str) -> None:
    add_stocks(sqlite_world, 5)
    sqlite_world.data(f"{job}?chunk_size=3")
    offsets = {name: sqlite_world.redis.get(f"cron:{name}:offset") for name in THE_TWO}
    assert offsets == {**dict.fromkeys(THE_TWO), job: "3"}


@per_job
def test_without_parameters_the_settings_count(migrated_sqlite_url: str, redis_url: str, job: str) -> None:
    world = World.make(migrated_sqlite_url, redis_url, cron_chunk_size=4, cron_chunks_per_call="2")
    add_stocks(world, 20)
    result = world.data(job)
    assert (result["stocks_processed"], result["chunk_info"]["chunk_size"], result["chunks_run"]) == (8, 4, 2)
    assert world.data(f"{job}?chunks=1")["stocks_processed"] == 4
    assert world.data(f"{job}?chunk_size=1")["stocks_processed"] == 2
    world.close()
    world = World.make(migrated_sqlite_url, redis_url, cron_chunk_size=4, cron_chunks_per_call="all")
    assert world.data(f"{job}?chunks=1")["stocks_processed"] == 4
    assert world.data(job)["stop_reason"] == "cycle_complete"
    world.close()


def test_as_shipped_a_call_takes_one_chunk_of_100(sqlite_world: World) -> None:
    add_stocks(sqlite_world, 101)
    assert sqlite_world.data("scores")["chunk_info"] == {
        "current_offset": 0,
        "chunk_size": 100,
        "total_stocks": 101,
        "is_complete": False,
    }


def test_several_chunks_are_summed_and_the_run_is_the_last(sqlite_world: World) -> None:
    add_stocks(sqlite_world, 20, unscorable=3)
    result = sqlite_world.data("scores?chunk_size=4&chunks=3")
    newest = sqlite_world.data("history?limit=1")["runs"][0]
    assert (result["stocks_processed"], result["succeeded"], result["failed"], result["chunks_run"]) == (12, 9, 3, 3)
    assert (result["run_id"], newest["chunk_offset"]) == (newest["id"], 8)
    assert [failure["ticker"] for failure in result["failures"]] == ["T00000", "T00001", "T00002"]
    assert (result["chunk_info"]["current_offset"], result["stop_reason"]) == (0, "chunks_done")


WHOLE_NUMBERS = ["0", "-1", "%2B5", "abc", "1e3", "", "%20", "%205", "5.0", "1_000", "0x10", "٣", "%00", "9" * 30]


@per_job
def test_an_empty_universe_is_a_complete_cycle_with_a_warning(sqlite_world: World, job: str) -> None:
    result = sqlite_world.data(job)
    assert result.keys() == JOB_RESULT_KEYS | {"warning"}
    assert (result["status"], result["stop_reason"], result["stocks_processed"]) == ("completed", "cycle_complete", 0)
    assert result["chunk_info"] == {"current_offset": 0, "chunk_size": 100, "total_stocks": 0, "is_complete": True}


@pytest.mark.parametrize("offset", ["garbage", "-5", "3.5", "99", "1e1", "", "9" * 40])
def test_a_negative_or_garbled_offset_starts_a_cycle_with_a_warning(sqlite_world: World, offset: str) -> None:
    add_stocks(sqlite_world, 5)
    sqlite_world.redis.set("cron:scores:offset", offset)
    result = sqlite_world.data("scores?chunk_size=2")
    assert result.keys() == JOB_RESULT_KEYS | {"warning"}
    assert "a new cycle starts at 0" in result["warning"]
    assert (result["chunk_info"]["current_offset"], result["stocks_processed"]) == (0, 2)


def test_an_offset_set_by_another_program_starts_a_cycle_there(sqlite_world: World) -> None:
    tickers = add_stocks(sqlite_world, 5)
    sqlite_world.redis.set("cron:scores:offset", "3")
    result = sqlite_world.data("scores")
    assert result.keys() == JOB_RESULT_KEYS
    assert (result["chunk_info"]["current_offset"], result["stocks_processed"]) == (3, 2)
    assert {row["stock_ticker"] for row in sqlite_world.table("vetr_score_history")} == set(tickers[3:])


def test_a_spent_time_budget_leaves_the_rest_to_the_next_call(migrated_sqlite_url: str, redis_url: str) -> None:
    world = World.make(migrated_sqlite_url, redis_url, cron_time_budget_seconds=0.1)
    tickers = add_stocks(world, 2000)
    reasons: list[str] = []
    offset = 0
    while "cycle_complete" not in reasons and len(reasons) < 1000:
        result = world.data("red-flags?chunks=all&chunk_size=50")
        assert (result["status"], result["chunk_info"]["current_offset"]) == ("completed", offset)
        offset += result["stocks_processed"]
        reasons.append(result["stop_reason"])
    assert set(reasons) == {"time_budget", "cycle_complete"}
    assert sorted(row["stock_ticker"] for row in world.table("red_flag_history")) == sorted(5 * tickers)
    assert {run["status"] for run in world.table("cron_job_runs")} == {"completed"}
    world.close()


def test_a_budget_spent_at_once_completes_without_work(migrated_sqlite_url: str, redis_url: str) -> None:
    world = World.make(migrated_sqlite_url, redis_url, cron_time_budget_seconds=1e-9)
    add_stocks(world, 3)
    result = world.data("scores")
    assert (result["status"], result["stop_reason"], result["stocks_processed"]) == ("completed", "time_budget", 0)
    assert result["run_id"] is None
    world.close()
