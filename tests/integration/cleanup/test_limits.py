"""Time that is up, a shutdown, a lock and a server that is gone: what is incomplete, and what a failure."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import event

from tests.integration.cleanup.removals import (
    KEEP,
    NOW,
    add_flag,
    add_old_of_each,
    add_refreshed,
    add_run,
    clean,
    in_pieces,
)
from tests.integration.meddling import locked_table, under_way, wait_until
from tests.integration.statements import at_statements
from tests.servers.postgres_server import PrivatePostgres
from tests.world import World, migrate_database
from vettr_cron.database.transactions import Database
from vettr_cron.domain.errors import DatabaseUnavailable
from vettr_cron.redis_store.leases import Leases
from vettr_cron.services.clock import Shutdown, utc_now
from vettr_cron.services.operate.cleanup import Cleanup, CleanupRequest


def spend_after_this_transaction(world: World, seconds: float) -> None:
    """Let a time budget end between two transactions."""

    def spend(*_arguments: object) -> None:
        time.sleep(seconds)

    event.listen(world.services.database.engine, "checkin", spend, once=True)


@pytest.mark.parametrize("reason", ["time", "shutdown"])
def test_the_next_call_does_what_there_was_no_time_for(world: World, reason: str) -> None:
    add_old_of_each(world, NOW, count=4)
    shutdown, seconds = Shutdown(), 2 if reason == "time" else 60
    stop = partial(spend_after_this_transaction, world, seconds) if reason == "time" else shutdown.ask
    request = CleanupRequest(keep=KEEP, time_budget=seconds)
    with at_statements(world, "DELETE FROM", act=stop, only=1):
        first = in_pieces(world, 2, shutdown).run(request)
    assert (first.removed, first.is_complete) == ({"runs": 2, "red_flags": 0, "snapshots": 0}, False)
    second = in_pieces(world, 2).run(request)
    assert (second.removed, second.is_complete) == ({"runs": 2, "red_flags": 4, "snapshots": 4}, True)


@contextmanager
def red_flags_held(world: World) -> Iterator[list[Callable[[], bool]]]:
    """Once a cleanup comes to the red flags, another holds what it needs; then there is what tells whether it waits."""
    waits: list[Callable[[], bool]] = []
    with ExitStack() as held:

        def hold() -> None:
            if world.services.database.engine.dialect.name == "sqlite":
                held.enter_context(world.write())
            else:
                waits.append(held.enter_context(locked_table(world, "red_flag_history")))

        with at_statements(world, "red_flag_history", act=hold, only=1):
            yield waits


@pytest.mark.parametrize("runs", [0, 3])
def test_a_deadline_while_waiting_is_not_a_failure(world: World, runs: int) -> None:
    for days in range(runs + 1):
        add_run(world, NOW - timedelta(days=days * 10))
        add_flag(world, NOW - timedelta(days=days * 40))
    add_flag(world, NOW - timedelta(days=100))
    add_refreshed(world, "T00000")
    with red_flags_held(world):
        result = clean(world, time_budget=2)
    assert (result.removed["runs"], result.removed["red_flags"]) == (runs, 0)
    assert (result.is_complete, result.error) == (False, None)
    assert clean(world).is_complete


def test_a_stop_while_waiting_is_not_a_failure(postgres_world: World) -> None:
    add_run(postgres_world, NOW)
    services, shutdown = postgres_world.services, Shutdown(grace_seconds=0.5)
    database = Database(services.database.engine, longest_wait=15, shutdown_at=lambda: shutdown.at)
    cleaning = Cleanup(database, Leases(postgres_world.redis, 30), shutdown, services.jobs)
    with red_flags_held(postgres_world) as waits:
        call = under_way(lambda: cleaning.run(CleanupRequest(keep=KEEP, time_budget=None)))
        wait_until(lambda: waits and waits[0]())
        shutdown.ask()
        result = call.result(20)
    assert (sum(result.removed.values()), result.is_complete, result.error) == (0, False, None)


@pytest.mark.parametrize("runs", [0, 3])
def test_a_lock_that_outlasts_a_transaction_is_a_failure(migrated_url: str, redis_url: str, runs: int) -> None:
    with closing(World.make(migrated_url, redis_url, cron_lease_seconds=4)) as world:
        for days in range(runs + 1):
            add_run(world, utc_now() - timedelta(days=days * 10))
        for days in (0, 100):
            add_flag(world, utc_now() - timedelta(days=days))
        add_refreshed(world, "T00000")
        with red_flags_held(world):
            reply = world.call("cleanup")
        assert (reply.status_code, len(world.table("red_flag_history"))) == (500 if runs else 503, 2)


@pytest.mark.parametrize("end", ["time", "shutdown"])
def test_a_server_that_is_gone_when_time_is_up_is_a_failure(
    stoppable_postgres: PrivatePostgres, redis_url: str, end: str
) -> None:
    url = stoppable_postgres.create_database()
    migrate_database(url)
    with closing(World.make(url, redis_url)) as world:
        add_old_of_each(world, NOW)
        seconds = 2 if end == "time" else 60

        def stop() -> None:
            stoppable_postgres.stop()
            if end == "time":
                time.sleep(seconds)
            else:
                world.services.shutdown.ask()

        with at_statements(world, "DELETE FROM", act=stop, only=1), pytest.raises(DatabaseUnavailable):
            world.services.cleanup.run(CleanupRequest(keep=KEEP, time_budget=seconds))
    stoppable_postgres.start()
    stoppable_postgres.drop_database(url)
