"""Rows go in pieces, each a transaction: whatever happens to one, all that went is counted."""

from collections.abc import Sequence
from datetime import timedelta

from tests.chaos.proxy import postgres_proxy
from tests.integration.cleanup.removals import KEEP, NOW, TABLES, add_flag, add_old_of_each, clean, in_pieces
from tests.integration.statements import at_statements, recorded_statements
from tests.world import World
from vettr_cron.services.operate.cleanup import CleanupRequest


def test_it_goes_in_pieces_each_a_transaction(world: World) -> None:
    add_old_of_each(world, NOW, count=7)
    left: list[Sequence[int]] = []

    def look() -> None:  # on another connection, which sees what the pieces before have committed
        left.append([len(world.table(name)) for name in TABLES])

    with at_statements(world, "DELETE FROM", act=look):
        result = in_pieces(world, 2).run(CleanupRequest(keep=KEEP, time_budget=None), NOW)
    assert result.removed == {"runs": 7, "red_flags": 7, "snapshots": 7}
    assert result.is_complete
    pieces = (8, 6, 4, 2)
    runs_first = [*([rows, 8, 8] for rows in pieces), *([1, 8, rows] for rows in pieces)]
    assert left == [*runs_first, *([1, rows, 1] for rows in pieces)]


def test_pieces_of_rows_that_all_stay_are_passed_over(world: World) -> None:
    for number in range(7):
        add_flag(world, NOW - timedelta(days=300 - number), f"GONE{number}")
    add_flag(world, NOW - timedelta(days=200))
    add_flag(world, NOW)
    result = in_pieces(world, 2).run(CleanupRequest(keep=KEEP, time_budget=20), NOW)
    assert (result.removed["red_flags"], result.is_complete) == (1, True)


def test_it_takes_as_many_statements_for_many_stocks_as_for_few(world: World) -> None:
    counts = []
    for stocks in (5, 60):
        for number in range(stocks):
            for days in (0, 100, 200):
                add_flag(world, NOW - timedelta(days=days, seconds=number), f"S{stocks}-{number}")
        with recorded_statements(world) as statements:
            assert clean(world).removed["red_flags"] == 2 * stocks
        counts.append(len(statements))
    assert counts[0] == counts[1]


def test_any_reply_of_the_database_may_be_lost(migrated_postgres_url: str, redis_url: str) -> None:
    """The connection is cut instead of every single reply in turn, that to a commit too: all that went is counted."""
    proxy, url = postgres_proxy(migrated_postgres_url)
    world, direct = World.make(url, redis_url), World.make(migrated_postgres_url, redis_url)
    add_flag(direct, NOW)
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
