"""Stocks that are asked for, by name or for having failed: done outside the cycle; and what a call would take."""

from typing import Any

import pytest

from tests.integration.bare_stocks import add_stocks, everything
from tests.integration.meddling import at_stock
from tests.integration.replies import error_of
from tests.jobs import THE_TWO
from tests.world import World
from tests.written_rows import TABLES, TIMES
from vettr_cron.redis_store.leases import Lease, Leases
from vettr_cron.services.refresh.request import NamedStocks, Request

per_job = pytest.mark.parametrize("job", list(THE_TWO))
BAD = {"scores": "unscorable", "red-flags": "unflaggable"}
COLUMN = {"scores": "price", "red-flags": "market_cap"}
ANSWER = {"scores": "vetr_score", "red-flags": "red_flags"}
CURSOR = "cron:{}:offset", "cron:{}:position"


def cursor(world: World, job: str) -> list[Any]:
    return [world.redis.dump(key.format(job)) for key in CURSOR]


def written(world: World, job: str) -> list[str]:
    return sorted({row["stock_ticker"] for row in world.table(TABLES[job])})


@per_job
def test_named_stocks_are_done_and_the_cursor_stays(world: World, job: str) -> None:
    tickers = add_stocks(world, 12)
    world.data(f"{job}?chunk_size=4")
    before = cursor(world, job)
    result = world.data(f"{job}?tickers={tickers[9]},{tickers[7]}, {tickers[1]}&chunk_size=2")
    assert (result["status"], result["stop_reason"], result["succeeded"]) == ("completed", "stocks_done", 3)
    assert (result["chunks_run"], result["cycle_id"], result["chunk_info"]["is_complete"]) == (2, None, False)
    assert cursor(world, job) == before
    assert written(world, job) == [*tickers[:4], tickers[7], tickers[9]]
    rows = [row for row in world.table(TABLES[job]) if row["stock_ticker"] == tickers[1]]
    assert len({row[TIMES[job]] for row in rows}) == 2
    assert world.redis.exists(f"{ANSWER[job]}:{tickers[9]}")
    assert world.data(f"{job}?chunk_size=4")["chunk_info"]["current_offset"] == 4
    assert {run["chunk_offset"] for run in world.table("cron_job_runs")} == {0, None, 4}


def test_a_list_that_ends_with_a_chunk_takes_no_further_one(world: World) -> None:
    tickers = add_stocks(world, 4)
    result = world.data(f"scores?tickers={','.join(tickers)}&chunk_size=2")
    assert (result["chunks_run"], result["stop_reason"], result["succeeded"]) == (2, "stocks_done", 4)


@pytest.mark.own_job
def test_a_chunk_of_the_list_that_is_gone_meanwhile_is_passed(world: World) -> None:
    tickers = add_stocks(world, 5)
    gone = "DELETE FROM stocks WHERE ticker IN (:one, :other)"
    job = at_stock(THE_TWO["scores"], 1, lambda: world.execute(gone, one=tickers[2], other=tickers[3]))
    request = Request(chunk_size=1, chunks=None, time_budget=20, only=NamedStocks(tickers))
    result = world.services.refresh.run(job, request)
    assert (result.stop_reason.value, result.chunks_run, result.succeeded) == ("stocks_done", 5, 3)


@per_job
def test_only_what_failed_is_tried_again(world: World, job: str) -> None:
    tickers = add_stocks(world, 30, **{BAD[job]: 3})
    world.data(f"{job}?chunk_size=20")
    before = cursor(world, job)
    world.execute(f"UPDATE stocks SET {COLUMN[job]} = 2 WHERE ticker <= :ticker", ticker=tickers[1])
    result = world.data(f"{job}?only=failed")
    assert (result["succeeded"], result["failed"], result["stop_reason"]) == (2, 1, "stocks_done")
    assert [failure["ticker"] for failure in result["failures"]] == [tickers[2]]
    assert cursor(world, job) == before
    (stock,) = world.data(f"failures?job={job}")[THE_TWO[job].key]["stocks"]
    assert (stock["ticker"], stock["consecutive_failures"]) == (tickers[2], 2)


def test_of_many_that_fail_those_come_first_that_were_tried_longest_ago(world: World) -> None:
    tickers = add_stocks(world, 30, unscorable=6)
    world.data("scores")
    first = world.data("scores?only=failed&chunk_size=2&chunks=2")
    assert [failure["ticker"] for failure in first["failures"]] == tickers[:4]
    second = world.data("scores?only=failed&chunk_size=2&chunks=1")
    assert [failure["ticker"] for failure in second["failures"]] == tickers[4:6]


def test_without_failures_there_is_nothing_to_do(world: World) -> None:
    add_stocks(world, 5)
    result = world.data("refresh-all?only=failed")
    for job in THE_TWO.values():
        assert (result[job.key]["status"], result[job.key]["stop_reason"]) == ("completed", "stocks_done")
        assert result[job.key]["chunks_run"] == 0
    assert world.table("cron_job_runs") == []


@pytest.mark.parametrize("path", ["scores", "refresh-all"])
def test_a_ticker_that_is_not_there_is_named_and_nothing_is_done(world: World, path: str) -> None:
    tickers = add_stocks(world, 3)
    before = everything(world)
    error = error_of(world.call(f"{path}?tickers={tickers[0]},NONE,t00001"), 422, "VALIDATION_ERROR")
    assert error["details"] == [
        {"parameter": "tickers", "message": "there are no stocks with these tickers: NONE, t00001"}
    ]
    assert everything(world) == before


def test_a_stock_that_goes_between_the_jobs_is_reported(sqlite_world: World) -> None:
    tickers = add_stocks(sqlite_world, 3)
    sqlite_world.execute(
        "CREATE TRIGGER go AFTER UPDATE ON cron_job_runs WHEN NEW.status = 'completed'"
        f" BEGIN DELETE FROM stocks WHERE ticker = '{tickers[0]}'; END"
    )
    error = error_of(sqlite_world.call(f"refresh-all?tickers={tickers[0]}"), 500, "JOB_FAILED")
    assert error["message"] == f"refresh-red-flags: there are no stocks with these tickers: {tickers[0]}"
    assert error["details"]["scores"]["succeeded"] == 1


@pytest.mark.parametrize(
    "query", ["tickers=", "tickers=A,,B", "tickers=A,A", "only=all", "only=failed&tickers=A", "dry_run=2"]
)
def test_an_invalid_selection_is_refused(sqlite_world: World, query: str) -> None:
    add_stocks(sqlite_world, 3)
    error_of(sqlite_world.call(f"scores?{query}"), 422, "VALIDATION_ERROR")
    assert sqlite_world.table("cron_job_runs") == []


def test_named_stocks_wait_for_the_lease_as_all_others_do(sqlite_world: World) -> None:
    tickers = add_stocks(sqlite_world, 3)
    assert isinstance(Leases(sqlite_world.redis, 30).acquire("scores"), Lease)
    result = sqlite_world.data(f"scores?tickers={tickers[0]}")
    assert (result["status"], result["stop_reason"]) == ("skipped", "already_running")


@per_job
def test_a_dry_run_tells_what_the_call_then_does_and_does_nothing(world: World, job: str) -> None:
    tickers = add_stocks(world, 12, **{BAD[job]: 1})
    world.data(f"{job}?chunk_size=4")
    for query, expected in (
        ("chunk_size=3&chunks=2", tickers[4:10]),
        ("only=failed", tickers[:1]),
        (f"tickers={tickers[11]},{tickers[0]}", [tickers[0], tickers[11]]),
        ("chunks=all", tickers[4:]),
    ):
        before = everything(world)
        shown = world.data(f"{job}?dry_run=1&{query}")
        assert (shown["dry_run"], shown["stocks"], shown["tickers"]) == (True, len(expected), expected)
        assert shown["chunk_info"]["is_complete"] == (query == "chunks=all")
        assert everything(world) == before
    assert world.data(f"{job}?chunk_size=3&chunks=2")["stocks_processed"] == 6


def test_a_dry_run_says_what_stands_in_the_way(sqlite_world: World) -> None:
    add_stocks(sqlite_world, 3)
    assert isinstance(Leases(sqlite_world.redis, 30).acquire("scores"), Lease)
    sqlite_world.data("pause?job=red-flags", method="POST")
    sqlite_world.redis.set("cron:scores:offset", "many")
    shown = sqlite_world.data("refresh-all?dry_run=true")
    assert "held_by" in shown["scores"]
    assert "not a whole number" in shown["scores"]["warning"]
    assert shown["red_flags"]["paused"]["reason"] is None


def test_of_many_stocks_the_first_are_listed(sqlite_world: World) -> None:
    tickers = add_stocks(sqlite_world, 1_010)
    shown = sqlite_world.data("scores?dry_run=1&chunks=all")
    assert (shown["stocks"], shown["tickers"], shown["tickers_truncated"]) == (1_010, tickers[:1_000], True)
