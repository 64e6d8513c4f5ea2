"""The fence of groups that are saved side by side: whoever closes the run waits for what is under way, no longer."""

import threading
import time
from functools import partial
from uuid import uuid4

import pytest

from tests.integration.group_tasks import task_of
from tests.integration.meddling import under_way, wait_until
from tests.world import World
from vettr_cron.domain.errors import RunUnknown
from vettr_cron.domain.run import Run
from vettr_cron.repositories import runs


def close(world: World, run: Run) -> None:
    with world.write() as connection:
        runs.close_interrupted(connection, [run])


def test_whoever_closes_a_run_waits_for_no_more_than_the_transactions_that_are_under_way(
    postgres_world: World,
) -> None:
    run, over = task_of(postgres_world, "scores").run, threading.Event()
    began = [0] * 4

    def save_in_turn(number: int) -> int:
        """Saves one group after the other, so that at every moment some are under way; ends when it is shut out."""
        saved = 0
        while not over.is_set():
            with postgres_world.services.database.saving() as connection:
                if not runs.join(connection, run.id):
                    return saved
                began[number] += 1
                time.sleep(0.2)  # the work of a transaction
            saved += 1
        return saved

    savers = [under_way(partial(save_in_turn, number)) for number in range(4)]
    try:
        wait_until(lambda: all(began))
        asked = time.monotonic()
        close(postgres_world, run)
        assert time.monotonic() - asked < 2
        assert all(saver.result(10) for saver in savers)
    finally:
        over.set()


def test_no_group_that_began_to_save_before_is_left_out_when_the_run_is_closed(postgres_world: World) -> None:
    run = task_of(postgres_world, "scores").run
    with postgres_world.services.database.saving() as connection:
        assert runs.join(connection, run.id)
        closing = under_way(lambda: close(postgres_world, run))
        wait_until(lambda: postgres_world.rows("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"))
        assert not closing.done()
        assert postgres_world.rows("SELECT status FROM cron_job_runs") == [{"status": "running"}]
    closing.result(10)
    with postgres_world.services.database.saving() as connection:
        assert not runs.join(connection, run.id)


def test_the_callers_counts_wait_for_no_group(postgres_world: World) -> None:
    run = task_of(postgres_world, "scores").run
    with postgres_world.services.database.saving() as connection:
        assert runs.join(connection, run.id)
        with postgres_world.services.database.writing(2) as other:
            assert runs.record_progress(other, run.with_stocks(5, [], 1))


@pytest.mark.parametrize("closed", [True, False])
def test_only_a_running_run_lets_groups_in(postgres_world: World, closed: bool) -> None:
    run = task_of(postgres_world, "scores").run
    if closed:
        close(postgres_world, run)
    with postgres_world.services.database.saving() as connection:
        assert runs.join(connection, run.id) is not closed
        with pytest.raises(RunUnknown, match="DATABASE_URL"):
            runs.join(connection, uuid4())
