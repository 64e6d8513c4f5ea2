"""What others leave in the lease's key keeps nobody out, and what a call leaves there ends."""

from collections.abc import Callable

import pytest
from redis import Redis

from tests.integration.bare_stocks import add_stocks
from tests.integration.meddling import wait_until
from tests.world import World
from vettr_cron.domain.errors import RedisUnavailable
from vettr_cron.redis_store.leases import Lease, Leases, lease_key

KEY = lease_key("scores")
TERM = 30


STRANGERS: dict[str, Callable[["Redis"], object]] = {
    "text": lambda client: client.set(KEY, "locked"),
    "list": lambda client: client.rpush(KEY, "locked"),
    "set": lambda client: client.sadd(KEY, "locked"),
    "hash without a token": lambda client: client.hset(KEY, "owner", "locked"),
}


@pytest.mark.parametrize("stranger", STRANGERS)
@pytest.mark.parametrize("expires", [True, False])
def test_a_strangers_lock_keeps_nobody_out(client: "Redis", stranger: str, expires: bool) -> None:
    STRANGERS[stranger](client)
    if expires:
        client.expire(KEY, 600)
    lease = Leases(client, TERM).acquire("scores")
    assert isinstance(lease, Lease)
    assert client.hget(KEY, "token") == lease.token
    assert 0 < client.ttl(KEY) <= TERM


def test_a_renewal_gives_the_lease_its_end_back(client: "Redis") -> None:
    leases = Leases(client, TERM)
    lease = leases.acquire("scores")
    assert isinstance(lease, Lease)
    client.persist(KEY)
    assert leases.renew(lease)
    assert 0 < client.ttl(KEY) <= TERM


def test_the_keeper_renews_at_a_third_of_the_term(client: "Redis") -> None:
    leases = Leases(client, 6)
    lease = leases.acquire("scores")
    assert isinstance(lease, Lease)
    least = 6_000
    with leases.kept(lease):
        before = client.pttl(KEY)

        def is_renewed() -> bool:
            nonlocal before, least
            now = client.pttl(KEY)
            least = min(least, now)
            before, earlier = now, before
            return now > earlier

        wait_until(is_renewed, 5)
    assert 3_000 < least <= 4_100  # two thirds of the term were left


def test_a_full_redis_that_refuses_a_call_keeps_no_lease_of_it(sqlite_world: World) -> None:
    add_stocks(sqlite_world, 3)
    sqlite_world.redis.config_set("maxmemory", 1)
    try:
        response = sqlite_world.call("scores")
        assert response.status_code == 503
        assert not sqlite_world.redis.exists(KEY)
        with pytest.raises(RedisUnavailable):
            Leases(sqlite_world.redis, TERM).acquire("scores")
        assert not sqlite_world.redis.exists(KEY)
    finally:
        sqlite_world.redis.config_set("maxmemory", 0)
