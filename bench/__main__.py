"""python -m bench [SIZE] [ROUNDS]: measure the service on private servers and print the goals as one table."""

import os
import platform
import sys
from pathlib import Path

import psycopg
from redis import Redis

from bench.cycles import on_postgresql, on_sqlite
from bench.filling import fill
from bench.goals import Goal, table
from bench.growth import of_the_history
from bench.scale import USUAL, of_the_universe
from bench.servers import Servers, running_servers


def main(size: int, rounds: int) -> None:
    """Measure and print the result."""
    with running_servers() as servers:
        print(machine(servers), end="\n\n", flush=True)
        measure = _usual_size if size == USUAL else _other_size
        print(table(measure(servers, size, rounds)))


def _usual_size(servers: Servers, size: int, rounds: int) -> list[Goal]:
    usual, old = (_filled(servers, size) for _database in range(2))
    return [
        *on_postgresql(servers, usual, size, rounds),
        *on_sqlite(servers, rounds),
        *of_the_history(servers, _filled(servers, size), old),
    ]


def _other_size(servers: Servers, size: int, _rounds: int) -> list[Goal]:
    return of_the_universe(servers, _filled(servers, USUAL), _filled(servers, size), size)


def _filled(servers: Servers, size: int) -> str:
    url = servers.postgres.create_database()
    fill(url, servers.redis.url, size)
    return url


def machine(servers: Servers) -> str:
    """What the figures were measured on."""
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if "model name" in line
    ]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    with psycopg.connect(servers.postgres.url) as connection:
        postgres = connection.info.server_version // 10_000
    redis = Redis.from_url(servers.redis.url).info("server")
    name, version = (
        ("Valkey", redis["valkey_version"]) if "valkey_version" in redis else ("Redis", redis["redis_version"])
    )
    return (
        f"{os.cpu_count()} cores ({models[0] if models else platform.machine()}), {memory:.0f} GiB,"
        f" Python {platform.python_version()}, PostgreSQL {postgres}, {name} {version}"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else USUAL, int(sys.argv[2]) if len(sys.argv) > 2 else 7)
