"""Time that is up, a shutdown, a lock and a server that is gone: what is incomplete, and what a failure."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import event

from tests.chaos.proxy import postgres_proxy
from tests.integration.cleanup.removals import (
    KEEP,
    NO_CALLS,
    NOW,
    TABLES,
    add_flag,
    add_old_of_each,
    add_refreshed,
    add_run,
    clean,
    in_pieces,
)
from tests.integration.meddling import locked_table, under_way, wait_until
from tests.integration.replies import error_of
from tests.integration.statements import at_statements, recorded_statements
from tests.servers.postgres_server import PrivatePostgres
from tests.servers.redis_server import PrivateRedis
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
    assert (first.removed, first.is_complete) == (NO_CALLS | {"runs": 2, "red_flags": 0, "snapshots": 0}, False)
    second = in_pieces(world, 2).run(request)
    assert (second.removed, second.is_complete) == (NO_CALLS | {"runs": 2, "red_flags": 4, "snapshots": 4}, True)


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
    with closing(World.make(migrated_url, redis_url, cron_lease_seconds=4, cron_keep_runs_days=7)) as world:
        for days in range(runs + 1):
            add_run(world, utc_now() - timedelta(days=days * 10))
        for days in (0, 100):
            add_flag(world, utc_now() - timedelta(days=days))
        add_refreshed(world, "T00000")
        with red_flags_held(world):
            reply = world.call("cleanup")
        assert (reply.status_code, len(world.table("red_flag_history"))) == (500 if runs else 503, 2)


def test_a_failure_is_logged_with_its_cause_once_something_was_removed(
    migrated_url: str, redis_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(World.make(migrated_url, redis_url, cron_lease_seconds=4)) as world:
        add_old_of_each(world, NOW)
        with red_flags_held(world):
            assert clean(world, time_budget=2).error is None
            assert "service_unavailable" not in capsys.readouterr().err  # time was up, and no server failed
        with red_flags_held(world):
            add_run(world, NOW - timedelta(days=50))
            assert clean(world).error
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "service_unavailable" in line]
    assert "cause=" in line


def test_a_dry_run_that_fails_has_removed_nothing(migrated_postgres_url: str, redis_url: str) -> None:
    with closing(World.make(migrated_postgres_url, redis_url, cron_lease_seconds=4)) as world:
        add_old_of_each(world, NOW)
        with red_flags_held(world), pytest.raises(DatabaseUnavailable):
            clean(world, dry_run=True)


def test_a_refusal_is_a_failure_whatever_is_asked_of_the_process_meanwhile(world: World) -> None:
    add_old_of_each(world, NOW)
    if world.database_url.startswith("postgresql"):
        world.execute("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$")
        world.execute("CREATE TRIGGER kept BEFORE DELETE ON cron_job_runs FOR EACH ROW EXECUTE FUNCTION refuse()")
    else:
        world.execute("CREATE TRIGGER kept BEFORE DELETE ON cron_job_runs BEGIN SELECT RAISE(ABORT, 'no'); END")
    ask = world.services.shutdown.ask
    with at_statements(world, "DELETE FROM", act=ask), pytest.raises(DatabaseUnavailable, match="refuses the row: no"):
        clean(world)


def test_what_the_database_refuses_at_the_commit_is_a_failure_that_says_so(postgres_world: World) -> None:
    add_old_of_each(postgres_world, NOW)
    postgres_world.execute("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$")
    postgres_world.execute(
        "CREATE CONSTRAINT TRIGGER kept AFTER DELETE ON cron_job_runs DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION refuse()"
    )
    with pytest.raises(DatabaseUnavailable, match="refuses the row: no"):
        clean(postgres_world)
    assert len(postgres_world.table("cron_job_runs")) == 4


def test_connections_that_are_cut_again_and_again_are_a_failure_while_there_is_time(
    migrated_postgres_url: str, redis_url: str
) -> None:
    proxy, url = postgres_proxy(migrated_postgres_url)
    with (
        proxy,
        closing(World.make(url, redis_url)) as world,
        closing(World.make(migrated_postgres_url, redis_url)) as direct,
    ):
        add_old_of_each(direct, NOW)

        def cut_again() -> None:
            proxy.cut()
            proxy.when(b"DELETE FROM", cut_again)

        proxy.when(b"DELETE FROM", cut_again)
        with pytest.raises(DatabaseUnavailable):
            clean(world)
        proxy.heal()
        assert clean(world).removed == NO_CALLS | {"runs": 3, "red_flags": 3, "snapshots": 3}


def test_a_call_that_may_not_start_reads_none_of_the_tables(world: World) -> None:
    add_old_of_each(world, NOW)
    world.services.shutdown.ask()
    with recorded_statements(world) as statements:
        result = clean(world)
    assert (sum(result.removed.values()), result.is_complete) == (0, False)
    assert not [each for each in statements if any(table in each for table in TABLES)]


def test_a_cleanup_needs_redis_to_know_which_runs_are_live(world: World, stoppable_redis: PrivateRedis) -> None:
    add_old_of_each(world, NOW)
    stoppable_redis.stop()
    error_of(world.call("cleanup"), 503, "SERVICE_UNAVAILABLE")
    assert len(world.table("cron_job_runs")) == 4


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
