"""Fixtures of services that are killed: arenas with the same universe, each with databases of its own."""

import logging
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.arena import Arena, MakeArenas
from tests.integration.celery_engine.strange_jobs import NOTED
from tests.servers.celery_worker import Work, working
from tests.servers.postgres_server import PostgresServer
from tests.servers.redis_server import PrivateRedis, flush
from tests.world import World


@pytest.fixture(autouse=True)
def quiet(request: pytest.FixtureRequest) -> Iterator[None]:
    """Where output is shown as it comes, the seeds and the sums of the rounds, and not what the service logs."""
    if request.config.getoption("capture") == "no":
        logging.disable()
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture
def postgres_arenas(
    postgres_server: PostgresServer, redis_server: PrivateRedis, migrated_postgres_url: str, tmp_path: Path
) -> Iterator[MakeArenas]:
    """Makes arenas on PostgreSQL."""
    with ExitStack() as ends:
        copy = _copies(ends, postgres_server, migrated_postgres_url)
        yield _maker(ends, redis_server, migrated_postgres_url, copy, tmp_path)


@pytest.fixture
def sqlite_arenas(redis_server: PrivateRedis, migrated_sqlite_url: str, tmp_path: Path) -> Iterator[MakeArenas]:
    """Makes arenas on SQLite."""

    def copy(folder: Path) -> str:
        shutil.copy(migrated_sqlite_url.removeprefix("sqlite:///"), folder / "vettr.db")
        return f"sqlite:///{folder / 'vettr.db'}"

    with ExitStack() as ends:
        yield _maker(ends, redis_server, migrated_sqlite_url, copy, tmp_path)


@pytest.fixture
def celery_arenas(
    postgres_server: PostgresServer, redis_server: PrivateRedis, migrated_postgres_url: str, tmp_path: Path
) -> Iterator[MakeArenas]:
    """Makes arenas on PostgreSQL, each with a worker that does its groups of 5 stocks, three at a time."""
    with ExitStack() as ends:
        copy = _copies(ends, postgres_server, migrated_postgres_url)
        engine = {"cron_engine": "celery", "cron_group_size": 5, "cron_groups_under_way": 3}
        yield _maker(ends, redis_server, migrated_postgres_url, copy, tmp_path, engine)


def _copies(ends: ExitStack, server: PostgresServer, template: str) -> Callable[[Path], str]:
    """What makes a database like this one, which ends with the others."""

    def copy(_folder: Path) -> str:
        url = server.create_database(template=template)
        ends.callback(server.drop_database, url)
        return url

    return copy


def _maker(
    ends: ExitStack,
    redis: PrivateRedis,
    template: str,
    copy: Callable[[Path], str],
    tmp_path: Path,
    engine: Mapping[str, Any] | None = None,
) -> MakeArenas:
    address = redis.url.rpartition("/")[0]

    def make(
        count: int,
        fill: Callable[[World], object],
        *,
        job: str,
        chunk_size: int,
        lease_seconds: int = 2,
        batch_size: int = 10,
    ) -> list[Arena]:
        original = World.make(template, redis.url)
        fill(original)
        original.close()
        arenas = []
        for number in range(1, count + 1):
            folder = tmp_path / f"arena-{number}"
            folder.mkdir()
            values = {"cron_batch_size": batch_size, **(engine or {})}
            world = World.make(copy(folder), f"{address}/{number}", **values)
            ends.callback(world.close)
            flush(world.redis_url)
            if engine:
                work = Work(database_url=world.database_url, redis_url=world.redis_url, jobs=NOTED)
                ends.enter_context(working(work))
            arenas.append(Arena(world, folder, job, chunk_size, lease_seconds, engine or {}))
        return arenas

    return make
