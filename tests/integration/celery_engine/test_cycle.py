"""A cycle whose groups workers do."""

from tests.integration.bare_stocks import add_stocks
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
