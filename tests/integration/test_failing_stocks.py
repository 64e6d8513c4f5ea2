"""Stocks that fail: listed while they are few, a failed run when they are too many, and never the end of the cycle."""

import pytest

from tests.integration.bare_stocks import INFINITY, add_stocks
from tests.integration.replies import JOB_RESULT_KEYS, data_of, error_of
from tests.world import World

BAD = {"scores": "unscorable", "red-flags": "unflaggable"}
BAD_COLUMN = {"scores": "stocks.price", "red-flags": "stocks.market_cap"}
WRITTEN = {"scores": "vetr_score_history", "red-flags": "red_flag_history"}

per_job = pytest.mark.parametrize("job", list(BAD))


def add_bad_stocks(world: World, job: str, bad: int, count: int) -> list[str]:
    return add_stocks(world, count, **{BAD[job]: bad})


@per_job
def test_some_failures_within_the_tolerance_are_listed_and_no_failure(world: World, job: str) -> None:
    tickers = add_bad_stocks(world, job, bad=10, count=20)
    result = world.data(job)
    assert (result["status"], result["succeeded"], result["failed"]) == ("completed", 10, 10)
    assert [failure["ticker"] for failure in result["failures"]] == tickers[:10]
    for failure in result["failures"]:
        assert failure.keys() == {"ticker", "error"}
        assert failure["error"] == f"{BAD_COLUMN[job]} is Infinity; a finite number is needed"
    (run,) = world.table("cron_job_runs")
    assert (run["status"], run["failed_count"], run["failures"]) == ("completed", 10, result["failures"])


@per_job
def test_too_many_failed_stocks_fail_the_job_and_the_cursor_moves_on(world: World, job: str) -> None:
    tickers = add_bad_stocks(world, job, bad=6, count=20)
    error = error_of(world.call(f"{job}?chunk_size=10"), 500, "JOB_FAILED")
    assert error["message"] == f"refresh-{job}: 6 of 10 stocks failed; 50 % are tolerated"
    result = error["details"]
    assert result.keys() == JOB_RESULT_KEYS | {"error"}
    assert (result["status"], result["stop_reason"]) == ("failed", "chunks_done")
    assert (result["stocks_processed"], result["succeeded"], result["failed"]) == (10, 4, 6)
    assert [failure["ticker"] for failure in result["failures"]] == tickers[:6]
    (run,) = world.table("cron_job_runs")
    assert (run["status"], run["error_message"]) == ("failed", result["error"])
    assert {row["stock_ticker"] for row in world.table(WRITTEN[job])} == set(tickers[6:10])  # what succeeded is kept
    assert world.redis.get(f"cron:{job}:offset") == "10"
    assert data_of(world.call(f"{job}?chunk_size=10"))["chunk_info"]["current_offset"] == 10


def test_a_call_goes_on_after_a_failed_run_and_still_fails(sqlite_world: World) -> None:
    add_stocks(sqlite_world, 30, unscorable=10)
    error = error_of(sqlite_world.call("scores?chunk_size=10&chunks=all"), 500, "JOB_FAILED")
    assert (error["details"]["stop_reason"], error["details"]["chunks_run"]) == ("cycle_complete", 3)
    assert error["details"]["chunk_info"]["is_complete"]
    assert sorted(run["status"] for run in sqlite_world.table("cron_job_runs")) == ["completed", "completed", "failed"]


def test_a_chunk_of_fewer_than_10_stocks_is_let_pass(sqlite_world: World) -> None:
    add_stocks(sqlite_world, 9, unscorable=9)
    result = sqlite_world.data("scores")
    assert (result["status"], result["failed"]) == ("completed", 9)


def test_the_tolerance_is_a_setting(migrated_sqlite_url: str, redis_url: str) -> None:
    world = World.make(migrated_sqlite_url, redis_url, cron_tolerated_failure_percent=0)
    add_stocks(world, 10, unscorable=1)
    error = error_of(world.call("scores"), 500, "JOB_FAILED")
    assert "1 of 10 stocks failed; 0 % are tolerated" in error["message"]
    world.close()
    world = World.make(migrated_sqlite_url, redis_url, cron_tolerated_failure_percent=100)
    world.execute("UPDATE stocks SET price = :price", price=INFINITY)
    assert world.data("scores")["failed"] == 10
    world.close()


def test_of_more_than_1000_failures_the_first_1000_are_given(sqlite_world: World) -> None:
    tickers = add_stocks(sqlite_world, 1003, unscorable=1001)
    error = error_of(sqlite_world.call("scores?chunk_size=600&chunks=all"), 500, "JOB_FAILED")
    result = error["details"]
    assert result.keys() == JOB_RESULT_KEYS | {"error", "failures_truncated"}
    assert result["failures_truncated"] is True
    assert (result["failed"], result["succeeded"]) == (1001, 2)
    assert [failure["ticker"] for failure in result["failures"]] == tickers[:1000]
    runs = sorted(sqlite_world.data("history")["runs"], key=lambda run: run["chunk_offset"])
    assert [len(run["failures"]) for run in runs] == [600, 401]  # the record has them all


def test_exactly_1000_failures_are_not_truncated(sqlite_world: World) -> None:
    add_stocks(sqlite_world, 1000, unscorable=1000)
    result = error_of(sqlite_world.call("scores?chunk_size=1000"), 500, "JOB_FAILED")["details"]
    assert len(result["failures"]) == 1000
    assert "failures_truncated" not in result
