"""Rows go in pieces, each a transaction: whatever happens to one, all that went is counted."""

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import psycopg

from tests.chaos.proxy import postgres_proxy
from tests.integration.cleanup.removals import (
    KEEP,
    NO_CALLS,
    NOW,
    TABLES,
    add_flag,
    add_old_of_each,
    add_refreshed,
    clean,
    in_pieces,
)
from tests.integration.statements import at_statements, recorded_statements
from tests.world import World
from vettr_cron.services.clock import Shutdown
from vettr_cron.services.operate.cleanup import CleanupRequest


def test_it_goes_in_pieces_each_a_transaction(world: World) -> None:
    add_old_of_each(world, NOW, count=7)
    left: list[Sequence[int]] = []

    def look() -> None:  # on another connection, which sees what the pieces before have committed
        left.append([len(world.table(name)) for name in TABLES])

    with at_statements(world, "DELETE FROM", act=look):
        result = in_pieces(world, 2).run(CleanupRequest(keep=KEEP, time_budget=None))
    assert result.removed == NO_CALLS | {"runs": 7, "red_flags": 7, "snapshots": 7}
    assert result.is_complete
    pieces = (8, 6, 4, 2)
    runs_first = [*([rows, 8, 8] for rows in pieces), *([1, 8, rows] for rows in pieces)]
    assert left == [*runs_first, *([1, rows, 1] for rows in pieces)]


def test_pieces_of_rows_that_all_stay_are_passed_over(world: World) -> None:
    for number in range(7):
        add_flag(world, NOW - timedelta(days=300 - number), f"GONE{number}")
    add_flag(world, NOW - timedelta(days=200))
    add_refreshed(world, "T00000")
    result = in_pieces(world, 2).run(CleanupRequest(keep=KEEP, time_budget=20))
    assert (result.removed["red_flags"], result.is_complete) == (1, True)


def test_it_takes_as_many_statements_for_many_stocks_as_for_few(world: World) -> None:
    counts = []
    for stocks in (5, 60):
        for number in range(stocks):
            for days in (0, 100, 200):
                add_flag(world, NOW - timedelta(days=days, seconds=number), f"S{stocks}-{number}")
            add_refreshed(world, f"S{stocks}-{number}")
        with recorded_statements(world) as statements:
            assert clean(world).removed["red_flags"] == 2 * stocks
        counts.append(len(statements))
    assert counts[0] == counts[1]


def test_the_first_piece_is_smaller_than_those_that_follow_quick_ones(world: World) -> None:
    row = {"stock_ticker": "T00000", "flag_type": "x", "severity": "low", "score": 1.0, "description": "d"}
    times = [NOW - timedelta(days=300, seconds=number) for number in range(1_200)]
    world.add("red_flag_history", *({"id": uuid4(), "detected_at": at, **row} for at in times))
    add_refreshed(world, "T00000")
    with recorded_statements(world) as statements:
        assert clean(world).removed["red_flags"] == 1_200
    assert len([each for each in statements if each.startswith("DELETE FROM red_flag_history")]) > 1


def test_any_reply_of_the_database_may_be_lost(migrated_postgres_url: str, redis_url: str) -> None:
    """The connection is cut instead of every single reply in turn, that to a commit too: all that went is counted."""
    proxy, url = postgres_proxy(migrated_postgres_url)
    world, direct = World.make(url, redis_url), World.make(migrated_postgres_url, redis_url)
    add_flag(direct, NOW)
    add_refreshed(direct, "T00000")
    number, cut = 0, True
    with proxy:
        clean(world)  # which opens the connection
        while cut:
            number += 1
            for days in (100, 200):
                add_flag(direct, NOW - timedelta(days=days))
            proxy.on_reply(b"", proxy.cut, number)
            result = clean(world)
            cut = not proxy.armed
            assert (result.removed["red_flags"], result.is_complete) == (2, True)
            assert len(direct.table("red_flag_history")) == 1
    assert number > 20
    world.close()
    direct.close()


def test_rows_of_one_moment_go_in_pieces_too(world: World) -> None:
    for number in range(7):
        add_flag(world, NOW - timedelta(days=300), "T00000" if number % 2 else "GONE")
    add_refreshed(world, "T00000")
    request = CleanupRequest(keep=KEEP, dry_run=True, time_budget=None)
    for dry_run in (True, False):
        result = in_pieces(world, 2).run(replace(request, dry_run=dry_run))
        assert (result.removed["red_flags"], result.is_complete) == (3, True)
    assert {row["stock_ticker"] for row in world.table("red_flag_history")} == {"GONE"}


def test_a_slow_piece_of_one_row_is_followed_by_another_of_one(world: World) -> None:
    for number in range(3):
        add_flag(world, NOW - timedelta(days=300 - number))
    add_refreshed(world, "T00000")
    with at_statements(world, "DELETE FROM red_flag_history", act=lambda: time.sleep(0.3)):
        result = in_pieces(world, 1).run(CleanupRequest(keep=KEEP, time_budget=None))
    assert (result.removed["red_flags"], result.is_complete) == (3, True)


def test_rows_that_stay_are_read_once(world: World) -> None:
    for number in range(8):
        add_flag(world, NOW - timedelta(days=300 - number), f"GONE{number}")
    with recorded_statements(world) as statements:
        assert in_pieces(world, 2).run(CleanupRequest(keep=KEEP, time_budget=None)).is_complete
    read = [statement for statement in statements if "FROM red_flag_history" in statement]
    assert len(read) == 5  # four pieces of two, and one that finds no more


def test_a_call_passes_over_what_stays_and_goes_on_with_the_rest(world: World) -> None:
    for number in range(4):
        add_flag(world, NOW - timedelta(days=300 - number), f"GONE{number}")
    for days in (200, 190, 180):
        add_flag(world, NOW - timedelta(days=days))
    add_refreshed(world, "T00000")
    shutdown, request = Shutdown(), CleanupRequest(keep=KEEP, time_budget=None)
    with at_statements(world, "DELETE FROM red_flag_history", act=shutdown.ask):
        first = in_pieces(world, 2, shutdown).run(request)
    assert not first.is_complete
    removed = first.removed["red_flags"]
    assert removed in (1, 2)  # after a slow piece, the next one is smaller
    second = in_pieces(world, 2).run(request)
    assert (second.removed["red_flags"], second.is_complete) == (3 - removed, True)


def test_it_keeps_nothing_in_redis_and_leaves_an_older_releases_places_alone(world: World) -> None:
    add_old_of_each(world, NOW)
    world.redis.set("cron:cleanup:red_flags", f"{UUID(int=0)} {NOW}", ex=1_000)
    assert clean(world).removed == NO_CALLS | {"runs": 3, "red_flags": 3, "snapshots": 3}
    assert world.redis.keys() == ["cron:cleanup:red_flags"]
    assert 0 < int(str(world.redis.ttl("cron:cleanup:red_flags"))) <= 1_000


def test_a_row_that_another_removed_is_not_counted_although_an_answer_was_lost(
    migrated_postgres_url: str, redis_url: str
) -> None:
    """The other holds one of two flags, and removes it just when our commit's answer is lost."""
    proxy, url = postgres_proxy(migrated_postgres_url)
    with (
        proxy,
        closing(World.make(url, redis_url)) as world,
        closing(World.make(migrated_postgres_url, redis_url)) as direct,
        closing(psycopg.connect(migrated_postgres_url)) as other,
    ):
        add_flag(direct, NOW - timedelta(days=200))
        theirs = add_flag(direct, NOW - timedelta(days=100))
        add_refreshed(direct, "T00000")
        other.execute("DELETE FROM red_flag_history WHERE id = %s", [theirs])

        def cut() -> None:
            other.commit()
            proxy.cut()

        proxy.when(b"DELETE FROM red_flag_history", lambda: proxy.on_reply(b"COMMIT", cut))
        result = clean(world)
        assert not proxy.armed
        assert (result.removed["red_flags"], result.is_complete) == (1, True)
        assert not direct.table("red_flag_history")
