"""Over a PgBouncer in transaction mode everything works as it does without."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from tests.integration.meddling import at_stock, refresh
from tests.jobs import THE_TWO
from tests.servers.pgbouncer_server import PgBouncer
from tests.servers.postgres_server import PrivatePostgres
from tests.world import World, migrate_database
from vettr_cron.domain.run import CallStatus, StopReason

STOCKS = 60


@pytest.fixture
def database_url(stoppable_postgres: PrivatePostgres) -> Iterator[str]:
    """A migrated database on a socket, where the pooler finds it whoever it runs as."""
    url = stoppable_postgres.create_database()
    migrate_database(url)
    yield url
    stoppable_postgres.drop_database(url)


@pytest.fixture
def pooler(database_url: str) -> Iterator[PgBouncer]:
    """A pooler with two server connections for all."""
    with PgBouncer(database_url, pool_size=2).running() as server:
        yield server


@pytest.fixture
def world(pooler: PgBouncer, redis_url: str) -> Iterator[World]:
    world = World.make(pooler.url, redis_url)
    world.generate(STOCKS)
    yield world
    world.close()


def test_a_whole_cycle_goes_through_a_transaction_pooler(world: World) -> None:
    for _cycle in range(2):
        for _call in range(4):
            data = world.data("refresh-all?chunk_size=15")
        assert data["scores"]["chunk_info"]["is_complete"]
        assert data["red_flags"]["chunk_info"]["is_complete"]
    assert len(world.table("vetr_score_history")) == 2 * STOCKS
    assert len(world.table("red_flag_history")) == 2 * 5 * STOCKS
    assert {run["status"] for run in world.data("history")["runs"]} == {"completed"}


def test_many_callers_share_the_poolers_connections(world: World) -> None:
    paths = ["refresh-all?chunk_size=5", "status", "history"] * 8
    with ThreadPoolExecutor(len(paths)) as executor:
        replies = list(executor.map(world.call, paths))
    assert {reply.status_code for reply in replies} == {200}


def test_the_limits_of_a_transaction_stay_in_it(world: World, pooler: PgBouncer) -> None:
    world.data("refresh-all?chunk_size=15")
    names = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout", "transaction_read_only")
    with psycopg.connect(pooler.url) as one, psycopg.connect(pooler.url) as other:  # both server connections
        for connection in (one, other):
            for name in names:
                row = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
                assert row in [("0",), ("off",)], name


def test_a_restart_of_the_pooler_is_noticed_by_nobody(world: World, pooler: PgBouncer) -> None:
    world.data("scores?chunk_size=15")
    pooler.start()
    assert world.data("scores?chunk_size=15")["chunk_info"]["current_offset"] == 15
    result = refresh(world, at_stock(THE_TWO["scores"], 3, pooler.start), chunk_size=15)
    assert (result.status, result.stop_reason, result.succeeded) == (CallStatus.COMPLETED, StopReason.CHUNKS_DONE, 15)
    assert len(world.table("vetr_score_history")) == 45
