"""A universe many times as large, beside the usual one: what a stock costs, and how much memory it takes."""

from bench.cycles import CHUNK, LARGE_CHUNK
from bench.goals import Goal, spread
from bench.process import CyclingService, Pass, production
from bench.servers import Servers

USUAL = 1_300
TEN_MINUTES = 600


def of_the_universe(servers: Servers, usual: str, large: str, size: int) -> list[Goal]:
    """The large universe between rounds of the usual one, each in a process of its own; the larger chunk from 200 000.

    The usual one before and after tells how the machine's speed drifted meanwhile.
    """
    chunk = CHUNK if size < 200_000 else LARGE_CHUNK
    small = _usual(servers, usual, chunk)
    passes = []
    for _round in range(3 if size < 200_000 else 1):
        with CyclingService(production(large, servers.redis.url)) as service:
            passes.append(service.cycle(chunk))
        assert passes[-1].stocks == size, passes[-1]
        small += _usual(servers, usual, chunk)
    seconds = [one.seconds for one in passes]
    usual_cost = sorted(one.seconds / USUAL for one in small)[len(small) // 2]
    large_cost = sorted(seconds)[len(seconds) // 2] / size
    usual_peak = max(one.peak_kib for one in small)
    large_peak = max(one.peak_kib for one in passes)
    goals = [
        Goal(
            f"cost a stock at {size} stocks, chunk {chunk}, x at {USUAL}",
            1.2,
            large_cost / usual_cost,
            f"{large_cost * 1e3:.3f} ms; at {USUAL} {usual_cost * 1e3:.3f} ms",
        ),
        Goal(
            f"peak memory at {size} stocks, x at {USUAL}",
            1.3,
            large_peak / usual_peak,
            f"{large_peak / 1024:.0f} MiB; at {USUAL} {usual_peak / 1024:.0f} MiB",
        ),
    ]
    if size == 1_000_000:
        goals.append(Goal("a cycle of a million, s", TEN_MINUTES, min(seconds), spread(seconds)))
    return goals


def _usual(servers: Servers, database_url: str, chunk: int) -> list[Pass]:
    with CyclingService(production(database_url, servers.redis.url)) as service:
        return [service.cycle(chunk) for _round in range(4)][1:]
