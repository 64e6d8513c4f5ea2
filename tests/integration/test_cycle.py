"""A cycle: every stock once, chunk by chunk, from the start of the universe to its end."""

from typing import Any

import pytest

from tests.integration.bare_stocks import add_stocks
from tests.world import World
from vettr_cron.redis_store.cursors import CACHE_TTL_SECONDS

RESULT_KEYS = {"scores": "vetr_score_history", "red-flags": "red_flag_history"}


@pytest.mark.parametrize(("job", "rows_a_stock"), [("scores", 1), ("red-flags", 5)])
def test_thirteen_calls_of_100_do_each_of_1300_stocks_once(world: World, job: str, rows_a_stock: int) -> None:
    tickers = add_stocks(world, 1300)
    cycles = set()
    for call in range(13):
        result = world.data(job)
        cycles.add(result["cycle_id"])
        assert result["stocks_processed"] == result["succeeded"] == 100
        assert result["chunk_info"] == {
            "current_offset": call * 100,
            "chunk_size": 100,
            "total_stocks": 1300,
            "is_complete": call == 12,
        }
        assert result["stop_reason"] == ("cycle_complete" if call == 12 else "chunks_done")
        assert world.redis.get(f"cron:{job}:offset") == str((call + 1) * 100 % 1300)
        assert 86_390 <= world.redis.ttl(f"cron:{job}:offset") <= 86_400
    assert len(cycles) == 1
    written = [row["stock_ticker"] for row in world.rows(f"SELECT stock_ticker FROM {RESULT_KEYS[job]}")]
    assert sorted(written) == sorted(tickers * rows_a_stock)
    runs = sorted(world.table("cron_job_runs"), key=lambda run: run["chunk_offset"])
    assert [run["chunk_offset"] for run in runs] == list(range(0, 1300, 100))
    assert all(run["status"] == "completed" and run["failures"] is None for run in runs)

    fourteenth = world.data(job)
    assert fourteenth["chunk_info"]["current_offset"] == 0
    assert fourteenth["cycle_id"] not in cycles


def test_all_chunks_in_one_call_are_one_cycle(world: World) -> None:
    add_stocks(world, 250)
    result = world.data("scores?chunks=all")
    assert (result["stocks_processed"], result["chunks_run"]) == (250, 3)
    assert result["chunk_info"]["is_complete"]
    assert result["run_id"] == world.data("history?limit=1")["runs"][0]["id"]


def test_a_call_goes_on_where_the_last_one_ended_with_another_chunk_size(world: World) -> None:
    tickers = world.generate(120)
    sizes = [7, 50, 1, 40, 100]
    taken = [world.data(f"scores?chunk_size={size}")["stocks_processed"] for size in sizes]
    assert taken == [7, 50, 1, 40, 22]
    assert sorted(row["stock_ticker"] for row in world.table("vetr_score_history")) == sorted(tickers)


def test_a_chunk_larger_than_a_commit_group_moves_the_cursor_group_by_group(world: World) -> None:
    add_stocks(world, 1100)
    result = world.data("scores?chunk_size=10000")
    assert (result["stocks_processed"], result["chunks_run"]) == (1100, 1)
    (run,) = world.table("cron_job_runs")
    assert (run["stocks_processed"], run["succeeded"], run["status"]) == (1100, 1100, "completed")


def test_an_empty_universe_is_a_completed_cycle_with_a_warning(world: World) -> None:
    result = world.data("scores")
    assert (result["status"], result["stop_reason"], result["stocks_processed"]) == ("completed", "cycle_complete", 0)
    assert result["chunk_info"]["is_complete"]
    assert "no stocks" in result["warning"]


def test_cached_answers_live_a_day(world: World) -> None:
    (ticker,) = world.generate(1)
    world.data("refresh-all")
    for key in (f"vetr_score:{ticker}", f"red_flags:{ticker}"):
        assert CACHE_TTL_SECONDS - 10 <= world.redis.ttl(key) <= CACHE_TTL_SECONDS


def test_a_second_cycle_on_one_day_adds_history_and_keeps_one_snapshot(world: World) -> None:
    tickers = world.generate(30)
    world.data("scores")
    ids = {row["id"] for row in world.table("vetr_score_snapshots")}
    world.data("scores")
    assert len(world.table("vetr_score_history")) == 2 * len(tickers)
    days = {row["recorded_at"] for row in world.table("vetr_score_snapshots")}
    if len(days) == 1:  # unless midnight fell between the two
        assert {row["id"] for row in world.table("vetr_score_snapshots")} == ids


def test_a_group_done_over_writes_the_same_rows_again(world: World) -> None:
    world.generate(60)
    world.data("refresh-all?chunk_size=30")
    keys = ("cron:scores:position", "cron:red-flags:position")
    place: dict[str, Any] = {key: world.redis.hgetall(key) for key in keys}
    world.data("refresh-all?chunk_size=30")
    before = [sorted(str(row["id"]) for row in world.table(name)) for name in RESULT_KEYS.values()]
    for key, fields in place.items():  # as after a crash between the commit and the move of the cursor
        world.redis.delete(key)
        world.redis.hset(key, mapping=fields)
        world.redis.set(key.replace("position", "offset"), 30)
    again = world.data("refresh-all?chunk_size=30")
    assert again["scores"]["chunk_info"]["current_offset"] == again["red_flags"]["chunk_info"]["current_offset"] == 30
    assert [sorted(str(row["id"]) for row in world.table(name)) for name in RESULT_KEYS.values()] == before
