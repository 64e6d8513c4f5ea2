"""The schedule: calls come, come often enough, succeed, and keep stocks fresh."""

from contextlib import closing
from datetime import timedelta
from uuid import uuid4

import pytest

from tests.integration.bare_stocks import add_stocks
from tests.integration.commands import DONE, run
from tests.integration.doctor.examinations import OK, PROBLEM, WARNING, assert_found, examined, in_use, on_settings
from tests.integration.past_runs import add_calls, add_running_run
from tests.integration.sampled import add_sample
from tests.world import World
from vettr_cron.redis_store.leases import Lease, Leases
from vettr_cron.services.clock import utc_now


def make_fresh(world: World, job: str, ago: timedelta = timedelta()) -> None:
    """The state of every stock that the job refreshed so long ago."""
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


def test_nothing_that_says_when_calls_are_expected(healthy: World) -> None:
    with closing(on_settings(healthy, cron_schedule=None)) as world:
        assert_found(world, "schedule", WARNING, "CRON_SCHEDULE is not set: a call that does not come", "'0 */6 * * *'")
    with closing(on_settings(healthy, cron_schedule=None, cron_schedules={"red_flags": "off"})) as world:
        assert_found(world, "schedule", WARNING, "CRON_SCHEDULE is not set for scores: ", "or to off")


def test_calls_that_come_often_enough(with_flags_alone: World) -> None:
    add_calls(with_flags_alone, 4, timedelta(hours=6), stocks=3)
    make_fresh(with_flags_alone, "scores")
    with closing(on_settings(with_flags_alone, cron_schedules={"scores": "0 */6 * * *"})) as world:
        check = examined(world)["schedule-scores"]
    assert (check["state"], ", the next one is expected at " in check["found"]) == (OK, True)


def test_calls_that_have_ceased(with_flags_alone: World) -> None:
    add_calls(with_flags_alone, 4, timedelta(minutes=30), stocks=12, ago=timedelta(hours=3))
    make_fresh(with_flags_alone, "scores")
    with closing(on_settings(with_flags_alone, cron_schedules={"scores": "*/30 * * * *"})) as world:
        assert_found(world, "schedule-scores", PROBLEM, ", though one was expected at ", "scheduler is on")


def test_a_schedule_that_is_too_rare(with_flags_alone: World) -> None:
    add_calls(with_flags_alone, 1, timedelta(), stocks=12)
    make_fresh(with_flags_alone, "scores")
    with closing(on_settings(with_flags_alone, cron_schedules={"scores": "0 0 * * 1,4"})) as world:
        assert_found(world, "schedule-scores", WARNING, "only every 4 d, in 1 call", "CRON_FRESH_WITHIN")


def test_calls_that_are_too_small(with_flags_alone: World) -> None:
    add_calls(with_flags_alone, 1, timedelta(), stocks=2)
    make_fresh(with_flags_alone, "scores")
    found = "refreshed only every 36 h, in 6 calls"
    with closing(on_settings(with_flags_alone, cron_schedules={"scores": "0 */6 * * *"})) as world:
        assert_found(world, "schedule-scores", PROBLEM, found, "CRON_CHUNKS_PER_CALL=all")


def test_calls_between_which_the_cursor_is_forgotten(with_flags_alone: World) -> None:
    add_calls(with_flags_alone, 1, timedelta(), stocks=6)
    make_fresh(with_flags_alone, "scores")
    six_hours = {"cron_schedules": {"scores": "0 */6 * * *"}}
    with closing(on_settings(with_flags_alone, **six_hours)) as world:
        assert examined(world)["schedule-scores"]["state"] == OK
    with closing(on_settings(with_flags_alone, cron_cursor_ttl_seconds=3_600, **six_hours)) as forgetful:
        found = "A cycle never ends: it takes 2 calls"
        assert_found(forgetful, "schedule-scores", PROBLEM, found, "CRON_CHUNKS_PER_CALL=all")


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
    add_calls(with_flags_alone, 4, timedelta(hours=6), stocks=12)
    make_fresh(with_flags_alone, "scores")
    old = "UPDATE cron_stock_states SET last_refreshed_at = :day WHERE job = 'scores' AND ticker <= :last"
    with_flags_alone.execute(old, day=utc_now() - timedelta(days=2), last="T00000")
    found = "1 of 12 stocks have no result from the last 25 h"
    assert_found(with_flags_alone, "schedule-scores", WARNING, found, "cron coverage --job scores --stocks stale")
    with_flags_alone.execute(old, day=utc_now() - timedelta(days=2), last="T00005")
    assert_found(with_flags_alone, "schedule-scores", PROBLEM, "6 of 12 stocks", "cron calls --job scores")


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


def test_a_call_in_the_future(healthy: World) -> None:
    add_calls(healthy, 1, timedelta(), ago=timedelta(days=-30))
    assert_found(healthy, "schedule-scores", WARNING, "A call began in the future, at ", "delete it from cron_calls")


def test_a_sample_in_the_future(world: World) -> None:
    later = utc_now() + timedelta(days=30)
    add_sample(in_use(world), later)
    found = f"A sample was taken in the future, at {later.date()}"
    assert_found(world, "schedule-scores", WARNING, found, "clock of the machine that made it was ahead")
    assert "future" not in examined(world)["schedule-red-flags"]["found"]


def test_a_run_less_than_a_minute_in_the_future_is_no_trouble(healthy: World) -> None:
    later = utc_now() + timedelta(seconds=40)
    row = {"status": "completed", "chunk_offset": 0, "stocks_processed": 12, "completed_at": later}
    add_running_run(healthy, "refresh-scores", started_at=later, **row)
    add_calls(healthy, 1, timedelta(), ago=timedelta(seconds=-40))
    add_sample(healthy, later)
    assert "future" not in examined(healthy)["schedule-scores"]["found"]
