"""/metrics: what Prometheus reads is what is in the database and in Redis."""

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from tests.integration.bare_stocks import add_stocks
from tests.integration.past_runs import add_calls
from tests.integration.replies import error_of
from tests.integration.scraping import scrape
from tests.world import SECRET, World
from vettr_cron.redis_store.leases import Lease, Leases

TOKEN = "read the figures"


def test_before_the_first_run_there_is_no_last_one(world: World) -> None:
    add_stocks(world, 3)
    found = scrape(world)
    assert found[("universe_stocks",)] == 3
    assert found[("stocks", "scores", "never")] == 3
    assert not [name for name, *_ in found if name.startswith("last_") and not name.endswith("_failed")]
    assert not [name for name, *_ in found if name in ("next_call_timestamp_seconds", "missed_calls")]


def test_every_sample_is_what_there_is(world: World) -> None:
    add_stocks(world, 20, unscorable=2)
    world.data("scores?chunk_size=5")
    world.data("red-flags")
    world.data("pause?job=red-flags", method="POST")
    assert isinstance(Leases(world.redis, 30).acquire("scores"), Lease)
    (run,) = [run for run in world.table("cron_job_runs") if run["job_name"] == "refresh-scores"]
    found = scrape(world)
    expected: dict[tuple[str, ...], Any] = {
        ("stocks", "scores", "fresh"): 3,
        ("stocks", "scores", "never"): 17,
        ("stocks", "scores", "stale"): 0,
        ("stocks", "red-flags", "fresh"): 20,
        ("failing_stocks", "scores"): 2,
        ("failing_stocks", "red-flags"): 0,
        ("cycle_progress_ratio", "scores"): 0.25,
        ("cycle_progress_ratio", "red-flags"): 0,
        ("lease_held", "scores"): 1,
        ("lease_held", "red-flags"): 0,
        ("paused", "scores"): 0,
        ("paused", "red-flags"): 1,
        ("last_run_failed", "scores"): 0,
        ("last_run_duration_seconds", "scores"): run["duration_ms"] / 1000,
        ("call_overdue", "scores"): 0,
    }
    assert {name: found[name] for name in expected} == expected
    began, ended = found[("last_run_timestamp_seconds", "scores")], found[("last_success_timestamp_seconds", "scores")]
    assert 0 <= ended - began < 10


def test_a_call_is_overdue_unless_one_is_at_work_or_the_job_is_paused(scheduled: World) -> None:
    add_stocks(scheduled, 3)
    add_calls(scheduled, 5, timedelta(hours=1), ago=timedelta(hours=9))

    def overdue() -> float:
        return scrape(scheduled)[("call_overdue", "scores")]

    assert overdue() == 1
    scheduled.data("pause?job=scores", method="POST")
    assert overdue() == 0
    scheduled.execute("DELETE FROM cron_pauses")
    assert overdue() == 1
    lease = Leases(scheduled.redis, 30).acquire("scores")
    assert isinstance(lease, Lease)
    assert overdue() == 0  # as between two chunks
    scheduled.redis.delete(lease.key)
    assert overdue() == 1
    scheduled.data("scores")
    assert overdue() == 0


def test_after_a_pause_only_what_is_expected_later_can_be_missed(scheduled: World) -> None:
    add_stocks(scheduled, 3)
    add_calls(scheduled, 5, timedelta(hours=1), ago=timedelta(hours=9))
    scheduled.data("pause?job=scores", method="POST")
    scheduled.data("resume?job=scores", method="POST")
    found = scrape(scheduled)
    assert (found[("call_overdue", "scores")], found[("missed_calls", "scores")]) == (0, 0)
    assert found[("next_call_timestamp_seconds", "scores")] > time.time()
    assert found[("last_call_timestamp_seconds", "scores")] < time.time() - 8 * 3_600


def test_missed_calls_are_counted(scheduled: World) -> None:
    add_stocks(scheduled, 3)
    add_calls(scheduled, 1, timedelta(), ago=timedelta(hours=10))
    scheduled.data("scores")
    assert 8 <= scrape(scheduled)[("missed_calls", "scores")] <= 10


def test_a_failed_run_is_told(sqlite_world: World) -> None:
    add_stocks(sqlite_world, 10, unscorable=10)
    sqlite_world.call("scores")
    found = scrape(sqlite_world)
    assert found[("last_run_failed", "scores")] == 1
    assert ("last_success_timestamp_seconds", "scores") not in found


@pytest.fixture
def scheduled(migrated_url: str, redis_url: str) -> Iterator[World]:
    """A service that is to be called every hour."""
    world = World.make(migrated_url, redis_url, cron_schedule="0 * * * *")
    yield world
    world.close()


@pytest.fixture
def opened(migrated_sqlite_url: str, redis_url: str) -> Iterator[World]:
    world = World.make(migrated_sqlite_url, redis_url, metrics_token=TOKEN)
    yield world
    world.close()


def test_the_token_opens_the_metrics_and_nothing_else(opened: World) -> None:
    scrape(opened, TOKEN)
    scrape(opened, SECRET)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    error_of(opened.client.get("/v1/cron/status", headers=headers), 401, "AUTH_REQUIRED")
    error_of(opened.client.get("/metrics"), 401, "AUTH_REQUIRED")


def test_without_redis_there_are_no_metrics(migrated_sqlite_url: str) -> None:
    world = World.make(migrated_sqlite_url, "redis://127.0.0.1:1")
    reply = world.client.get("/metrics", headers={"Authorization": f"Bearer {SECRET}"})
    error_of(reply, 503, "SERVICE_UNAVAILABLE")
    world.close()
