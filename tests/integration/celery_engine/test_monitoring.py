"""Status, doctor, metrics and the page's data know the engine and its workers."""

from typing import Any

import pytest

from tests.integration.bare_stocks import add_stocks
from tests.integration.celery_engine import strange_jobs
from tests.integration.celery_engine.strange_jobs import holding, wait_for_the_first
from tests.integration.meddling import refresh, under_way, wait_until
from tests.jobs import THE_TWO
from tests.servers.celery_worker import Work, working
from tests.world import SECRET, World
from vettr_cron import __version__
from vettr_cron.domain.engine import EngineState, Worker, check_engine


@pytest.fixture
def caller(migrated_postgres_url: str, redis_url: str) -> Any:
    values = {"cron_group_size": 10, "cron_groups_under_way": 4}
    world = World.make(migrated_postgres_url, redis_url, cron_engine="celery", **values)
    add_stocks(world, 60)
    yield world
    world.close()


def metrics(world: World) -> dict[str, float]:
    text = world.client.get("/metrics", headers={"Authorization": f"Bearer {SECRET}"}).get_data(as_text=True)
    lines = [line.split() for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in lines if "{" not in name}


def checked(world: World) -> Any:
    return next(check for check in world.services.doctor.examine().checks if check.name == "engine")


def test_with_threads_there_is_nothing_to_say(world: World) -> None:
    engine = world.data("status")["engine"]
    assert (engine["name"], engine["workers"], engine["groups_under_way"]) == ("threads", [], 0)
    assert "vettr_cron_workers" not in metrics(world)
    assert "engine" not in [check.name for check in world.services.doctor.examine().checks]


def test_that_no_worker_is_alive_is_a_problem_everywhere(caller: World) -> None:
    assert caller.data("status")["engine"]["workers"] == []
    verdict = caller.data("overview")["verdict"]
    assert (verdict["state"], verdict["sentence"][:18]) == ("problem", "No worker is alive")
    assert "flask --app wsgi cron worker" in verdict["fix"]
    check = checked(caller)
    assert (check.state, check.found, check.fix) == ("problem", verdict["sentence"], verdict["fix"])
    assert metrics(caller)["vettr_cron_workers"] == 0


def test_workers_and_their_groups_are_counted(caller: World) -> None:
    work = Work(database_url=caller.database_url, redis_url=caller.redis_url, jobs=strange_jobs.HELD, processes=2)
    with working(work) as worker, holding(caller.redis):
        call = under_way(lambda: refresh(caller, THE_TWO["scores"]))
        wait_for_the_first(caller.redis, stocks=2)
        wait_until(lambda: caller.data("status")["engine"]["groups_waiting"] == 2)
        engine = caller.data("status")["engine"]
        (seen,) = engine["workers"]
        assert (seen["release"], seen["processes"], seen["jobs"]) == (__version__, 2, ["scores"])
        assert seen["name"].endswith(f":{worker.pid}")
        assert (engine["groups_under_way"], engine["redeliveries"]) == (4, 0)
        assert 0 <= engine["oldest_waiting_seconds"] < 30
        said = checked(caller).found
        assert said.startswith("1 worker with 2 processes, 4 groups under way, 2 of them waiting")
        found = metrics(caller)
        assert (found["vettr_cron_workers"], found["vettr_cron_worker_processes"]) == (1, 2)
        assert found["vettr_cron_groups_under_way"] == 4
        assert found["vettr_cron_group_redeliveries_total"] == 0
        assert caller.data("overview")["engine"] == {
            **engine,
            "oldest_waiting_seconds": caller.data("overview")["engine"]["oldest_waiting_seconds"],
        }
        caller.redis.delete(strange_jobs.HOLD)
        assert call.result(60).succeeded == 60
    assert caller.data("status")["engine"]["groups_under_way"] == 0


def test_the_state_of_redis_that_was_emptied_is_no_error(caller: World) -> None:
    caller.redis.flushdb()
    assert caller.data("status")["engine"]["redeliveries"] == 0


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"workers": [Worker("a:1", "1.0.0", 2, [])]}, "The worker a:1 is of release 1.0.0, and this is release 2.0.0"),
        ({"oldest_waiting_seconds": 61, "groups_waiting": 1}, "A group waits for a worker for 61 s"),
    ],
)
def test_the_doctor_warns_of_what_will_cost_time(change: dict[str, Any], found: str) -> None:
    values: dict[str, Any] = {"name": "celery", "workers": [Worker("a:1", "2.0.0", 2, [])], **change}
    check = check_engine(EngineState(**values), "2.0.0")
    assert (check.state, check.found) == ("warning", found)
    assert check.fix
