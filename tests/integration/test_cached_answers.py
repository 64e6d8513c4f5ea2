"""How long the platform finds an answer in Redis, whoever asked for it."""

from itertools import pairwise

import pytest

from tests.integration.bare_stocks import add_stocks
from tests.integration.meddling import at_stock
from tests.jobs import THE_TWO
from tests.world import World
from vettr_cron.domain.run import StopReason
from vettr_cron.redis_store.leases import lease_key
from vettr_cron.services.refresh.request import NamedStocks, Request

DAY = 86_400
ANSWER = {"scores": "vetr_score", "red-flags": "red_flags"}


@pytest.mark.parametrize("job", ["scores", "red-flags"])
@pytest.mark.parametrize("asked", ["chunks=1", "tickers=T00000,T00001"])
def test_an_answer_lives_for_a_day_however_long_the_cursor_does(
    migrated_sqlite_url: str, redis_url: str, job: str, asked: str
) -> None:
    world = World.make(migrated_sqlite_url, redis_url, cron_cursor_ttl_seconds=3_600)
    add_stocks(world, 3)
    world.data(f"{job}?{asked}")
    assert DAY - 60 < world.redis.ttl(f"{ANSWER[job]}:T00001") <= DAY
    if asked == "chunks=1":
        assert 3_600 - 60 < world.redis.ttl(f"cron:{job}:offset") <= 3_600
    world.close()


def test_the_answers_of_named_stocks_are_left_alone_once_the_lease_is_anothers(sqlite_world: World) -> None:
    tickers = add_stocks(sqlite_world, 3)

    def lose_the_lease() -> None:
        sqlite_world.redis.hset(lease_key("scores"), "token", "another's")

    job = at_stock(THE_TWO["scores"], 1, lose_the_lease)
    request = Request(chunk_size=100, chunks=None, time_budget=None, only=NamedStocks(tickers))
    result = sqlite_world.services.refresh.run(job, request)
    assert result.stop_reason is StopReason.SUPERSEDED
    assert not sqlite_world.redis.keys("vetr_score:*")


GROUPS = {10: [500, 100], 250: [500, 100], 251: [251, 251, 98], 500: [500, 100]}


@pytest.mark.parametrize(("batch", "groups"), GROUPS.items())
def test_a_group_is_of_whole_batches_and_at_most_500_stocks(
    migrated_sqlite_url: str, redis_url: str, batch: int, groups: list[int]
) -> None:
    world = World.make(migrated_sqlite_url, redis_url, cron_batch_size=batch)
    add_stocks(world, 600)
    seen: list[int] = []
    request = Request(chunk_size=600, chunks=1, time_budget=None)
    result = world.services.refresh.run(THE_TWO["red-flags"], request, lambda done, _total: seen.append(done))
    assert result.succeeded == 600
    assert [later - earlier for earlier, later in pairwise(seen)] == groups
    world.close()
