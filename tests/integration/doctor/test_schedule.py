"""The schedule: calls come, come often enough, succeed, and keep stocks fresh."""

from contextlib import closing
from datetime import timedelta
from uuid import uuid4

import pytest

from tests.integration.bare_stocks import add_stocks
from tests.integration.commands import DONE, run
from tests.integration.doctor.examinations import OK, PROBLEM, WARNING, assert_found, examined, on_settings
from tests.integration.past_runs import add_running_run
from tests.world import World
from vettr_cron.redis_store.leases import Lease, Leases
from vettr_cron.services.clock import utc_now


def add_calls(world: World, job: str, every: timedelta, stocks: int, ago: timedelta = timedelta()) -> None:
    """Four calls of so many stocks each, the last one so long ago, and what they make of all stocks."""
    rows = [
        {
            "id": uuid4(),
            "job_name": f"refresh-{job}",
            "status": "completed",
            "chunk_offset": 0,
            "stocks_processed": stocks,
            "started_at": utc_now() - ago - number * every,
            "completed_at": utc_now() - ago - number * every,
        }
        for number in range(4)
    ]
    world.add("cron_job_runs", *rows)
    state = {"job": job, "last_cycle_id": uuid4(), "last_refreshed_at": utc_now() - ago, "consecutive_failures": 0}
    world.add("cron_stock_states", *(state | {"ticker": ticker} for ticker in world.tickers()))


@pytest.fixture
def with_flags_alone(world: World) -> World:
    """A service with twelve stocks whose flags are refreshed."""
    add_stocks(world, 12)
    world.data("red-flags")
    return world


def test_a_job_that_was_never_called(with_flags_alone: World) -> None:
    assert_found(with_flags_alone, "schedule-scores", WARNING, "never called", "/v1/cron/scores")


def test_calls_that_come_often_enough(with_flags_alone: World) -> None:
    add_calls(with_flags_alone, "scores", timedelta(hours=6), 3)
    check = examined(with_flags_alone)["schedule-scores"]
    assert (check["state"], "usually every 6 h" in check["found"]) == (OK, True)


def test_calls_that_have_ceased(with_flags_alone: World) -> None:
    add_calls(with_flags_alone, "scores", timedelta(minutes=30), 12, ago=timedelta(hours=3))
    found = "No call for 3 h, usually every 30 min"
    assert_found(with_flags_alone, "schedule-scores", PROBLEM, found, "scheduler is on")


def test_calls_that_are_too_rare(with_flags_alone: World) -> None:
    add_calls(with_flags_alone, "scores", timedelta(days=3), 12)
    assert_found(with_flags_alone, "schedule-scores", PROBLEM, "only every 3 d", "at least once a day")


def test_calls_that_are_too_small(with_flags_alone: World) -> None:
    add_calls(with_flags_alone, "scores", timedelta(hours=6), 2)
    found = "refreshed only every 36 h: a cycle takes 6 calls, one every 6 h"
    assert_found(with_flags_alone, "schedule-scores", PROBLEM, found, "CRON_CHUNKS_PER_CALL=all")


def test_calls_between_which_the_cursor_is_forgotten(with_flags_alone: World) -> None:
    add_calls(with_flags_alone, "scores", timedelta(hours=6), 6)
    assert examined(with_flags_alone)["schedule-scores"]["state"] == OK
    with closing(on_settings(with_flags_alone, cron_cursor_ttl_seconds=3_600)) as forgetful:
        found = "A cycle never ends: it takes 2 calls"
        assert_found(forgetful, "schedule-scores", PROBLEM, found, "CRON_CHUNKS_PER_CALL=all")


@pytest.mark.parametrize("keep_days", [1, 2])
def test_daily_calls_that_have_ceased_though_the_log_keeps_but_the_last(
    with_flags_alone: World, keep_days: int
) -> None:
    add_calls(with_flags_alone, "scores", timedelta(days=1), 12, ago=timedelta(hours=26))
    with_flags_alone.data(f"cleanup?runs_days={keep_days}")
    assert len([run for run in with_flags_alone.table("cron_job_runs") if run["job_name"] == "refresh-scores"]) < 3
    assert_found(with_flags_alone, "schedule-scores", PROBLEM, "No call for 26 h", "scheduler is on")
    assert with_flags_alone.data("status")["jobs"]["scores"]["pace"]["late"] is True


def test_calls_that_fail(world: World) -> None:
    add_stocks(world, 12, unscorable=12)
    run_id = world.call("scores").get_json()["error"]["details"]["run_id"]
    check = examined(world)["schedule-scores"]
    assert check["state"] == PROBLEM
    assert "The last run failed: 12 of 12 stocks failed" in check["found"]
    assert "12 of 12 stocks have no result from the last 25 h" in check["found"]
    assert f"`flask --app wsgi cron run {run_id}`" in check["mend"]
    assert run(world, "cron", "run", run_id).exit_code == DONE


def test_calls_that_come_while_stocks_grow_old(with_flags_alone: World) -> None:
    add_calls(with_flags_alone, "scores", timedelta(hours=6), 12)
    old = "UPDATE cron_stock_states SET last_refreshed_at = :day WHERE job = 'scores' AND ticker <= :last"
    with_flags_alone.execute(old, day=utc_now() - timedelta(days=2), last="T00000")
    found = "1 of 12 stocks have no result from the last 25 h"
    assert_found(with_flags_alone, "schedule-scores", WARNING, found, "cron coverage --job scores --stocks stale")
    with_flags_alone.execute(old, day=utc_now() - timedelta(days=2), last="T00005")
    assert_found(with_flags_alone, "schedule-scores", PROBLEM, "6 of 12 stocks", "cron history --job scores")


def test_a_first_cycle_under_way(with_flags_alone: World) -> None:
    with_flags_alone.data("scores?chunk_size=2")
    assert examined(with_flags_alone)["schedule-scores"]["state"] == OK


def test_a_job_that_is_paused(healthy: World) -> None:
    run(healthy, "cron", "pause", "--job", "red-flags", "--reason", "prices are reloaded")
    found = "Paused: prices are reloaded"
    assert_found(healthy, "schedule-red-flags", WARNING, found, "cron resume --job red-flags")


def test_many_stocks_that_fail(world: World) -> None:
    add_stocks(world, 40, unscorable=3)
    world.data("refresh-all")
    found = "3 of 40 stocks failed last time"
    assert_found(world, "schedule-scores", WARNING, found, "cron failures --job scores")


def test_a_few_stocks_that_fail_are_told_and_no_trouble(world: World) -> None:
    add_stocks(world, 40, unscorable=2)
    world.data("refresh-all")
    check = examined(world)["schedule-scores"]
    assert (check["state"], "2 stocks fail" in check["found"]) == (OK, True)


def test_a_lease_that_outlives_its_term(healthy: World) -> None:
    lease = Leases(healthy.redis, 30).acquire("scores")
    assert isinstance(lease, Lease)
    assert examined(healthy)["schedule-scores"]["state"] == OK
    healthy.redis.expire(lease.key, 3 * 3_600)
    assert_found(healthy, "schedule-scores", WARNING, "lives 3 h longer than its term", "clock was probably set back")
    assert healthy.redis.ttl(lease.key) > 7_200


def test_a_run_in_the_future(healthy: World) -> None:
    later = utc_now() + timedelta(days=30)
    run_id = add_running_run(healthy, "refresh-scores", status="failed", started_at=later, completed_at=later)
    found = f"A run began in the future, at {later.date()}"
    assert_found(healthy, "schedule-scores", WARNING, found, "clock of the machine that made it was ahead")
    assert str(run_id) in examined(healthy)["schedule-scores"]["found"]
