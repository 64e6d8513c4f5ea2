"""GET, POST /v1/cron/refresh-all: scores, then red flags; the reply's status is the worst of the two."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.bare_stocks import add_stocks
from tests.integration.broken_service import INTERNALS, Broken, assert_no_internals, replace_services
from tests.integration.replies import JOB_RESULT_KEYS, data_of, error_of, seconds_until_retry
from tests.servers.redis_server import PrivateRedis
from tests.world import World
from vettr_cron.domain.errors import DatabaseUnavailable
from vettr_cron.domain.run import JobResult
from vettr_cron.jobs.job import Job
from vettr_cron.redis_store.leases import Leases
from vettr_cron.services.refresh.refresh import Refresh
from vettr_cron.services.refresh.request import Request

KEYS = {"scores", "red_flags", "total_duration_ms"}


class Meddling:
    """The real use case, with something happening before one of the jobs."""

    def __init__(self, refresh: Refresh, job: str, meddle: Callable[[], object]) -> None:
        self._refresh = refresh
        self._job = job
        self._meddle = meddle
        self.asked: dict[str, Request] = {}

    def run(self, job: Job, request: Request, progress: Any) -> JobResult:
        self.asked[job.name] = request
        if job.name == self._job:
            self._meddle()
        return self._refresh.run(job, request, progress)


def meddle_before(world: World, job: str, meddle: Callable[[], object]) -> Meddling:
    meddling = Meddling(world.services.refresh, job, meddle)
    replace_services(world, refresh=meddling)
    return meddling


def lose_the_database() -> None:
    raise DatabaseUnavailable("The database does not answer")


def hit_a_bug() -> None:
    raise RuntimeError(INTERNALS)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_reply_has_both_results_and_nothing_else(world: World, method: str) -> None:
    add_stocks(world, 5)
    data = data_of(world.call("refresh-all?chunk_size=3", method))
    assert data.keys() == KEYS
    assert isinstance(data["total_duration_ms"], int)
    for key in ("scores", "red_flags"):
        assert data[key].keys() == JOB_RESULT_KEYS
        assert data[key]["job"] == f"refresh-{key.replace('_', '-')}"
        assert (data[key]["status"], data[key]["stocks_processed"]) == ("completed", 3)
    assert data["scores"]["duration_ms"] + data["red_flags"]["duration_ms"] <= data["total_duration_ms"] + 2


def test_scores_come_first(sqlite_world: World) -> None:
    meddling = meddle_before(sqlite_world, "neither", hit_a_bug)
    assert list(sqlite_world.data("refresh-all")) == ["scores", "red_flags", "total_duration_ms"]
    assert list(meddling.asked) == ["scores", "red-flags"]


def test_parameters_count_for_both_jobs(sqlite_world: World) -> None:
    add_stocks(sqlite_world, 9)
    data = data_of(sqlite_world.call("refresh-all", "POST", json={"chunk_size": 2, "chunks": 3}))
    assert [(data[key]["stocks_processed"], data[key]["chunks_run"]) for key in ("scores", "red_flags")] == [(6, 3)] * 2


@pytest.mark.parametrize(("bad", "key"), [("unscorable", "scores"), ("unflaggable", "red_flags")])
def test_one_failed_job_is_a_job_failure_with_both_results(world: World, bad: str, key: str) -> None:
    add_stocks(world, 10, **{bad: 10})
    error = error_of(world.call("refresh-all"), 500, "JOB_FAILED")
    details = error["details"]
    assert details.keys() == KEYS
    other = "red_flags" if key == "scores" else "scores"
    assert (details[key]["status"], details[key]["failed"]) == ("failed", 10)
    assert (details[other]["status"], details[other]["succeeded"]) == ("completed", 10)
    assert error["message"] == f"{details[key]['job']}: {details[key]['error']}"


def test_two_failed_jobs_are_both_named(sqlite_world: World) -> None:
    add_stocks(sqlite_world, 10, unscorable=10, unflaggable=10)
    error = error_of(sqlite_world.call("refresh-all"), 500, "JOB_FAILED")
    assert "refresh-scores: 10 of 10" in error["message"]
    assert "refresh-red-flags: 10 of 10" in error["message"]


@pytest.mark.parametrize("job", ["scores", "red-flags"])
def test_one_skipped_job_is_fine_and_does_not_stop_the_other(sqlite_world: World, job: str) -> None:
    add_stocks(sqlite_world, 2)
    Leases(sqlite_world.redis, 20).acquire(job)
    response = sqlite_world.call("refresh-all")
    statuses = {result["job"]: result["status"] for result in list(data_of(response).values())[:2]}
    assert statuses == {"refresh-scores": "completed", "refresh-red-flags": "completed"} | {f"refresh-{job}": "skipped"}
    assert 1 <= seconds_until_retry(response) <= 20


@pytest.mark.parametrize("job", ["scores", "red-flags"])
def test_one_skipped_job_is_a_conflict_for_who_wants_to_know(sqlite_world: World, job: str) -> None:
    add_stocks(sqlite_world, 2)
    Leases(sqlite_world.redis, 20).acquire(job)
    response = sqlite_world.call("refresh-all?on_conflict=error")
    error = error_of(response, 409, "CONFLICT")
    assert error["message"] == f"Another caller is running refresh-{job}"
    assert error["details"].keys() == KEYS
    assert sum(error["details"][key]["stocks_processed"] for key in ("scores", "red_flags")) == 2
    assert 1 <= seconds_until_retry(response) <= 20


def test_two_skipped_jobs_wait_for_the_longer_term(sqlite_world: World) -> None:
    Leases(sqlite_world.redis, 5).acquire("scores")
    Leases(sqlite_world.redis, 25).acquire("red-flags")
    response = sqlite_world.call("refresh-all?on_conflict=error")
    assert "refresh-scores and refresh-red-flags" in error_of(response, 409, "CONFLICT")["message"]
    assert 20 <= seconds_until_retry(response) <= 25


def test_a_failed_job_outweighs_a_conflict(sqlite_world: World) -> None:
    add_stocks(sqlite_world, 10, unscorable=10)
    Leases(sqlite_world.redis, 20).acquire("red-flags")
    error = error_of(sqlite_world.call("refresh-all?on_conflict=error"), 500, "JOB_FAILED")
    assert error["details"]["red_flags"]["status"] == "skipped"


@pytest.mark.parametrize("query", ["", "?on_conflict=error"])
def test_an_absent_server_outweighs_a_conflict_while_nothing_is_written(sqlite_world: World, query: str) -> None:
    Leases(sqlite_world.redis, 20).acquire("scores")
    meddle_before(sqlite_world, "red-flags", lose_the_database)
    response = sqlite_world.call(f"refresh-all{query}")
    error = error_of(response, 503, "SERVICE_UNAVAILABLE")
    assert error["details"]["scores"]["status"] == "skipped"
    assert error["details"]["red_flags"].keys() == JOB_RESULT_KEYS | {"error"}
    assert (error["details"]["red_flags"]["status"], error["details"]["red_flags"]["run_id"]) == ("failed", None)
    seconds_until_retry(response)


@pytest.mark.parametrize("job", ["scores", "red-flags"])
def test_an_absent_server_is_a_job_failure_once_anything_was_written(sqlite_world: World, job: str) -> None:
    add_stocks(sqlite_world, 2)
    meddle_before(sqlite_world, job, lose_the_database)
    error = error_of(sqlite_world.call("refresh-all"), 500, "JOB_FAILED")
    assert error["message"] == f"refresh-{job}: The database does not answer"
    assert sum(error["details"][key]["succeeded"] for key in ("scores", "red_flags")) == 2


def test_redis_that_goes_between_the_jobs_is_a_job_failure(
    migrated_sqlite_url: str, stoppable_redis: PrivateRedis
) -> None:
    world = World.make(migrated_sqlite_url, stoppable_redis.url)
    add_stocks(world, 2)
    meddle_before(world, "red-flags", stoppable_redis.stop)
    details = error_of(world.call("refresh-all"), 500, "JOB_FAILED")["details"]
    assert (details["scores"]["status"], details["scores"]["succeeded"]) == ("completed", 2)
    assert (details["red_flags"]["status"], details["red_flags"]["error"]) == ("failed", "Redis does not answer")
    world.close()


@pytest.mark.parametrize(("job", "other"), [("scores", "red_flags"), ("red-flags", "scores")])
def test_a_bug_in_one_job_does_not_stop_the_other_and_shows_no_internals(
    sqlite_world: World, job: str, other: str
) -> None:
    add_stocks(sqlite_world, 2)
    meddle_before(sqlite_world, job, hit_a_bug)
    response = sqlite_world.call("refresh-all")
    error = error_of(response, 500, "JOB_FAILED")
    assert (error["details"][other]["status"], error["details"][other]["succeeded"]) == ("completed", 2)
    assert_no_internals(response.get_data(as_text=True))


def test_a_bug_in_both_jobs_is_a_job_failure(sqlite_world: World) -> None:
    replace_services(sqlite_world, refresh=Broken())
    response = sqlite_world.call("refresh-all")
    assert "Retry-After" not in response.headers
    error_of(response, 500, "JOB_FAILED")
    assert_no_internals(response.get_data(as_text=True))


def test_scores_may_use_half_of_the_budget_and_red_flags_the_rest(sqlite_world: World) -> None:
    meddling = meddle_before(sqlite_world, "neither", hit_a_bug)
    sqlite_world.data("refresh-all")
    scores, red_flags = (request.time_budget for request in meddling.asked.values())
    assert scores == pytest.approx(12.5, abs=0.5)
    assert 12.5 < (red_flags or 0) <= 25


def test_within_a_short_budget_both_jobs_get_on(migrated_sqlite_url: str, redis_url: str) -> None:
    world = World.make(migrated_sqlite_url, redis_url, cron_time_budget_seconds=0.4)
    add_stocks(world, 3000)
    progress = {"scores": 0, "red_flags": 0}
    for _ in range(20):
        data = world.data("refresh-all?chunks=all&chunk_size=20")
        for key in progress:
            progress[key] += data[key]["stocks_processed"]
            assert data[key]["stop_reason"] in ("time_budget", "cycle_complete")
        if all(progress.values()):
            break
    assert all(progress.values())
    world.close()
