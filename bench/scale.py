"""A much larger universe compared with the usual one: the cost per stock, and the memory used."""

from contextlib import ExitStack, closing
from datetime import timedelta
from statistics import median
from time import perf_counter

from bench.cycles import CHUNK, LARGE_CHUNK
from bench.goals import Goal, spread
from bench.process import CyclingService, Pass, production
from bench.servers import Servers
from tests.world import World
from vettr_cron.jobs import JOBS
from vettr_cron.repositories import states
from vettr_cron.services.clock import utc_now

USUAL = 1_300
VAST = 200_000
TEN_MINUTES = 600
READS = 15
READ_SECONDS = 10.0


def of_the_universe(servers: Servers, usual: str, large: str, size: int) -> list[Goal]:
    """Measures the large universe between rounds of the usual one, as the machine's speed drifts, in fresh processes.

    A vast universe is refreshed by two commands at once, one per job, in large chunks; so is then the usual one.
    """
    chunk, jobs, rounds = (LARGE_CHUNK, tuple(JOBS), 1) if size >= VAST else (CHUNK, (None,), 3)
    small, passes = [], []
    for _round in range(rounds):
        small += _cycles(servers, usual, chunk, jobs, 4)[1:]
        passes += _cycles(servers, large, chunk, jobs, 1)
        small += _cycles(servers, usual, chunk, jobs, 4)[1:]
    assert {one.stocks for one in passes} == {size}, passes
    how = f"chunk {chunk}" + (", both jobs at once" if len(jobs) > 1 else "")
    costs = [one.seconds / USUAL for one in small], [one.seconds / size for one in passes]
    peaks = max(one.peak_kib for one in small), max(one.peak_kib for one in passes)
    goals = [
        Goal(
            f"cost per stock at {size} stocks, {how}, x at {USUAL}",
            1.2,
            median(costs[1]) / median(costs[0]),
            f"{spread(costs[1], 0.001, 'ms')}; at {USUAL} {spread(costs[0], 0.001, 'ms')}",
        ),
        Goal(
            f"peak memory of a process at {size} stocks, x at {USUAL}",
            1.3,
            peaks[1] / peaks[0],
            f"{peaks[1] / 1024:.0f} MiB; at {USUAL} {peaks[0] / 1024:.0f} MiB",
        ),
    ]
    goals.append(_samples(servers, large, size))
    if size == 1_000_000:
        seconds = [one.seconds for one in passes]
        goals.append(Goal(f"a cycle of a million, {how}, in seconds", TEN_MINUTES, median(seconds), spread(seconds)))
    return goals


def _samples(servers: Servers, database_url: str, size: int) -> Goal:
    """What a sample reads, of the job for which it takes longer."""
    slowest: list[float] = []
    with closing(World.make(database_url, servers.redis.url)) as world:
        for job in JOBS:
            took = []
            for _read in range(READS):
                with world.services.database.reading(READ_SECONDS) as connection:
                    started = perf_counter()
                    states.counts_and_kinds(connection, job, utc_now() - timedelta(hours=25))
                    took.append(perf_counter() - started)
            slowest = max(slowest, took, key=lambda times: median(times) if times else 0)
    each = median(slowest) * 1_000 * 100_000 / size
    return Goal(f"reading a sample at {size} stocks, in ms for each 100000", 60, each, spread(slowest, 0.001, "ms"))


def _cycles(servers: Servers, database_url: str, chunk: int, jobs: tuple[str | None, ...], times: int) -> list[Pass]:
    environment = production(database_url, servers.redis.url)
    with ExitStack() as stack:
        services = [stack.enter_context(CyclingService(environment, job)) for job in jobs]
        return [_at_once(services, chunk) for _time in range(times)]


def _at_once(services: list[CyclingService], chunk: int) -> Pass:
    for service in services:
        service.begin(chunk)
    passes = [service.end() for service in services]
    return Pass(
        seconds=max(one.seconds for one in passes),
        stocks=min(one.stocks for one in passes),
        statements=sum(one.statements for one in passes),
        round_trips=sum(one.round_trips for one in passes),
        peak_kib=max(one.peak_kib for one in passes),
    )
