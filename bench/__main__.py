"""python -m bench [SIZE] [ROUNDS]: alternate the service with the floor on private servers and print one table."""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import date

import psycopg
from redis import Redis

from bench.floor import PostgresFloor
from bench.servers import TcpPostgres
from tests.servers.redis_server import PrivateRedis
from tests.world import World, migrate_database

CHUNK_SIZES = (100, 1000)


class Service:
    """One process that runs cycles with one chunk size."""

    def __init__(self, environment: Mapping[str, str], chunk_size: int) -> None:
        command = [sys.executable, "-m", "bench.service", str(chunk_size)]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, **environment},
        )

    def cycle(self) -> dict[str, float]:
        """One cycle of both jobs: seconds, stocks, peak memory, statements."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        answer: dict[str, float] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


@contextmanager
def running_servers() -> Iterator[tuple[str, str]]:
    """A PostgreSQL and a Redis of our own; their URLs."""
    with ExitStack() as stack:
        servers = (TcpPostgres(), PrivateRedis())
        for server in servers:
            stack.callback(server.close)
            server.start()
        yield servers[0].create_database(), servers[1].url


def main(size: int, rounds: int) -> None:
    """Measure and print."""
    with running_servers() as (database_url, redis_url):
        migrate_database(database_url)
        world = World.make(database_url, redis_url)
        world.services.universe.generate(size, 1, date.today(), add=False, written=lambda _count: None)  # noqa: DTZ011
        world.close()
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")
        environment = {
            "APP_ENV": "production",
            "CRON_SECRET": "bench",
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
        }
        services = {chunk: Service(environment, chunk) for chunk in CHUNK_SIZES}
        services[CHUNK_SIZES[0]].cycle()
        floor = PostgresFloor(database_url)
        redis = Redis.from_url(redis_url, decode_responses=True)
        for chunk in CHUNK_SIZES:
            services[chunk].cycle()
        floors: list[float] = [floor.seconds()]
        floors.clear()
        cycles: dict[int, list[dict[str, float]]] = {chunk: [] for chunk in CHUNK_SIZES}
        for _round in range(rounds):
            floors.append(floor.seconds())
            for chunk in CHUNK_SIZES:
                before = int(redis.info("stats")["total_commands_processed"])
                cycles[chunk].append(services[chunk].cycle())
                cycles[chunk][-1]["redis"] = int(redis.info("stats")["total_commands_processed"]) - before
        for service in services.values():
            service.close()
    base = statistics.median(floors)
    print(f"floor {base:.3f} s ({min(floors):.3f} to {max(floors):.3f}), {size} stocks, {rounds} rounds")
    for chunk in CHUNK_SIZES:
        seconds = [cycle["seconds"] for cycle in cycles[chunk]]
        ratio = statistics.median(one / other for one, other in zip(seconds, floors, strict=True))
        last = cycles[chunk][-1]
        print(
            f"chunk {chunk}: {statistics.median(seconds):.3f} s ({min(seconds):.3f} to {max(seconds):.3f}),"
            f" {ratio:.2f} x floor, {last['statements'] / size:.3f} statements a stock,"
            f" {last['redis'] / size:.3f} redis commands a stock, peak {last['peak_kib'] / 1024:.0f} MiB"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1300, int(sys.argv[2]) if len(sys.argv) > 2 else 7)
