"""How many connections to PostgreSQL the service opens at most, as databases.md says, and what if it may not."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import psycopg
import pytest

from tests.e2e.programs import PROJECT, environment, finished, flask, started
from tests.e2e.web import Reply, Web, serving
from tests.integration.meddling import locked_table, wait_until
from tests.integration.policies import as_role
from tests.world import World
from vettr_cron.config import WEB_THREADS
from vettr_cron.redis_store.groups import Groups

CALLERS = 40
PATHS = ("status", "refresh-all?chunk_size=20", "history", "coverage", "scores?chunk_size=10", "overview", "calls")
OPEN = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'vettr-cron' AND datname = current_database()"


def most(processes: int, commands: int = 0) -> int:
    """The formula of databases.md: a connection for each thread, one for each command, two to read ahead."""
    return processes * WEB_THREADS + commands + 2


def test_the_page_says_what_the_defaults_come_to() -> None:
    page = (PROJECT / "docs" / "deploy" / "databases.md").read_text()
    assert f"WEB_CONCURRENCY x {WEB_THREADS} threads + 2 to read ahead + 1 for each command" in page
    assert f"That is {most(2)} with the defaults (two processes), {most(2, 1)} while a command runs" in page


@pytest.fixture
def world(migrated_postgres_url: str, redis_url: str) -> Iterator[World]:
    """A service without connections of the test's own."""
    with closing(World.make(migrated_postgres_url, redis_url)) as world:
        world.generate(200)
        world.close()
        yield world


@contextmanager
def counted(world: World) -> Iterator[list[int]]:
    """How many connections there are, looked at all the time."""
    seen, over = [0], threading.Event()

    def look() -> None:
        with psycopg.connect(world.database_url, autocommit=True) as connection:
            while not over.is_set():
                (count,) = connection.execute(OPEN).fetchone() or (0,)
                seen.append(count)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def call_at_once(web: Web, paths: list[str]) -> list[Reply]:
    with ThreadPoolExecutor(CALLERS) as executor:
        return list(executor.map(lambda path: web.call(f"/v1/cron/{path}"), paths))


@pytest.mark.parametrize("processes", [1, 2])
def test_a_crowd_of_callers_and_a_command_open_no_more_than_is_said(world: World, processes: int) -> None:
    with serving(world, {"WEB_CONCURRENCY": str(processes)}) as web, counted(world) as seen:
        with ThreadPoolExecutor(1) as executor:
            command = executor.submit(finished, flask("cron", "refresh-all", "--chunks", "all"), environment(world))
            replies = call_at_once(web, list(PATHS) * 8)
            assert command.result().returncode in (0, 75)
        assert {reply.status for reply in replies} == {200}
    assert max(seen) <= most(processes, commands=1)


def test_a_worker_keeps_a_connection_for_each_of_its_processes(world: World) -> None:
    variables = environment(world, CRON_ENGINE="celery", CRON_GROUP_SIZE="10")
    with started(flask("cron", "worker", "--processes", "3"), variables), counted(world) as seen:
        wait_until(Groups(world.services.redis).workers)
        for _ in range(2):
            assert finished(flask("cron", "refresh-all", "--chunks", "all"), variables).returncode == 0
        wait_until(lambda: seen[-1] <= 3)  # those of the command are closed
        assert seen[-1] >= 1
    assert max(seen) <= 3 + 2
    page = (PROJECT / "docs" / "deploy" / "workers.md").read_text()
    assert "one for each process, kept while the worker runs" in page


def test_callers_that_all_wait_for_the_database_hold_a_connection_for_each_thread(world: World) -> None:
    with serving(world, {"WEB_CONCURRENCY": "1"}) as web, counted(world) as seen:
        with ThreadPoolExecutor(CALLERS) as executor, locked_table(world, "cron_calls"):
            for _ in range(CALLERS):
                executor.submit(web.call, "/v1/cron/calls")
            wait_until(lambda: seen[-1] == WEB_THREADS)
        assert max(seen) == WEB_THREADS


def test_who_finds_no_connection_gets_a_503_and_nothing_is_lost(world: World) -> None:
    with as_role(world) as limited:
        role = limited.rows("SELECT current_user AS name")[0]["name"]
        limited.close()
        world.execute(f"ALTER ROLE {role} CONNECTION LIMIT 3")
        with serving(limited) as web:
            with ThreadPoolExecutor(CALLERS) as executor, locked_table(world, "cron_calls"):
                waiting = [executor.submit(web.call, "/v1/cron/calls") for _ in range(12)]
                wait_until(lambda: any(each.done() for each in waiting))
                refused = next(each.result() for each in waiting if each.done())
            assert refused.status == 503
            assert refused.body["error"]["code"] == "SERVICE_UNAVAILABLE"
            assert "Retry-After" in refused.headers
            world.execute(f"ALTER ROLE {role} CONNECTION LIMIT -1")  # both processes keep some of the three
            assert web.call("/v1/cron/refresh-all?chunks=all").status == 200
    assert len(world.table("vetr_score_history")) == 200
