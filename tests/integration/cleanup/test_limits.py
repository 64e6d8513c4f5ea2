"""Time that is up, a shutdown, a lock and a server that is gone: what is incomplete, and what a failure."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import timedelta
from typing import Any

import pytest

from tests.integration.cleanup.removals import KEEP, NOW, add_flag, add_old_of_each, add_run, clean, in_pieces
from tests.integration.meddling import locked_table, under_way, wait_until
from tests.servers.postgres_server import PrivatePostgres
from tests.world import World, migrate_database
from vettr_cron.domain.errors import DatabaseUnavailable
from vettr_cron.repositories import retention
from vettr_cron.services import clock
from vettr_cron.services.clock import Deadline, utc_now
from vettr_cron.services.operate.cleanup import CleanupRequest


@pytest.mark.parametrize("reason", ["time", "shutdown"])
def test_what_time_does_not_suffice_for_the_next_call_does(
    world: World, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_old_of_each(world, NOW, count=4)
    cleaning, remove = in_pieces(world, 2), retention.remove

    def stopping(*arguments: Any) -> int:
        if reason == "shutdown":
            world.services.shutdown.ask()
        else:
            monkeypatch.setattr(Deadline, "spent", property(lambda _: True))
        return remove(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(retention, "remove", stopping)
        first = cleaning.run(CleanupRequest(keep=KEEP, time_budget=60), NOW)
    assert (first.removed, first.is_complete) == ({"runs": 2, "red_flags": 0, "snapshots": 0}, False)
    monkeypatch.undo()
    monkeypatch.setattr(world.services.shutdown, "_asked_at", None)
    second = cleaning.run(CleanupRequest(keep=KEEP, time_budget=60), NOW)
    assert (second.removed, second.is_complete) == ({"runs": 2, "red_flags": 4, "snapshots": 4}, True)


@contextmanager
def red_flags_held(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Callable[[], bool]]]:
    """Once a cleanup comes to the red flags, another holds what it needs; then there is what tells whether it waits."""
    with ExitStack() as stack:
        waits: list[Callable[[], bool]] = []
        expired_red_flags = retention.expired_red_flags

        def holding(*arguments: Any) -> retention.Expired:
            if world.services.database.engine.dialect.name == "sqlite":
                stack.enter_context(world.write())
            else:
                waits.append(stack.enter_context(locked_table(world, "red_flag_history")))
            return expired_red_flags(*arguments)

        monkeypatch.setattr(retention, "expired_red_flags", holding)
        yield waits


@pytest.mark.parametrize("runs", [0, 3])
def test_a_call_whose_time_is_up_while_it_waits_is_incomplete_and_no_failure(
    world: World, runs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for days in range(runs + 1):
        add_run(world, NOW - timedelta(days=days * 10))
        add_flag(world, NOW - timedelta(days=days * 40))
    add_flag(world, NOW - timedelta(days=100))
    with red_flags_held(world, monkeypatch):
        result = clean(world, time_budget=2)
    assert (result.removed["runs"], result.removed["red_flags"]) == (runs, 0)
    assert (result.is_complete, result.error) == (False, None)
    monkeypatch.undo()
    assert clean(world).is_complete


def test_a_stop_while_a_call_waits_is_no_failure(postgres_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "SHUTDOWN_GRACE_SECONDS", 0.5)
    add_run(postgres_world, NOW)
    with red_flags_held(postgres_world, monkeypatch) as waits:
        call = under_way(lambda: clean(postgres_world))
        wait_until(lambda: waits and waits[0]())
        postgres_world.services.shutdown.ask()
        result = call.result(20)
    assert (sum(result.removed.values()), result.is_complete, result.error) == (0, False, None)


@pytest.mark.parametrize("runs", [0, 3])
def test_a_lock_that_outlasts_a_transaction_with_time_left_is_a_failure(
    migrated_url: str, redis_url: str, runs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(World.make(migrated_url, redis_url, cron_lease_seconds=4)) as world:
        for days in range(runs + 1):
            add_run(world, utc_now() - timedelta(days=days * 10))
        for days in (0, 100):
            add_flag(world, utc_now() - timedelta(days=days))
        with red_flags_held(world, monkeypatch):
            reply = world.call("cleanup")
        assert (reply.status_code, len(world.table("red_flag_history"))) == (500 if runs else 503, 2)


@pytest.mark.parametrize("end", ["time", "shutdown"])
def test_a_server_that_is_gone_when_time_is_up_is_a_failure(
    stoppable_postgres: PrivatePostgres, redis_url: str, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = stoppable_postgres.create_database()
    migrate_database(url)
    with closing(World.make(url, redis_url)) as world:
        add_old_of_each(world, NOW)
        remove = retention.remove

        def stopping(*arguments: Any) -> int:
            stoppable_postgres.stop()
            if end == "shutdown":
                world.services.shutdown.ask()
            else:
                monkeypatch.setattr(Deadline, "left", property(lambda _: 0.0))
            return remove(*arguments)

        monkeypatch.setattr(retention, "remove", stopping)
        with pytest.raises(DatabaseUnavailable):
            clean(world, time_budget=60)
    stoppable_postgres.start()
    stoppable_postgres.drop_database(url)
