"""A cycle whose groups workers do."""

import threading

from tests.integration.bare_stocks import add_stocks
from tests.integration.meddling import under_way, wait_until
from tests.world import World


def test_a_cycle_is_done_by_a_worker(celery_world: World) -> None:
    add_stocks(celery_world, 250, unscorable=12)
    result = celery_world.data("scores?chunks=all&chunk_size=120")
    assert (result["status"], result["chunks_run"], result["chunk_info"]["is_complete"]) == ("completed", 3, True)
    assert (result["stocks_processed"], result["failed"]) == (250, 12)
    runs = sorted(celery_world.table("cron_job_runs"), key=lambda run: run["chunk_offset"])
    assert [run["stocks_processed"] for run in runs] == [120, 120, 10]
    assert len(celery_world.table("vetr_score_history")) == 238
    assert len(celery_world.redis.keys("vetr_score:*")) == 238
    assert not celery_world.redis.keys("cron:outcome:*")
    assert not celery_world.redis.keys("cron:*:groups")
    assert celery_world.redis.llen("cron:celery:scores") == 0


def test_calls_keep_no_connections(celery_world: World) -> None:
    """A web process lives for long, and `cron scheduler` is to hold none while it waits."""
    add_stocks(celery_world, 50)

    def call() -> None:
        assert celery_world.data("scores?chunks=all")["status"] == "completed"

    call()
    first, calls = len(celery_world.redis.client_list()), 20
    for _call in range(calls):
        call()
    # Pools of the caller and of the worker may have grown by a few, and what a call has closed may take a moment.
    wait_until(lambda: len(celery_world.redis.client_list()) < first + calls)


def test_what_waits_in_redis_is_bounded_by_the_window(celery_world: World) -> None:
    add_stocks(celery_world, 1000)
    most, ends = [0], threading.Event()

    def watch() -> None:
        while not ends.is_set():
            keys = celery_world.redis.keys("cron:outcome:*")
            most.append(len(keys) + celery_world.redis.llen("cron:celery:scores"))

    watching = under_way(watch)
    try:
        result = celery_world.data("scores?chunks=all&chunk_size=1000")
    finally:
        ends.set()
    watching.result(10)
    assert (result["stocks_processed"], max(most) > 0) == (1000, True)
    assert max(most) <= celery_world.services.settings.cron_groups_under_way
