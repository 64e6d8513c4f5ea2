"""Who is fresh, who is stale, who fails: by stock, and in step with the rows that the jobs write."""

from datetime import timedelta
from typing import Any

import pytest

from tests.integration.bare_stocks import add_stocks
from tests.integration.meddling import at_stock, refresh
from tests.integration.replies import error_of
from tests.jobs import THE_TWO
from tests.world import World
from vettr_cron.domain.run import Run
from vettr_cron.repositories import runs
from vettr_cron.services.clock import utc_now

per_job = pytest.mark.parametrize("job", list(THE_TWO))
BAD = {"scores": "unscorable", "red-flags": "unflaggable"}
COLUMN = {"scores": "price", "red-flags": "market_cap"}


def counts(world: World, job: str, max_age: str = "24h") -> dict[str, Any]:
    found: dict[str, Any] = world.data(f"coverage?job={job}&max_age={max_age}")["jobs"][THE_TWO[job].key]
    return found


def age(world: World, job: str, ticker: str, by: timedelta) -> None:
    """Make it so long since a stock was refreshed."""
    table = "cron_stock_states"
    (row,) = [row for row in world.table(table) if (row["job"], row["ticker"]) == (job, ticker)]
    world.execute(f"DELETE FROM {table} WHERE job = :job AND ticker = :ticker", job=job, ticker=ticker)
    world.add(table, {**row, "last_refreshed_at": row["last_refreshed_at"] - by})


@per_job
def test_each_stock_is_fresh_stale_or_never_refreshed(world: World, job: str) -> None:
    tickers = add_stocks(world, 12, **{BAD[job]: 2})
    assert counts(world, job) == {
        "total": 12,
        "fresh": 0,
        "stale": 0,
        "never": 12,
        "failing": 0,
        "oldest": None,
    }
    world.data(f"{job}?chunk_size=8")
    age(world, job, tickers[5], timedelta(hours=30))
    found = counts(world, job)
    assert {**found, "oldest": None} == {
        "total": 12,
        "fresh": 5,
        "stale": 1,
        "never": 6,
        "failing": 2,
        "oldest": None,
    }
    assert found["oldest"] < world.data(f"coverage?job={job}")["since"]
    assert counts(world, job, "31h")["stale"] == 0
    assert [counts(world, job, f"{minutes}m")["stale"] for minutes in (90, 1790, 1810)] == [1, 1, 0]
    assert counts(world, job, "1s")["total"] == 12
    assert counts(world, job, "99999d")["stale"] == 0


def test_a_job_that_is_not_named_is_not_left_out(world: World) -> None:
    add_stocks(world, 3)
    world.data("scores")
    found = world.data("coverage")
    assert {key: jobs["fresh"] for key, jobs in found["jobs"].items()} == {"scores": 3, "red_flags": 0}
    assert found["max_age_seconds"] == 90_000
    assert "page" not in found


@per_job
def test_lists_come_in_pages_by_ticker(world: World, job: str) -> None:
    tickers = add_stocks(world, 9)
    world.data(f"{job}?chunk_size=4")
    for state, expected in (("fresh", tickers[:4]), ("never", tickers[4:]), ("stale", [])):
        listed, after = [], ""
        while True:
            page = world.data(f"coverage?job={job}&stocks={state}&limit=2{after}")["page"]
            assert len(page["stocks"]) <= 2
            listed += [stock["ticker"] for stock in page["stocks"]]
            if page["next_after"] is None:
                break
            after = f"&after={page['next_after']}"
        assert listed == expected


@per_job
def test_who_fails_is_named_with_since_when_how_often_and_why(world: World, job: str) -> None:
    tickers = add_stocks(world, 20, **{BAD[job]: 2})
    for _cycle in range(3):
        world.data(job)
    page = world.data(f"failures?job={job}")[THE_TWO[job].key]
    assert [stock["ticker"] for stock in page["stocks"]] == tickers[:2]
    for stock in page["stocks"]:
        assert stock["consecutive_failures"] == 3
        assert stock["failing_since"] < stock["last_failed_at"]
        assert stock["last_refreshed_at"] is None
        assert stock["last_error"] == f"stocks.{COLUMN[job]} is Infinity; a finite number is needed"
    assert len(world.data(f"failures?job={job}&limit=1")[THE_TWO[job].key]["stocks"]) == 1
    world.execute(f"UPDATE stocks SET {COLUMN[job]} = 1.5")
    world.data(job)
    assert world.data("failures")[THE_TWO[job].key] == {"stocks": [], "next_after": None, "reasons": []}
    (state,) = [row for row in world.table("cron_stock_states") if row["ticker"] == tickers[0]]
    assert (state["consecutive_failures"], state["failing_since"], state["last_error"]) == (0, None, None)
    assert state["last_failed_at"] < state["last_refreshed_at"]


def test_a_cycle_that_does_a_group_over_counts_a_failure_once(world: World) -> None:
    tickers = add_stocks(world, 20, unscorable=1)
    world.data("scores?chunk_size=10")
    place = world.redis.hgetall("cron:scores:position")
    # As after a crash between the commit and the move of the cursor.
    world.redis.set("cron:scores:offset", 0)
    world.redis.hset("cron:scores:position", "offset", "0")
    world.redis.hset("cron:scores:position", "ticker", "")
    again = world.data("scores?chunk_size=10")
    assert again["cycle_id"] == place["cycle_id"]
    (stock,) = world.data("failures?job=scores")["scores"]["stocks"]
    assert (stock["ticker"], stock["consecutive_failures"]) == (tickers[0], 1)


def test_a_result_that_is_rolled_back_leaves_no_state(world: World) -> None:
    add_stocks(world, 20)

    def close_the_run() -> None:
        with world.services.database.writing() as connection:
            (run,) = runs.running(connection, ["refresh-scores"])
            assert isinstance(run, Run)
            runs.record_end(connection, run.finished(utc_now(), 0, "closed by another"))

    result = refresh(world, at_stock(THE_TWO["scores"], 3, close_the_run))
    assert result.stop_reason.value == "superseded"
    assert world.table("cron_stock_states") == []


def test_a_stock_that_is_gone_is_not_counted_and_a_new_name_is_new(world: World) -> None:
    tickers = add_stocks(world, 4)
    world.data("scores")
    world.execute("DELETE FROM stocks WHERE ticker = :ticker", ticker=tickers[0])
    world.execute("UPDATE stocks SET ticker = 'NEW' WHERE ticker = :ticker", ticker=tickers[1])
    found = counts(world, "scores")
    assert (found["total"], found["fresh"], found["never"]) == (3, 2, 1)


def test_a_ticker_of_any_length_has_a_state(world: World) -> None:
    add_stocks(world, 3)
    if world.database_url.startswith("postgresql"):
        world.execute("ALTER TABLE stocks ALTER ticker TYPE text")
    world.execute("UPDATE stocks SET ticker = :long WHERE ticker = 'T00001'", long="L" * 60)
    assert world.data("scores")["failed"] == 1
    (stock,) = world.data("failures?job=scores")["scores"]["stocks"]
    assert (stock["ticker"], stock["consecutive_failures"]) == ("L" * 60, 1)


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("max_age=24", "max_age"),
        ("max_age=0h", "max_age"),
        ("max_age=1.5h", "max_age"),
        ("max_age=-1h", "max_age"),
        ("max_age=9999999d", "max_age"),
        ("max_age=100000d", "max_age"),
        ("job=prices", "job"),
        ("stocks=fresh", "job"),
        ("stocks=old&job=scores", "stocks"),
        ("limit=1001", "limit"),
        ("after=%00", "after"),
    ],
)
def test_an_unknown_parameter_is_named(sqlite_world: World, query: str, name: str) -> None:
    error = error_of(sqlite_world.call(f"coverage?{query}"), 422, "VALIDATION_ERROR")
    assert [detail["parameter"] for detail in error["details"]] == [name]
