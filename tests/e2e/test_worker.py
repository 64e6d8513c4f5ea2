"""`cron worker` as a process of its own."""

import signal
import subprocess
from collections.abc import Iterator

import pytest

from tests.e2e.programs import PATIENCE, environment, finished, flask, started
from tests.integration.bare_stocks import add_stocks
from tests.integration.meddling import wait_until
from tests.world import World
from vettr_cron.redis_store.groups import Groups

ENGINE = {"CRON_ENGINE": "celery"}


@pytest.fixture
def world(migrated_postgres_url: str, redis_url: str) -> Iterator[World]:
    world = World.make(migrated_postgres_url, redis_url)
    add_stocks(world, 250)
    yield world
    world.close()


def test_commands_and_a_worker_do_a_cycle_and_the_worker_stops_in_order(world: World) -> None:
    variables = environment(world, **ENGINE)
    with started(flask("cron", "worker", "--processes", "2"), variables) as worker:
        groups = Groups(world.services.redis)
        wait_until(groups.workers, seconds=PATIENCE)
        (seen,) = groups.workers()
        assert seen.processes == 2
        called = finished(flask("cron", "refresh-all", "--chunks", "all"), variables)
        assert called.returncode == 0, called.stderr
        assert called.stdout.count("complete") >= 2
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(PATIENCE) == 0
    assert not groups.workers()
    assert len(world.table("vetr_score_history")) == 250


def test_with_threads_a_worker_is_refused(world: World) -> None:
    refused = finished(flask("cron", "worker"), environment(world))
    assert refused.returncode == 2
    assert "set CRON_ENGINE=celery" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_without_its_engine_celery_is_not_imported(world: World) -> None:
    names = "('celery', 'kombu', 'billiard')"
    code = f"import sys, wsgi; sys.exit(any(name.split('.')[0] in {names} for name in sys.modules))"
    process = subprocess.run([*flask()[:1], "-c", code], check=False, env=dict(environment(world)), timeout=PATIENCE)
    assert process.returncode == 0
