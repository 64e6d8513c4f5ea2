"""A call while another caller holds the job's lease: skipped, or a conflict for who wants to know."""

from uuid import UUID, uuid4

import pytest

from tests.integration.bare_stocks import add_stocks, everything
from tests.integration.replies import JOB_RESULT_KEYS, data_of, error_of, seconds_until_retry
from tests.world import World
from vettr_cron.redis_store.leases import Lease, Leases

per_job = pytest.mark.parametrize("job", ["scores", "red-flags"])


def hold(world: World, job: str, run_id: UUID | None = None) -> Lease:
    """Take the job's lease, as another caller would."""
    leases = Leases(world.redis, 30)
    lease = leases.acquire(job)
    assert isinstance(lease, Lease)
    if run_id:
        assert leases.renew(lease, str(run_id))
    return lease


@per_job
def test_a_call_is_skipped_while_another_holds_the_lease(world: World, job: str) -> None:
    add_stocks(world, 5)
    world.data(f"{job}?chunk_size=2")
    holder = uuid4()
    hold(world, job, holder)
    before = everything(world)
    for _ in range(2):
        response = world.call(job)
        result = data_of(response)
        assert result.keys() == JOB_RESULT_KEYS | {"seconds_since_progress"}
        assert result["seconds_since_progress"] <= 10
        assert (result["status"], result["stop_reason"]) == ("skipped", "already_running")
        assert (result["stocks_processed"], result["succeeded"], result["failed"], result["chunks_run"]) == (0,) * 4
        assert result["run_id"] == str(holder)
        assert result["chunk_info"] == {
            "current_offset": 2,
            "chunk_size": 100,
            "total_stocks": 5,
            "is_complete": False,
        }
        assert 1 <= seconds_until_retry(response) <= 30
    assert everything(world) == before


@per_job
def test_a_lease_whose_run_is_not_known_yet_is_a_skip_without_a_run(sqlite_world: World, job: str) -> None:
    hold(sqlite_world, job)
    response = sqlite_world.call(job)
    assert data_of(response)["run_id"] is None
    assert 1 <= seconds_until_retry(response) <= 30


@per_job
def test_on_conflict_error_makes_it_a_conflict(sqlite_world: World, job: str) -> None:
    holder = uuid4()
    hold(sqlite_world, job, holder)
    for body in ({"query_string": "on_conflict=error"}, {"json": {"on_conflict": "error"}}):
        response = sqlite_world.call(job, "POST", **body)
        error = error_of(response, 409, "CONFLICT")
        assert f"refresh-{job}" in error["message"]
        assert error["details"].keys() == JOB_RESULT_KEYS | {"seconds_since_progress"}
        assert (error["details"]["status"], error["details"]["run_id"]) == ("skipped", str(holder))
        assert 1 <= seconds_until_retry(response) <= 30


def test_the_other_job_is_free_while_one_is_held(sqlite_world: World) -> None:
    add_stocks(sqlite_world, 2)
    hold(sqlite_world, "scores")
    assert sqlite_world.data("red-flags?on_conflict=error")["status"] == "completed"


def test_a_call_goes_on_once_the_lease_is_given_back(sqlite_world: World) -> None:
    add_stocks(sqlite_world, 2)
    lease = hold(sqlite_world, "scores")
    assert sqlite_world.data("scores")["status"] == "skipped"
    sqlite_world.redis.delete(lease.key)
    assert sqlite_world.data("scores")["status"] == "completed"
    assert sqlite_world.redis.exists(lease.key) == 0


def test_nobody_is_told_to_wait_longer_than_a_term(sqlite_world: World) -> None:
    lease = hold(sqlite_world, "scores")
    for path in ("scores", "scores?on_conflict=error"):
        sqlite_world.redis.expire(lease.key, 7_200)  # as when Redis' clock was set back
        assert seconds_until_retry(sqlite_world.call(path)) == 30
        assert sqlite_world.redis.ttl(lease.key) <= 30
