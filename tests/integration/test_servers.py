import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError
from redis.retry import Retry

from tests.servers.postgres_server import PostgresServer, PrivatePostgres
from tests.servers.redis_server import PrivateRedis, url_of_worker

PROJECT = Path(__file__).parents[2]
RUN = """
import signal, sys
from tests.servers.{module} import {server}

server = {server}()
server.start()
print(server.pid, server.folder, flush=True)
signal.pause()
"""


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def number_of_keys(server: PrivateRedis) -> int:
    with Redis.from_url(server.url, retry=Retry(NoBackoff(), 0)) as client:
        return int(client.dbsize())


@pytest.mark.parametrize(
    ("module", "server"),
    [
        ("postgres_server", "PrivatePostgres"),
        ("redis_server", "PrivateRedis"),
        ("embedded_keeper", "EmbeddedKeeper"),
    ],
)
def test_a_server_ends_with_a_test_run_that_is_killed_and_leaves_nothing(module: str, server: str) -> None:
    program = RUN.format(module=module, server=server)
    run = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    assert run.stdout is not None
    pid, folder = run.stdout.readline().split()
    assert lives(int(pid))
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate()
    wait_until(lambda: not lives(int(pid)) and not Path(folder).exists())


def test_postgresql_keeps_its_databases_while_it_is_stopped_and_killed(stoppable_postgres: PrivatePostgres) -> None:
    url = stoppable_postgres.create_database()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS number")

    stoppable_postgres.stop()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)
    stoppable_postgres.start()
    os.kill(stoppable_postgres.pid, signal.SIGKILL)
    stoppable_postgres.start()

    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT number FROM kept").fetchall() == [(1,)]
    stoppable_postgres.drop_database(url)


def test_a_database_copies_its_template_and_can_be_dropped_in_use(postgres_server: PostgresServer) -> None:
    template = postgres_server.create_database()
    with psycopg.connect(template) as connection:
        connection.execute("CREATE TABLE copied AS SELECT 1 AS number")
    connection.close()
    url = postgres_server.create_database(template=template)
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT number FROM copied").fetchall() == [(1,)]
        postgres_server.drop_database(url)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    postgres_server.drop_database(template)


def test_redis_keeps_its_data_while_it_is_stopped_and_killed(stoppable_redis: PrivateRedis) -> None:
    with Redis.from_url(stoppable_redis.url) as client:
        client.set("key", "value")
    stoppable_redis.stop()
    with pytest.raises(ConnectionError):
        number_of_keys(stoppable_redis)
    stoppable_redis.start()
    assert number_of_keys(stoppable_redis) == 1
    os.kill(stoppable_redis.pid, signal.SIGKILL)
    stoppable_redis.start()
    assert number_of_keys(stoppable_redis) == 1


def test_a_server_that_a_test_froze_can_be_started_again(stoppable_redis: PrivateRedis) -> None:
    os.kill(stoppable_redis.pid, signal.SIGSTOP)
    stoppable_redis.start()
    assert number_of_keys(stoppable_redis) == 0


@pytest.mark.parametrize(
    ("url", "worker", "expected"),
    [
        ("redis://localhost:6379", "", "redis://localhost:6379?db=0"),
        ("redis://localhost:6379/2", "gw0", "redis://localhost:6379/2?db=2"),
        ("redis://:secret@localhost:6379/2", "gw3", "redis://:secret@localhost:6379/2?db=5"),
        ("unix:///run/redis.sock?db=1", "gw1", "unix:///run/redis.sock?db=2"),
    ],
)
def test_each_worker_has_a_redis_database_of_its_own(url: str, worker: str, expected: str) -> None:
    assert url_of_worker(url, worker) == expected
