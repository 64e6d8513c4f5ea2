"""The rows of the run log, where two callers meet at one: what is closed stays so, at its last sign of life."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

from tests.integration.meddling import under_way, wait_until
from tests.world import World
from vettr_cron.domain.run import INTERRUPTED, Run, RunStatus
from vettr_cron.repositories import runs
from vettr_cron.services.clock import utc_now


def a_run() -> Run:
    return Run(
        id=uuid4(),
        job_name="refresh-scores",
        status=RunStatus.RUNNING,
        chunk_offset=0,
        chunk_size=100,
        total_stocks=100,
        started_at=utc_now(),
    )


def test_a_beginning_that_is_told_again_opens_no_closed_run(world: World) -> None:
    run = a_run()
    with world.write() as connection:
        runs.start(connection, run)
        runs.close_interrupted(connection, runs.running(connection, [run.job_name]))
    closed = world.table("cron_job_runs")
    with world.write() as connection:
        runs.start(connection, run)
    assert world.table("cron_job_runs") == closed
    assert [(row["status"], row["error_message"]) for row in closed] == [("failed", INTERRUPTED)]


def test_an_orphan_is_closed_with_its_last_sign_of_life(postgres_world: World) -> None:
    run = a_run()
    database = postgres_world.services.database

    def close() -> None:
        with database.writing() as connection:
            runs.close_interrupted(connection, runs.running(connection, [run.job_name], lock=True))

    def waits() -> bool:
        (row,) = postgres_world.rows("SELECT count(*) AS number FROM pg_locks WHERE NOT granted")
        return bool(row["number"])

    with database.writing() as connection:
        runs.start(connection, run)
    with database.writing() as connection:
        assert runs.record_progress(connection, replace(run, stocks_processed=5, succeeded=5, duration_ms=7_000))
        closing = under_way(close)
        wait_until(waits)
    closing.result(10)
    (row,) = postgres_world.table("cron_job_runs")
    assert (row["status"], row["succeeded"]) == ("failed", 5)
    assert row["completed_at"] - row["started_at"] == timedelta(seconds=7)
