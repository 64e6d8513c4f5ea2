"""How many statements and round trips a chunk and a cycle take: as many for 300 stocks as for 100."""

from contextlib import closing
from typing import Any

import pytest

from tests.integration.bare_stocks import add_stocks
from tests.integration.statements import MOST_STATEMENTS_A_CHUNK, STATEMENTS_A_SAMPLE, recorded_statements
from tests.servers.redis_server import PrivateRedis
from tests.world import World

UNIVERSE = 1_300
MOST_ROUND_TRIPS_A_STOCK = 0.5


@pytest.mark.parametrize("job", ["scores", "red-flags"])
def test_a_chunk_takes_few_statements_however_large_it_is(postgres_world: World, job: str) -> None:
    postgres_world.generate(402)  # so that no cycle ends here, where there is a sample to take
    postgres_world.data(f"{job}?chunk_size=1")  # the first call of all gives the database its id, and takes a sample
    counts = []
    for size in (100, 300):
        with recorded_statements(postgres_world) as statements:
            assert postgres_world.data(f"{job}?chunk_size={size}")["succeeded"] == size
        counts.append(len(statements))
    assert counts[0] == counts[1] <= MOST_STATEMENTS_A_CHUNK


@pytest.mark.parametrize("job", ["scores", "red-flags"])
def test_a_call_asks_once_whether_a_sample_is_due_and_a_sample_adds_three_statements(world: World, job: str) -> None:
    add_stocks(world, 8)
    world.data(f"{job}?chunk_size=2")  # takes the first sample
    counts, samples = [], []
    for _call in range(3):  # the last one ends the cycle
        with recorded_statements(world) as statements:
            world.data(f"{job}?chunk_size=2")
        counts.append(len(statements))
        samples.append(["INSERT" in text for text in statements if "cron_samples" in text])
    assert samples == [[False], [False], [True]]
    assert counts[0] == counts[1] == counts[2] + 1 - STATEMENTS_A_SAMPLE


def reads(redis: Any) -> int:
    """How often the server has read from a client: once for each round trip, more often where much is sent at once."""
    return int(redis.info("stats")["total_reads_processed"])


@pytest.mark.parametrize(("chunk_size", "most"), [(100, 0.5), (1_000, 0.1)])
def test_a_cycle_takes_few_statements_and_round_trips_a_stock(
    migrated_postgres_url: str, stoppable_redis: PrivateRedis, chunk_size: int, most: float
) -> None:
    with closing(World.make(migrated_postgres_url, stoppable_redis.url)) as world:
        add_stocks(world, UNIVERSE)
        before = reads(world.redis)
        with recorded_statements(world) as statements:
            results = world.data(f"refresh-all?chunks=all&chunk_size={chunk_size}")
        round_trips = reads(world.redis) - before
    assert [results[job]["succeeded"] for job in ("scores", "red_flags")] == [UNIVERSE, UNIVERSE]
    a_stock = len(statements) / UNIVERSE, round_trips / UNIVERSE
    print(f"chunks of {chunk_size}: {a_stock[0]:.3f} statements and {a_stock[1]:.3f} round trips to Redis a stock")
    assert a_stock[0] <= most
    assert 0 < a_stock[1] <= MOST_ROUND_TRIPS_A_STOCK
