"""GET /v1/cron/status."""

from contextlib import closing
from datetime import timedelta

import pytest

from tests.integration.bare_stocks import add_stocks, everything
from tests.integration.past_runs import add_calls, add_running_run
from tests.integration.replies import RUN_KEYS, data_of, invalid_parameters_of
from tests.integration.statements import recorded_statements
from tests.world import World
from vettr_cron.domain.timestamps import iso_milliseconds
from vettr_cron.redis_store.leases import Lease, Leases
from vettr_cron.services.clock import utc_now

KEYS = [
    "scores_offset",
    "red_flags_offset",
    "total_stocks",
    "scores_progress_pct",
    "red_flags_progress_pct",
    "calls_since",
    "engine",
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
    "last_call",
    "last_completed_call",
    "last_call_by_hand",
    "schedule",
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
        "last_call": None,
        "last_completed_call": None,
        "last_call_by_hand": None,
        "schedule": None,
    }
    data = data_of(world.call("status"))
    assert list(data) == KEYS
    silence = {
        "last_call": None,
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
        "calls_since": None,
        "engine": {
            "name": "threads",
            "workers": [],
            "groups_under_way": 0,
            "groups_waiting": 0,
            "oldest_waiting_seconds": None,
            "redeliveries": 0,
        },
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
    run_id = add_running_run(world, "refresh-scores", chunk_offset=0)
    assert leases.renew(lease, str(run_id))
    job = world.data("status")["jobs"]["scores"]
    assert (job["running"]["id"], job["running"]["status"]) == (str(run_id), "running")
    assert job["last_run"] == job["running"]
    assert job["last_success"] is None


def test_an_orphaned_run_is_shown_as_interrupted(world: World) -> None:
    began = utc_now() - timedelta(hours=1)
    run_id = add_running_run(world, "refresh-scores", chunk_offset=0, duration_ms=5000, started_at=began)
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


def test_work_by_hand_is_told_apart(world: World) -> None:
    add_stocks(world, 4)
    world.data("scores?chunk_size=2")
    along = world.data("calls")["calls"][0]
    world.data("scores?tickers=T00001")
    by_hand = world.data("calls")["calls"][0]
    job = world.data("status")["jobs"]["scores"]
    assert (job["last_call"], job["last_completed_call"], job["last_call_by_hand"]) == (along, along, by_hand)
    assert job["last_run"]["id"] == job["last_success"]["id"] == along["last_run_id"]
    assert job["pace"]["last_call"] == along["started_at"]
    assert world.data("status")["calls_since"] == along["started_at"]


def test_only_work_by_hand_is_no_call_of_the_cycle(world: World) -> None:
    add_stocks(world, 4)
    world.data("scores?tickers=T00001")
    job = world.data("status")["jobs"]["scores"]
    assert (job["last_run"], job["last_success"], job["last_call"]) == (None, None, None)
    assert job["summary"].startswith("No call along the cycle is known; call /v1/cron/scores")


def test_stocks_are_asked_for_results_only_while_no_call_is_known(world: World) -> None:
    add_stocks(world, 4)
    for asked in (2, 1, 0):
        with recorded_statements(world) as statements:
            world.data("status")
        assert len([text for text in statements if "cron_stock_states" in text]) == asked
        world.data("scores" if asked == 2 else "red-flags")


def test_a_schedule_tells_what_did_not_come(migrated_url: str, redis_url: str) -> None:
    settings = {
        "cron_schedule": "0 * * * *",
        "cron_schedules": {"red_flags": "off"},
        "cron_schedule_tz": "Asia/Kolkata",
    }
    with closing(World.make(migrated_url, redis_url, **settings)) as world:
        add_stocks(world, 4)
        add_calls(world, 1, timedelta(), ago=timedelta(hours=6))
        world.data("scores?tickers=T00001")  # by hand, which counts for nothing
        jobs = world.data("status")["jobs"]
        assert jobs["red_flags"]["schedule"] is None
        schedule = jobs["scores"]["schedule"]
        assert (schedule["expression"], schedule["timezone"], schedule["grace_seconds"]) == (
            "0 * * * *",
            "Asia/Kolkata",
            900,
        )
        assert schedule["next_call"] > iso_milliseconds(utc_now())
        assert ":30:00.000Z" in schedule["next_call"]
        assert 4 <= len(schedule["missed"]) <= 6
        assert schedule["missed"][0] == schedule["late_since"]
        assert jobs["scores"]["pace"]["late"] is True
        assert "is the scheduler on?" in jobs["scores"]["summary"]
        world.data("scores")
        after = world.data("status")["jobs"]["scores"]
        assert (after["pace"]["late"], after["schedule"]["late_since"]) == (False, None)
        assert len(after["schedule"]["missed"]) >= 4


def test_a_call_that_came_early_is_not_expected_again(migrated_url: str, redis_url: str) -> None:
    soon = utc_now() + timedelta(minutes=3)
    once_a_day = f"{soon.minute} {soon.hour} * * *"
    with closing(World.make(migrated_url, redis_url, cron_schedule=once_a_day)) as world:
        add_stocks(world, 4)
        world.data("scores?chunk_size=2")
        job = world.data("status")["jobs"]["scores"]
    assert job["schedule"]["next_call"] == job["pace"]["done_at"] > iso_milliseconds(utc_now() + timedelta(hours=23))


def test_before_the_log_the_last_run_is_the_first_call_that_is_known(migrated_url: str, redis_url: str) -> None:
    with closing(World.make(migrated_url, redis_url, cron_schedule="0 * * * *")) as world:
        add_stocks(world, 4)
        world.data("scores")
        world.execute("DELETE FROM cron_calls")
        assert world.data("status")["jobs"]["scores"]["pace"]["late"] is False
        world.execute("UPDATE cron_job_runs SET started_at = :then", then=utc_now() - timedelta(hours=9))
        assert world.data("status")["jobs"]["scores"]["pace"]["late"] is True


def test_a_resume_by_a_clock_that_was_ahead_hides_nothing(migrated_url: str, redis_url: str) -> None:
    with closing(World.make(migrated_url, redis_url, cron_schedule="0 * * * *")) as world:
        add_stocks(world, 4)
        add_calls(world, 1, timedelta(), ago=timedelta(hours=9))
        ahead = iso_milliseconds(utc_now() + timedelta(days=300))
        world.add("cron_marks", {"name": "resumed_scores", "value": ahead})
        assert world.data("status")["jobs"]["scores"]["pace"]["late"] is True


def test_what_came_skipped_or_failed_has_come(migrated_url: str, redis_url: str) -> None:
    with closing(World.make(migrated_url, redis_url, cron_schedule="0 * * * *")) as world:
        add_stocks(world, 4)
        for ago, status in enumerate(["skipped", "failed", "skipped"]):
            add_calls(world, 1, timedelta(), ago=timedelta(hours=ago), status=status)
        job = world.data("status")["jobs"]["scores"]
        assert (job["schedule"]["missed"], job["pace"]["late"]) == ([], False)
        assert job["last_completed_call"] is None


def test_calls_left_are_never_negative(world: World) -> None:
    add_stocks(world, 500)
    world.data("scores?chunk_size=100&chunks=4")
    add_calls(world, 4, timedelta(hours=1), ago=timedelta(hours=1))
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


def test_what_began_in_the_future_hides_nothing(migrated_url: str, redis_url: str) -> None:
    """A machine whose clock was ahead has left a run that failed, one that succeeded, and their calls."""
    with closing(World.make(migrated_url, redis_url, cron_schedule="0 * * * *")) as world:
        add_stocks(world, 10)
        world.data("scores?chunk_size=5")
        world.execute("UPDATE cron_calls SET started_at = :then", then=utc_now() - timedelta(hours=9))
        before = world.data("status")["jobs"]["scores"]
        assert before["pace"]["late"] is True
        for status in ("failed", "completed"):
            later = utc_now() + timedelta(days=30)
            ends = {"status": status, "completed_at": later}
            add_running_run(world, "refresh-scores", chunk_offset=0, started_at=later, **ends)
            add_calls(world, 1, timedelta(), ago=timedelta(days=-30), status=status)
            add_calls(world, 1, timedelta(), ago=timedelta(days=-30), status=status, along_cursor=False)
        assert world.data("status")["jobs"]["scores"] == before
        assert world.data("history?limit=1")["runs"][0]["status"] in ("failed", "completed")


@pytest.mark.parametrize(("seconds", "counts"), [(30, True), (90, False)])
def test_what_a_machine_did_whose_clock_is_less_than_a_minute_ahead_counts(
    sqlite_world: World, seconds: int, counts: bool
) -> None:
    add_stocks(sqlite_world, 10)
    later = utc_now() + timedelta(seconds=seconds)
    run_id = add_running_run(
        sqlite_world, "refresh-scores", status="completed", chunk_offset=0, started_at=later, completed_at=later
    )
    add_calls(sqlite_world, 1, timedelta(), ago=timedelta(seconds=-seconds))
    state = sqlite_world.data("status")["jobs"]["scores"]
    for run in (state["last_run"], state["last_success"]):
        assert (run and run["id"]) == (str(run_id) if counts else None)
    assert (state["last_call"] is not None, state["last_completed_call"] is not None) == (counts, counts)


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
