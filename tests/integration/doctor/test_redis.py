"""Redis, and the clocks of both servers."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from redis import Redis

from tests.integration.bare_stocks import add_stocks
from tests.integration.broken_service import replace_services
from tests.integration.doctor.examinations import OK, PROBLEM, WARNING, assert_found, examined, in_use
from tests.integration.meddling import wait_until
from tests.servers.redis_server import PrivateRedis
from tests.world import World
from vettr_cron.services.clock import utc_now


@pytest.fixture
def on_own_redis(migrated_sqlite_url: str, stoppable_redis: PrivateRedis) -> Iterator[World]:
    """A healthy service on a Redis whose settings a test may change; afterwards they are as they were."""
    with closing(World.make(migrated_sqlite_url, stoppable_redis.url)) as world:
        in_use(world)
        names = ("maxmemory", "maxmemory-policy", "appendonly", "save")
        redis: Any = world.redis
        before = {name: redis.config_get(name)[name] for name in names}
        yield world
        redis.replicaof("NO", "ONE")
        for name, value in before.items():
            redis.config_set(name, value)


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl"])
def test_a_redis_that_drops_keys(on_own_redis: World, policy: str) -> None:
    on_own_redis.redis.config_set("maxmemory-policy", policy)
    assert_found(on_own_redis, "redis", WARNING, policy, "maxmemory-policy to noeviction")
    on_own_redis.redis.config_set("maxmemory", "1gb")
    assert_found(on_own_redis, "redis", PROBLEM, policy, "maxmemory-policy to noeviction")


def test_a_redis_that_is_full(on_own_redis: World) -> None:
    on_own_redis.redis.config_set("maxmemory", "1")
    assert_found(on_own_redis, "redis", PROBLEM, "out of memory", "more memory")


def test_a_redis_that_keeps_nothing(on_own_redis: World) -> None:
    on_own_redis.redis.config_set("appendonly", "no")
    assert_found(on_own_redis, "redis", WARNING, "a restart loses the cursors", "appendonly")
    on_own_redis.redis.config_set("save", "3600 1")
    assert examined(on_own_redis)["redis"]["state"] == OK


def test_a_redis_that_is_a_replica(on_own_redis: World) -> None:
    on_own_redis.redis.replicaof("127.0.0.1", "1")
    assert_found(on_own_redis, "redis", PROBLEM, "read-only replica", "primary")


@pytest.mark.parametrize(
    ("rights", "expected"),
    [
        (["-config"], {"redis": OK, "clock": OK}),  # all that matters is in INFO
        (["-info", "-config"], {"redis": WARNING, "clock": OK}),
        (["-time"], {"redis": OK, "clock": WARNING}),
        (["-set"], {"redis": PROBLEM, "clock": OK}),
        (["-del"], {"redis": PROBLEM, "clock": OK}),
        (["-@scripting"], {"redis": PROBLEM, "clock": OK}),
        (["resetkeys", "~cron:*"], {"redis": PROBLEM, "clock": OK}),
        (["resetkeys", "~cron:*", "~vetr_score:*"], {"redis": PROBLEM, "clock": OK}),
        (["resetkeys", "~vetr_score:*", "~red_flags:*"], {"redis": PROBLEM, "clock": OK}),
        (["resetkeys", "~cron:*", "~vetr_score:*", "~red_flags:*"], {"redis": OK, "clock": OK}),
    ],
)
def test_a_redis_that_forbids(on_own_redis: World, rights: list[str], expected: dict[str, str]) -> None:
    admin: Any = on_own_redis.redis
    admin.execute_command("ACL", "SETUSER", "guest", "on", ">hush-hush", "~*", "+@all", *rights)
    url = on_own_redis.redis_url.replace("redis://", "redis://guest:hush-hush@")
    with closing(World.make(on_own_redis.database_url, url)) as world:
        checks = examined(world)
    admin.execute_command("ACL", "DELUSER", "guest")
    assert {name: checks[name]["state"] for name in expected} == expected
    if expected["redis"] == PROBLEM:
        assert "No call works: The user in REDIS_URL lacks a permission" in checks["redis"]["found"]
        assert "Redis refuses " in checks["redis"]["found"]
        assert "may run scripts" in checks["redis"]["mend"]
    if "-info" in rights:
        assert "Redis does not report which keys it drops" in checks["redis"]["found"]
        assert "whether it saves its keys" in checks["redis"]["found"]


def test_a_redis_in_cluster_mode(migrated_sqlite_url: str, cluster: PrivateRedis) -> None:
    words = "Redis is in cluster mode, which the service does not support; Redis refuses EVALSHA: "
    with closing(World.make(migrated_sqlite_url, cluster.url)) as world:
        add_stocks(world, 3)
        check = examined(world)["redis"]
        assert check["state"] == PROBLEM
        assert f"No call works: {words}" in check["found"]
        assert words in world.call("scores").get_json()["error"]["message"]
        assert words in world.call("refresh-all").get_json()["error"]["details"]["scores"]["error"]


class _Cluster(PrivateRedis):
    """A cluster of one, which has all slots."""

    def command(self) -> list[str]:
        return [*super().command(), "--cluster-enabled", "yes"]


@pytest.fixture
def cluster() -> Iterator[PrivateRedis]:
    with _Cluster().running() as server:
        with Redis.from_url(server.url) as client:
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16_383)
            wait_until(lambda: client.execute_command("CLUSTER INFO")["cluster_state"] == "ok")
        yield server


def test_a_probe_leaves_nothing(on_own_redis: World) -> None:
    before = set(on_own_redis.redis.keys())
    assert examined(on_own_redis)["redis"]["state"] == OK
    assert set(on_own_redis.redis.keys()) == before


def test_a_database_that_redis_does_not_have(on_own_redis: World) -> None:
    url = on_own_redis.redis_url.removesuffix("/0") + "/999"
    with closing(World.make(on_own_redis.database_url, url)) as world:
        words = "Redis does not have the database whose number is in REDIS_URL"
        assert examined(world)["redis"]["found"] == words
        assert world.call("scores").get_json()["error"]["message"] == words


@pytest.mark.parametrize(("seconds", "state"), [(1, OK), (10, WARNING), (-10, WARNING), (45, PROBLEM)])
def test_a_clock_that_is_wrong(healthy_on_postgres: World, seconds: int, state: str) -> None:
    off = timedelta(seconds=seconds)
    doctor = replace(healthy_on_postgres.services.doctor, clock=lambda: utc_now() - off)
    replace_services(healthy_on_postgres, doctor=doctor)
    check = examined(healthy_on_postgres)["clock"]
    side = "ahead of" if seconds > 0 else "behind"
    assert check["state"] == state
    for server in ("The database", "Redis"):
        # The last digit is the time that an answer takes.
        assert any(f"{server} is {abs(seconds) + tenth / 10:.1f} s {side}" in check["found"] for tenth in (-1, 0, 1))
    assert state == OK or "NTP" in check["mend"]
