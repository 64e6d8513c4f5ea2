"""A call goes on where the one before it had to stop, from the place that Redis keeps."""

from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.integration.bare_stocks import everything
from tests.integration.cleanup.removals import KEEP, NOW, add_flag, clean, ids, in_pieces
from tests.integration.statements import at_statements
from tests.servers.redis_server import PrivateRedis
from tests.world import World
from vettr_cron.domain.errors import NotMigrated
from vettr_cron.services.clock import Shutdown
from vettr_cron.services.operate.cleanup import CleanupRequest, CleanupResult

PLACE = "cron:cleanup:red_flags"


def add_flags_of_which_the_last_may_go(world: World) -> UUID:
    """Six old flags that stay, each the only one of its stock, and one that has a newer one, but for the newest."""
    for number in range(6):
        add_flag(world, NOW - timedelta(days=300 - number), f"GONE{number}")
    last = add_flag(world, NOW - timedelta(days=200))
    add_flag(world, NOW)
    return last


def clean_a_piece(
    world: World, *, dry_run: bool = False, meanwhile: Callable[[], object] = lambda: None, grace_seconds: float = 8
) -> CleanupResult:
    """A call that is stopped in its first piece, of two rows, that has any."""
    shutdown = Shutdown(grace_seconds)

    def stop() -> None:
        shutdown.ask()
        meanwhile()

    with at_statements(world, "FROM red_flag_history", "DESC", act=stop, after=True):
        return in_pieces(world, 2, shutdown).run(CleanupRequest(keep=KEEP, dry_run=dry_run, time_budget=60), NOW)


def test_rows_that_stay_do_not_stop_the_walk(world: World) -> None:
    last = add_flags_of_which_the_last_may_go(world)
    for _ in range(3):
        assert not clean_a_piece(world).is_complete
        assert 86_400 < int(str(world.redis.ttl(PLACE))) <= 2 * 86_400
    assert last in ids(world, "red_flag_history")
    result = clean_a_piece(world)
    assert (result.removed["red_flags"], result.is_complete) == (1, True)
    assert world.redis.keys() == []


def test_a_call_that_fails_keeps_its_place_too(world: World) -> None:
    add_flags_of_which_the_last_may_go(world)

    def rename() -> None:
        world.execute("ALTER TABLE red_flag_history RENAME TO elsewhere")

    second_piece = ("FROM red_flag_history", "red_flag_history.id) > (")
    with at_statements(world, *second_piece, act=rename, only=1), pytest.raises(NotMigrated):
        in_pieces(world, 2).run(CleanupRequest(keep=KEEP, time_budget=60), NOW)
    assert world.redis.exists(PLACE)


def test_a_process_that_must_end_now_does_not_wait_for_redis(world: World) -> None:
    add_flags_of_which_the_last_may_go(world)
    assert not clean_a_piece(world, grace_seconds=0).is_complete
    assert not world.redis.exists(PLACE)


def test_what_had_to_stay_may_go_in_the_next_walk(world: World) -> None:
    add_flags_of_which_the_last_may_go(world)
    clean_a_piece(world)
    add_flag(world, NOW, "GONE0")  # so that the first of the walk may go
    assert clean(world).removed["red_flags"] == 1
    assert clean(world).removed["red_flags"] == 1
    assert len(world.table("red_flag_history")) == 7


def test_a_dry_run_counts_from_the_first_row_and_leaves_the_place(world: World) -> None:
    add_flags_of_which_the_last_may_go(world)
    clean_a_piece(world)
    add_flag(world, NOW, "GONE0")
    before = everything(world)
    assert clean(world, dry_run=True).removed["red_flags"] == 2
    assert not clean_a_piece(world, dry_run=True).is_complete
    assert everything(world) == before


@pytest.mark.parametrize(
    "spoil",
    [
        ["DEL", PLACE],
        ["SET", PLACE, ""],
        ["SET", PLACE, "x 2026-01-01 00:00:00"],
        ["SET", PLACE, f"{UUID(int=0)} tomorrow"],
        ["SET", PLACE, f"{UUID(int=0)} infinity"],
        ["SET", PLACE, b"\xff\x00"],
    ],
)
def test_a_walk_whose_place_is_lost_begins_anew(world: World, spoil: list[Any]) -> None:
    add_flags_of_which_the_last_may_go(world)
    clean_a_piece(world)
    add_flag(world, NOW, "GONE0")
    redis: Any = world.redis
    redis.execute_command(*spoil)
    result = clean(world)
    assert (result.removed["red_flags"], result.is_complete) == (2, True)


def test_a_key_of_another_type_is_not_a_place(sqlite_world: World) -> None:
    add_flags_of_which_the_last_may_go(sqlite_world)
    sqlite_world.redis.rpush(PLACE, "x")
    assert not clean_a_piece(sqlite_world).is_complete
    assert sqlite_world.redis.type(PLACE) == "string"


def test_losing_the_place_is_not_a_failure(migrated_sqlite_url: str, stoppable_redis: PrivateRedis) -> None:
    with closing(World.make(migrated_sqlite_url, stoppable_redis.url)) as world:
        add_flags_of_which_the_last_may_go(world)
        result = clean_a_piece(world, meanwhile=stoppable_redis.stop)
    assert (result.is_complete, result.error) == (False, None)
