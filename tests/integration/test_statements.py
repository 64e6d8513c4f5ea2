"""How many statements and round trips a chunk and a cycle take: as many for 300 stocks as for 100."""

from typing import Any

import pytest
from redis.connection import AbstractConnection

from tests.integration.bare_stocks import add_stocks
from tests.integration.statements import MOST_STATEMENTS_A_CHUNK, recorded_statements
from tests.world import World

UNIVERSE = 1_300
MOST_ROUND_TRIPS_A_STOCK = 0.5


@pytest.mark.parametrize("job", ["scores", "red-flags"])
def test_a_chunk_takes_few_statements_however_large_it_is(postgres_world: World, job: str) -> None:
    postgres_world.generate(400)
    counts = []
    for size in (100, 300):
        with recorded_statements(postgres_world) as statements:
            assert postgres_world.data(f"{job}?chunk_size={size}")["succeeded"] == size
        counts.append(len(statements))
    assert counts[0] == counts[1] <= MOST_STATEMENTS_A_CHUNK


@pytest.mark.parametrize(("chunk_size", "most"), [(100, 0.5), (1_000, 0.1)])
def test_a_cycle_of_both_jobs_takes_few_statements_and_round_trips_a_stock(
    postgres_world: World, monkeypatch: pytest.MonkeyPatch, chunk_size: int, most: float
) -> None:
    add_stocks(postgres_world, UNIVERSE)
    round_trips = [0]
    send: Any = AbstractConnection.send_packed_command

    def counted(connection: AbstractConnection, *arguments: object, **options: object) -> object:
        round_trips[0] += 1
        return send(connection, *arguments, **options)

    monkeypatch.setattr(AbstractConnection, "send_packed_command", counted)
    with recorded_statements(postgres_world) as statements:
        results = postgres_world.data(f"refresh-all?chunks=all&chunk_size={chunk_size}")
    assert [results[job]["succeeded"] for job in ("scores", "red_flags")] == [UNIVERSE, UNIVERSE]
    a_stock = len(statements) / UNIVERSE, round_trips[0] / UNIVERSE
    print(f"chunks of {chunk_size}: {a_stock[0]:.3f} statements and {a_stock[1]:.3f} round trips to Redis a stock")
    assert a_stock[0] <= most
    assert 0 < a_stock[1] <= MOST_ROUND_TRIPS_A_STOCK
