"""The release before this one works on a database that this one has migrated: a release can be rolled back."""

import json
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.programs import PATIENCE, environment, finished, flask, started
from tests.integration.bare_stocks import add_stocks
from tests.integration.meddling import wait_until
from tests.releases import unpack_release_before
from tests.world import World
from vettr_cron.redis_store.leases import Lease, Leases


@pytest.fixture
def world(migrated_url: str, redis_url: str) -> Iterator[World]:
    world = World.make(migrated_url, redis_url)
    world.generate(30)
    yield world
    world.close()


def test_the_release_before_works_on_the_newest_migration(world: World, tmp_path: Path) -> None:
    before = unpack_release_before(tmp_path)
    for folder in (before, None, before):
        options = {} if folder is None else {"folder": folder}
        done = finished(flask("cron", "refresh-all", "--chunk-size", "10", "--json"), environment(world), **options)
        assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["scores"]["chunk_info"]["is_complete"]
    assert len({row["stock_ticker"] for row in world.table("vetr_score_history")}) == 30
    runs = [run for run in world.table("cron_job_runs") if run["job_name"] in ("refresh-scores", "refresh-red-flags")]
    assert [run["status"] for run in runs] == ["completed"] * 6
    for words in (["cron", "status"], ["cron", "history"], ["cron", "coverage"]):
        done = finished(flask(*words), environment(world), folder=before)
        assert done.returncode == 0, done.stderr


def test_after_an_update_nothing_is_late_and_what_is_known_is_told(
    migrated_url: str, redis_url: str, tmp_path: Path
) -> None:
    before = unpack_release_before(tmp_path)
    with closing(World.make(migrated_url, redis_url, cron_schedule="* * * * *")) as world:
        world.generate(30)
        command = flask("cron", "refresh-all", "--chunk-size", "10", "--json")
        done = finished(command, environment(world), folder=before)
        assert done.returncode == 0, done.stderr
        status = world.data("status")
        job = status["jobs"]["scores"]
        assert (status["calls_since"], job["last_call"]) == (None, None)
        assert (job["pace"]["late"], job["schedule"]["missed"]) == (False, [])
        assert job["last_success"]["id"] == json.loads(done.stdout)["scores"]["run_id"]
        assert job["summary"].startswith("Between two calls: 10 of 30 stocks are done. The next call is expected at ")
        assert world.data("objective")["jobs"]["scores"] == {
            "share": None,
            "since": None,
            "fresh_seconds": 0,
            "counted_seconds": 0,
            "not_fresh": [],
        }
        world.data("scores?chunk_size=10")
        status = world.data("status")
        assert status["calls_since"] == status["jobs"]["scores"]["last_call"]["started_at"]


def test_both_releases_respect_each_others_leases(world: World, tmp_path: Path) -> None:
    before = unpack_release_before(tmp_path)
    leases = Leases(world.redis, 60)
    lease = leases.acquire("scores")
    assert isinstance(lease, Lease)
    skipped = finished(flask("cron", "scores", "--json"), environment(world), folder=before)
    assert (skipped.returncode, json.loads(skipped.stdout)["stop_reason"]) == (75, "already_running")
    assert leases.renew(lease)
    world.redis.delete(lease.key)

    add_stocks(world, 3_000)
    call = flask("cron", "scores", "--json", "--chunks", "all", "--chunk-size", "1")
    with started(call, environment(world), folder=before) as old:
        wait_until(lambda: int(world.redis.get("cron:scores:offset") or 0) > 3, PATIENCE)
        ours = world.data("scores")
        assert (ours["status"], ours["stop_reason"]) == ("skipped", "already_running")
        old.terminate()
        output, _ = old.communicate(timeout=PATIENCE)
    assert json.loads(output)["stop_reason"] == "shutdown"


def test_the_release_before_leaves_a_newer_migration_alone(world: World) -> None:
    tables = [sorted(map(str, world.table(name))) for name in ("stocks", "cron_job_runs")]
    world.execute("UPDATE cron_alembic_version SET version_num = '2099_01_01_next'")
    done = finished([sys.executable, "-m", "flask", "--app", "wsgi", "db", "upgrade"], environment(world))
    assert done.returncode == 0, done.stderr
    assert "A newer release has migrated the database, to 2099_01_01_next" in done.stdout
    assert [sorted(map(str, world.table(name))) for name in ("stocks", "cron_job_runs")] == tables
    assert world.rows("SELECT version_num FROM cron_alembic_version") == [{"version_num": "2099_01_01_next"}]
    refused = finished(flask("db", "downgrade"), environment(world))
    assert refused.returncode != 0
    assert "2099_01_01_next" in refused.stdout + refused.stderr
