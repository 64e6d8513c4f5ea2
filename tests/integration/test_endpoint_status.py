"""GET /v1/cron/status."""

from datetime import timedelta

import pytest

from tests.integration.bare_stocks import add_stocks, everything
from tests.integration.past_runs import add_calls, add_running_run
from tests.integration.replies import RUN_KEYS, data_of, invalid_parameters_of
from tests.world import World
from vettr_cron.redis_store.leases import Lease, Leases
from vettr_cron.services.clock import utc_now

KEYS = [
    "scores_offset",
    "red_flags_offset",
    "total_stocks",
    "scores_progress_pct",
    "red_flags_progress_pct",
    "jobs",
]
JOB_KEYS = {
    "job",
    "summary",
    "pace",
    "running",
    "seconds_since_progress",
    "paused",
    "cycle",
    "last_run",
    "last_success",
}
CYCLE_KEYS = {"cycle_id", "offset", "progress_pct"}


def test_before_anything_ran_all_is_nothing(world: World) -> None:
    nothing = {
        "running": None,
        "seconds_since_progress": None,
        "paused": None,
        "cycle": {"cycle_id": None, "offset": 0, "progress_pct": 0},
        "last_run": None,
        "last_success": None,
    }
    data = data_of(world.call("status"))
    assert list(data) == KEYS
    silence = {
        "last_call": None,
        "every_seconds": None,
        "stocks_per_call": None,
        "stocks_per_second": None,
        "calls_left": None,
        "done_at": None,
        "late": False,
    }
    for job in data["jobs"].values():
        assert job.pop("pace") == silence
        assert job.pop("summary").startswith("There are no stocks")
    assert data == {
        "scores_offset": 0,
        "red_flags_offset": 0,
        "total_stocks": 0,
        "scores_progress_pct": 0,
        "red_flags_progress_pct": 0,
        "jobs": {"scores": {"job": "refresh-scores"} | nothing, "red_flags": {"job": "refresh-red-flags"} | nothing},
    }


def test_in_the_middle_of_a_cycle_it_says_how_far_each_job_is(world: World) -> None:
    add_stocks(world, 8)
    scores = world.data("scores?chunk_size=3")
    world.data("red-flags?chunk_size=5")
    data = world.data("status")
    assert (data["scores_offset"], data["red_flags_offset"], data["total_stocks"]) == (3, 5, 8)
    assert (data["scores_progress_pct"], data["red_flags_progress_pct"]) == (38, 63)  # 37.5 and 62.5, half up
    job = data["jobs"]["scores"]
    assert job.keys() == JOB_KEYS
    assert job["cycle"] == {"cycle_id": scores["cycle_id"], "offset": 3, "progress_pct": 38}
    assert job["running"] is None
    assert job["last_run"] == job["last_success"] == world.data("history?job=scores")["runs"][0]
    assert job["last_run"].keys() == RUN_KEYS
    assert job["last_run"]["id"] == scores["run_id"]


def test_between_two_cycles_offsets_are_0(sqlite_world: World) -> None:
    add_stocks(sqlite_world, 8)
    sqlite_world.data("refresh-all")
    data = sqlite_world.data("status")
    assert (data["scores_offset"], data["red_flags_offset"], data["scores_progress_pct"]) == (0, 0, 0)
    assert data["jobs"]["scores"]["cycle"] == {"cycle_id": None, "offset": 0, "progress_pct": 0}
    assert data["jobs"]["scores"]["last_success"]["succeeded"] == 8


@pytest.mark.parametrize(
    ("offset", "total", "percent"),
    [(1, 200, 1), (1, 201, 0), (199, 200, 100), (25, 200, 13), (1, 3, 33), (2, 3, 67), (5, 4, 100), (7, 0, 0)],
)
def test_per_cent_are_rounded_half_up_and_at_most_100(
    sqlite_world: World, offset: int, total: int, percent: int
) -> None:
    if total:
        add_stocks(sqlite_world, total)
    sqlite_world.redis.set("cron:scores:offset", offset)  # as another program sets it
    data = sqlite_world.data("status")
    assert (data["scores_offset"], data["total_stocks"], data["scores_progress_pct"]) == (offset, total, percent)
    assert data["jobs"]["scores"]["cycle"] == {"cycle_id": None, "offset": offset, "progress_pct": percent}


@pytest.mark.parametrize("garbage", ["abc", "-3", "1.5", "", "9" * 30])
def test_an_invalid_offset_is_0(sqlite_world: World, garbage: str) -> None:
    add_stocks(sqlite_world, 2)
    sqlite_world.redis.set("cron:scores:offset", garbage)
    assert sqlite_world.data("status")["scores_offset"] == 0


def test_keys_of_another_type_do_no_harm(sqlite_world: World) -> None:
    for key in ("cron:scores:offset", "cron:scores:position", "cron:scores:lease"):
        sqlite_world.redis.lpush(key, "x")
    assert sqlite_world.data("status")["scores_offset"] == 0


def test_a_run_whose_lease_is_held_is_running(world: World) -> None:
    leases = Leases(world.redis, 30)
    lease = leases.acquire("scores")
    assert isinstance(lease, Lease)
    run_id = add_running_run(world, "refresh-scores")
    assert leases.renew(lease, str(run_id))
    job = world.data("status")["jobs"]["scores"]
    assert (job["running"]["id"], job["running"]["status"]) == (str(run_id), "running")
    assert job["last_run"] == job["running"]
    assert job["last_success"] is None


def test_an_orphaned_run_is_shown_as_interrupted(world: World) -> None:
    run_id = add_running_run(world, "refresh-scores", duration_ms=5000, started_at=utc_now() - timedelta(hours=1))
    before = everything(world)
    job = world.data("status")["jobs"]["scores"]
    assert job["running"] is None
    shown = job["last_run"]
    assert (shown["id"], shown["status"], shown["error_message"]) == (str(run_id), "failed", "interrupted")
    assert shown["completed_at"] > shown["started_at"]
    assert job["last_success"] is None
    assert everything(world) == before


def test_the_last_success_is_older_than_a_failure(sqlite_world: World) -> None:
    add_stocks(sqlite_world, 10)
    first = sqlite_world.data("scores")["run_id"]
    sqlite_world.execute("UPDATE stocks SET price = 9e999")
    assert sqlite_world.call("scores").status_code == 500
    job = sqlite_world.data("status")["jobs"]["scores"]
    assert (job["last_run"]["status"], job["last_success"]["id"]) == ("failed", first)


def test_calls_of_many_runs_are_told_apart(world: World) -> None:
    add_stocks(world, 1)
    add_calls(world, 9, 130, timedelta(hours=1), ago=timedelta(hours=3))
    pace = world.data("status")["jobs"]["scores"]["pace"]
    assert (pace["every_seconds"], pace["stocks_per_call"], pace["late"]) == (3600, 13_000, True)


def test_a_call_of_more_runs_than_are_read_is_a_call(sqlite_world: World) -> None:
    add_stocks(sqlite_world, 1)
    add_calls(sqlite_world, 2, 5_001, timedelta(hours=2), ago=timedelta(hours=2))
    job = sqlite_world.data("status")["jobs"]["scores"]
    assert (job["pace"]["last_call"] is None, job["pace"]["every_seconds"]) == (False, None)


def test_a_silence_is_held_against_more_calls_than_the_newest(sqlite_world: World) -> None:
    add_stocks(sqlite_world, 1)
    for day in range(4):  # calls by night, every minute for five hours
        add_calls(sqlite_world, 300, 1, timedelta(minutes=1), ago=timedelta(days=day, hours=6))
    assert sqlite_world.data("status")["jobs"]["scores"]["pace"]["late"] is False
    sqlite_world.execute("DELETE FROM cron_job_runs WHERE started_at < :day", day=utc_now() - timedelta(days=1))
    assert sqlite_world.data("status")["jobs"]["scores"]["pace"]["late"] is True


def test_calls_left_are_never_negative(world: World) -> None:
    add_stocks(world, 500)
    world.data("scores?chunk_size=100&chunks=4")
    add_calls(world, 4, 1, timedelta(hours=1), ago=timedelta(hours=1))
    world.execute("DELETE FROM stocks WHERE ticker >= 'T00100'")
    job = world.data("status")["jobs"]["scores"]
    assert (job["pace"]["calls_left"], job["cycle"]["offset"]) == (0, 400)
    assert "400 of 100 stocks are done; the next call ends this cycle, or starts a new one." in job["summary"]
    assert world.data("scores")["chunk_info"]["is_complete"] is True


def test_it_takes_no_parameters(sqlite_world: World) -> None:
    problems = invalid_parameters_of(sqlite_world.call("status?job=scores"))
    assert problems == {"job": "is not a parameter of this path; allowed: none"}


def test_it_changes_nothing(sqlite_world: World) -> None:
    add_stocks(sqlite_world, 3)
    sqlite_world.data("scores?chunk_size=1")
    before = everything(sqlite_world)
    for _ in range(3):
        sqlite_world.data("status")
    assert everything(sqlite_world) == before


def test_a_run_in_the_future_hides_none(world: World) -> None:
    """A machine whose clock was ahead has left a run that failed, and one that succeeded."""
    add_stocks(world, 10)
    add_calls(world, 5, 1, timedelta(hours=1), ago=timedelta(hours=9))
    before = world.data("status")["jobs"]["scores"]
    assert before["pace"]["late"] is True
    for status in ("failed", "completed"):
        later = utc_now() + timedelta(days=30)
        add_running_run(world, "refresh-scores", status=status, chunk_offset=0, started_at=later, completed_at=later)
    after = world.data("status")["jobs"]["scores"]
    for state in (before, after):
        del state["pace"]["done_at"]  # from now on, as no call came
    assert after == before
    assert world.data("history?limit=1")["runs"][0]["status"] in ("failed", "completed")


def test_a_run_of_a_machine_whose_clock_is_a_little_ahead_counts(sqlite_world: World) -> None:
    add_stocks(sqlite_world, 10)
    run_id = add_running_run(
        sqlite_world, "refresh-scores", status="completed", started_at=utc_now() + timedelta(seconds=30)
    )
    assert sqlite_world.data("status")["jobs"]["scores"]["last_run"]["id"] == str(run_id)


def test_a_run_that_goes_on_is_shown_whatever_its_clock_says(sqlite_world: World) -> None:
    add_stocks(sqlite_world, 10)
    later = utc_now() + timedelta(days=30)
    run_id = add_running_run(sqlite_world, "refresh-scores", chunk_offset=0, started_at=later)
    leases = Leases(sqlite_world.redis, 30)
    lease = leases.acquire("scores")
    assert isinstance(lease, Lease)
    assert leases.renew(lease, str(run_id))
    state = sqlite_world.data("status")["jobs"]["scores"]
    assert (state["running"]["id"], state["last_run"]) == (str(run_id), None)
