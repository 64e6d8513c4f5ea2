"""deploy/redis/users-celery.acl: what callers and workers may do in Redis with CRON_ENGINE=celery, and nothing else."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import Future, wait
from contextlib import closing, contextmanager
from typing import Any

import pytest

from tests.deploy.acl_redis import ACL, AclRedis, allow
from tests.deploy.everything import fill, problems
from tests.e2e.programs import PATIENCE, PROJECT, environment, flask, started
from tests.integration.meddling import locked_table, refresh, under_way, wait_until
from tests.jobs import THE_TWO
from tests.servers.redis_server import flush
from tests.world import World
from vettr_cron.domain.run import JobResult

ACL_CELERY = PROJECT / "deploy" / "redis" / "users-celery.acl"
QUEUE, UNACKED = "cron:celery:scores", "cron:celery:unacked"
WORKER = flask("cron", "worker", "--processes", "1")


def words(file: Any) -> list[str]:
    """What the service's user is given, word by word."""
    return str(file.read_text()).splitlines()[1].split()


OWN = [word[1:] for word in words(ACL_CELERY) if word not in words(ACL)]
"""The commands that threads do without."""
AFTER_A_FAILURE = {"unwatch": "zrem"}  # needed once another command has been refused, as by a Redis that is full


@pytest.fixture(scope="module")
def server() -> Iterator[AclRedis]:
    with AclRedis(ACL_CELERY).running() as server:
        yield server


@pytest.fixture
def owner(server: AclRedis, migrated_postgres_url: str) -> Iterator[World]:
    flush(server.url)
    with closing(World.make(migrated_postgres_url, server.url)) as world:
        fill(world)
        yield world


@contextmanager
def service(server: AclRedis, owner: World) -> Iterator[World]:
    with closing(World.make(owner.database_url, server.url_of_service, cron_engine="celery")) as world:
        yield world


def called_with_a_lost_group(world: World, owner: World) -> "Future[JobResult]":
    """A call under way, one of whose groups a worker took to its grave a while ago; or one that is refused."""
    call = under_way(lambda: refresh(world, THE_TWO["scores"], time_budget=60))
    wait_until(lambda: owner.redis.llen(QUEUE) or owner.redis.acl_log() or call.done())
    taken = owner.redis.rpop(QUEUE)
    if taken:
        message = json.loads(str(taken))
        tag, where = message["properties"]["delivery_tag"], message["properties"]["delivery_info"]
        owner.redis.hset(UNACKED, tag, json.dumps([message, where["exchange"], where["routing_key"]]))
        owner.redis.zadd(f"{UNACKED}_index", {tag: time.time() - 60})
    return call


def test_the_user_is_enough_for_everything_that_callers_and_workers_do(server: AclRedis, owner: World) -> None:
    variables = environment(owner, REDIS_URL=server.url_of_service, CRON_ENGINE="celery")
    with service(server, owner) as world:
        call = called_with_a_lost_group(world, owner)
        with started(WORKER, variables):
            result = call.result(PATIENCE)
            assert (result.succeeded, result.failed) == (9, 1)
            assert list(problems(world, owner)) == []
    assert owner.redis.acl_log() == []


def test_a_worker_that_is_stopped_hands_back_its_group(server: AclRedis, owner: World) -> None:
    variables = environment(owner, REDIS_URL=server.url_of_service, CRON_ENGINE="celery")
    with service(server, owner) as world:
        with started(WORKER, variables) as worker, locked_table(owner, "vetr_score_history") as waited_for:
            call = under_way(lambda: refresh(world, THE_TWO["scores"], time_budget=60))
            wait_until(waited_for, PATIENCE)
            worker.terminate()
            worker.wait(15)
            assert owner.redis.llen(QUEUE) == 1
        with started(WORKER, variables):
            assert call.result(PATIENCE).succeeded == 9
    assert owner.redis.acl_log() == []


@pytest.mark.parametrize("command", OWN)
def test_without_any_one_of_the_commands_something_is_refused(server: AclRedis, owner: World, command: str) -> None:
    owner.redis.acl_log_reset()
    owner.redis.script_flush()
    denied = {command, AFTER_A_FAILURE.get(command, command)}
    for each in denied:
        allow(owner, f"-{each}")
    variables = environment(owner, REDIS_URL=server.url_of_service, CRON_ENGINE="celery")
    try:
        with service(server, owner) as world:
            call = called_with_a_lost_group(world, owner)
            with started(WORKER, variables):
                wait_until(lambda: len(owner.redis.acl_log()) >= len(denied) or call.done(), PATIENCE)
            world.services.shutdown.ask()
            assert wait([call], PATIENCE).done
        refused = {entry["object"] for entry in owner.redis.acl_log()}
    finally:
        for each in denied:
            allow(owner, f"+{each}")
        owner.redis.acl_log_reset()
    assert refused == denied


def test_it_is_the_other_file_and_these_commands() -> None:
    assert [word for word in words(ACL_CELERY) if word[1:] not in OWN] == words(ACL)
    assert ACL_CELERY.read_text().splitlines()[0] == "user default off"
    assert not [word for word in words(ACL_CELERY) if word.startswith("&")]  # no channels


def test_the_page_lists_them() -> None:
    page = (PROJECT / "docs" / "deploy" / "redis.md").read_text()
    (listed,) = [line for line in page.split("```") if line.startswith("text\nalso ")]
    assert listed.split()[2:] == OWN
