"""A service whose Redis may fail; afterwards it is as it was."""

from collections.abc import Iterator

import pytest
from redis import Redis

from tests.chaos.proxy import redis_proxy
from tests.integration.bare_stocks import add_stocks
from tests.integration.failing_redis.faults import STOCKS, TERM, Setting, recover
from tests.servers.redis_server import PrivateRedis
from tests.world import World


@pytest.fixture
def setting(migrated_sqlite_url: str, stoppable_redis: PrivateRedis) -> Iterator[Setting]:
    proxy, url = redis_proxy(stoppable_redis.url)
    world = World.make(migrated_sqlite_url, url, cron_lease_seconds=TERM)
    add_stocks(world, STOCKS)
    with proxy, Redis.from_url(stoppable_redis.url, decode_responses=True) as direct:
        yield Setting(world, proxy, stoppable_redis, direct)
    world.close()


@pytest.fixture(autouse=True)
def recovery(setting: Setting) -> Iterator[None]:
    yield
    recover(setting)
