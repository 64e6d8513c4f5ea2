"""Redis, and the clocks of both servers."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.integration.broken_service import replace_services
from tests.integration.doctor.examinations import OK, PROBLEM, WARNING, assert_found, examined, in_use
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
    if "-info" in rights:
        assert "Redis does not report which keys it drops" in checks["redis"]["found"]
        assert "whether it saves its keys" in checks["redis"]["found"]


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
