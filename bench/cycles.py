"""A cycle of both jobs compared with the floor: on PostgreSQL and Redis, over HTTP, and on SQLite."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date
from pathlib import Path
from statistics import median

from bench.floor import PostgresFloor, SqliteFloor
from bench.goals import Goal, ratio, spread
from bench.process import CyclingService, Pass, production
from bench.servers import Servers
from tests.e2e.web import Web, serving
from tests.world import World, migrate_database

CHUNK, LARGE_CHUNK = 100, 1_000


def on_postgresql(servers: Servers, database_url: str, size: int, rounds: int) -> list[Goal]:
    """Whole cycles in one process, and single calls through gunicorn."""
    world = World.make(database_url, servers.redis.url)
    floors: list[float] = []
    calls: list[float] = []
    cycles: dict[int, list[Pass]] = {CHUNK: [], LARGE_CHUNK: []}
    with CyclingService(production(database_url, servers.redis.url)) as service, serving(world) as web:
        for chunk in cycles:
            service.cycle(chunk)
        floor = PostgresFloor(database_url)
        for number in range(rounds + 1):
            floor_seconds = floor.seconds()
            passes = {chunk: _whole(service.cycle(chunk), size) for chunk in cycles}
            of_a_call = median(_calls(web, size))
            if number:  # the first round warms up
                floors.append(floor_seconds)
                calls.append(of_a_call)
                for chunk, one in passes.items():
                    cycles[chunk].append(one)
    world.close()
    return [
        *_beside_the_floor(size, floors, cycles),
        Goal(
            f"one HTTP call of refresh-all, chunk {CHUNK}, through gunicorn, x its share of the floor",
            2.5,
            ratio(calls, [seconds * CHUNK / size for seconds in floors]),
            spread(calls, 0.001, "ms"),
        ),
        *_traffic(size, cycles),
    ]


def _beside_the_floor(size: int, floors: list[float], cycles: dict[int, list[Pass]]) -> Iterator[Goal]:
    for chunk, limit in ((CHUNK, 2.0), (LARGE_CHUNK, 1.5)):
        seconds = [one.seconds for one in cycles[chunk]]
        seen = f"{spread(seconds)}; floor {spread(floors)}"
        yield Goal(f"a cycle of both jobs, {size} stocks, chunk {chunk}, x floor", limit, ratio(seconds, floors), seen)


def _traffic(size: int, cycles: dict[int, list[Pass]]) -> Iterator[Goal]:
    for chunk, limit in ((CHUNK, 0.5), (LARGE_CHUNK, 0.1)):
        statements = max(one.statements for one in cycles[chunk])
        yield Goal(f"SQL statements per stock, chunk {chunk}", limit, statements / size, f"{statements}")
    trips = max(one.round_trips for one in cycles[CHUNK])
    yield Goal(f"round trips to Redis per stock, chunk {CHUNK}", 0.5, trips / size, f"{trips}")


def _whole(one: Pass, size: int) -> Pass:
    assert one.stocks == size, f"{one.stocks} of {size} stocks were refreshed"
    return one


def _calls(web: Web, size: int) -> Iterator[float]:
    """How long each of a cycle's calls takes, among those that do a whole chunk."""
    web.call("/v1/cron/reset", method="POST")
    for _call in range(size // CHUNK):
        started = time.perf_counter()
        reply = web.call("/v1/cron/refresh-all")
        yield time.perf_counter() - started
        done = [reply.body["data"][job]["stocks_processed"] for job in ("scores", "red_flags")]
        assert (reply.status, done) == (200, [CHUNK, CHUNK]), reply.body


def on_sqlite(servers: Servers, rounds: int) -> list[Goal]:
    """Cycles of the demo's stocks on a SQLite file."""
    floors, seconds = [], []
    with _demo(servers) as (path, size), CyclingService(production(f"sqlite:///{path}", servers.redis.url)) as service:
        service.cycle(CHUNK)
        floor = SqliteFloor(str(path))
        for number in range(rounds + 1):
            floor_seconds, one = floor.seconds(), _whole(service.cycle(CHUNK), size)
            if number:
                floors.append(floor_seconds)
                seconds.append(one.seconds)
    seen = f"{spread(seconds)}; floor {spread(floors)}"
    return [Goal(f"SQLite, us-2017 ({size} stocks), a cycle of both jobs, x floor", 5.0, ratio(seconds, floors), seen)]


@contextmanager
def _demo(servers: Servers) -> Iterator[tuple[Path, int]]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "demo.db"
        migrate_database(f"sqlite:///{path}")
        with closing(World.make(f"sqlite:///{path}", servers.redis.url)) as world:
            world.services.universe.load_demo(date.today(), lambda _count: None)  # noqa: DTZ011
            size = world.services.universe.count()
        yield path, size
