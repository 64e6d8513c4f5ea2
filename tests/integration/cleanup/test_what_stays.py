"""What is old enough goes, and nothing else: the newest of everything stays."""

from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

import pytest

from tests.integration.bare_stocks import add_stocks, everything
from tests.integration.cleanup.removals import (
    KEEP,
    MILLISECOND,
    NOW,
    add_flag,
    add_old_of_each,
    add_run,
    add_snapshot,
    clean,
    ids,
    in_pieces,
)
from tests.world import World
from vettr_cron.redis_store.leases import Lease, Leases
from vettr_cron.services.operate.cleanup import CleanupRequest
from vettr_cron.services.operate.newest_rows import NewestRows


def test_exactly_so_many_days_stays_and_a_millisecond_more_goes(world: World) -> None:
    add_stocks(world, 1)
    kept: dict[str, set[UUID]] = {}
    for table, add, days in (
        ("cron_job_runs", add_run, 7),
        ("red_flag_history", add_flag, 30),
        ("vetr_score_snapshots", add_snapshot, 90),
    ):
        boundary = NOW - timedelta(days=days)
        add(world, boundary - MILLISECOND)
        kept[table] = {add(world, boundary), add(world, NOW)}
    result = clean(world)
    assert result.removed == {"runs": 1, "red_flags": 1, "snapshots": 1}
    assert result.is_complete
    assert {table: ids(world, table) for table in kept} == kept


def test_a_stock_keeps_the_newest_flag_of_each_type_and_its_newest_snapshot(world: World) -> None:
    add_stocks(world, 2)
    flags, snapshots = set(), set()
    for ticker in ("T00000", "T00001"):
        for kind in ("x", "y"):
            add_flag(world, NOW - timedelta(days=300), ticker, kind)
            flags.add(add_flag(world, NOW - timedelta(days=200), ticker, kind))
        add_snapshot(world, NOW - timedelta(days=300), ticker)
        snapshots.add(add_snapshot(world, NOW - timedelta(days=200), ticker))
    assert clean(world).removed == {"runs": 0, "red_flags": 4, "snapshots": 2}
    assert (ids(world, "red_flag_history"), ids(world, "vetr_score_snapshots")) == (flags, snapshots)


def test_what_the_newest_rows_do_not_tell_is_looked_up(world: World) -> None:
    """Stocks that are gone, and the success of a job that has failed ever since, are far behind the newest rows."""
    for number in range(6):
        add_run(world, NOW - timedelta(days=number), status="failed")
        add_flag(world, NOW - timedelta(days=number))
        add_snapshot(world, NOW - timedelta(days=number))
    flags, snapshots = ids(world, "red_flag_history"), ids(world, "vetr_score_snapshots")
    runs = ids(world, "cron_job_runs")
    for ticker in ("GONE1", "GONE2", "GONE3"):
        add_flag(world, NOW - timedelta(days=300), ticker)
        flags |= {add_flag(world, NOW - timedelta(days=200), ticker, kind) for kind in ("x", "y")}
        add_snapshot(world, NOW - timedelta(days=300), ticker)
        snapshots.add(add_snapshot(world, NOW - timedelta(days=200), ticker))
    for job in ("refresh-scores", "refresh-red-flags"):
        add_run(world, NOW - timedelta(days=300), job)
        runs.add(add_run(world, NOW - timedelta(days=200), job))
    cleaning = in_pieces(world, 5_000, newest_rows=partial(NewestRows, rows_at_once=2, stocks_at_once=2))
    result = cleaning.run(CleanupRequest(keep=KEEP, time_budget=None), NOW)
    assert result.removed == {"runs": 2, "red_flags": 3, "snapshots": 3}
    assert ids(world, "red_flag_history") == flags
    assert ids(world, "vetr_score_snapshots") == snapshots
    assert ids(world, "cron_job_runs") == runs


@pytest.mark.parametrize("rows_at_once", [1, 5_000])
def test_times_beyond_the_calendar_are_times(postgres_world: World, rows_at_once: int) -> None:
    times = {"EVER": ("-infinity", "0044-03-15 BC", "2001-01-01", "infinity"), "ONCE": ("-infinity", "2001-01-01")}
    for ticker in times:
        for at in times[ticker]:
            flag = add_flag(postgres_world, NOW, ticker)
            postgres_world.execute("UPDATE red_flag_history SET detected_at = :at WHERE id = :id", at=at, id=flag)
    cleaning = in_pieces(postgres_world, 1, newest_rows=partial(NewestRows, rows_at_once=rows_at_once))
    assert cleaning.run(CleanupRequest(keep=KEEP, time_budget=None), NOW).removed["red_flags"] == 4
    left = {row["stock_ticker"]: row["detected_at"] for row in postgres_world.table("red_flag_history")}
    assert left == {"EVER": "infinity", "ONCE": datetime(2001, 1, 1)}


def test_of_rows_of_one_moment_one_stays(world: World) -> None:
    add_stocks(world, 1)
    old = NOW - timedelta(days=300)
    for _ in range(3):
        add_run(world, old)
        add_flag(world, old)  # of snapshots a stock cannot have two of one moment
    assert clean(world).removed == {"runs": 2, "red_flags": 2, "snapshots": 0}


def test_each_job_keeps_its_newest_run_and_its_newest_completed_one(world: World) -> None:
    kept = set()
    for job in ("refresh-scores", "refresh-red-flags"):
        add_run(world, NOW - timedelta(days=50), job)
        kept.add(add_run(world, NOW - timedelta(days=40), job))
        add_run(world, NOW - timedelta(days=30), job, "failed")
        kept.add(add_run(world, NOW - timedelta(days=20), job, "failed"))
    assert clean(world).removed["runs"] == 4
    assert ids(world, "cron_job_runs") == kept


def test_a_live_run_stays_and_an_orphan_goes(world: World) -> None:
    add_run(world, NOW - timedelta(days=50), status="running")
    live = add_run(world, NOW - timedelta(days=40), status="running")
    newest = add_run(world, NOW)
    leases = Leases(world.redis, 30)
    lease = leases.acquire("scores")
    assert isinstance(lease, Lease)
    assert leases.renew(lease, str(live))
    assert clean(world).removed["runs"] == 1
    assert ids(world, "cron_job_runs") == {live, newest}


def test_a_dry_run_counts_what_is_then_removed_and_changes_nothing(world: World) -> None:
    add_old_of_each(world, NOW)
    before = everything(world)
    counted = clean(world, dry_run=True)
    assert everything(world) == before
    assert counted.removed == {"runs": 3, "red_flags": 3, "snapshots": 3} == clean(world).removed
    assert clean(world).removed == {"runs": 0, "red_flags": 0, "snapshots": 0}


def test_the_history_of_scores_is_never_touched(world: World) -> None:
    add_old_of_each(world, NOW)
    world.data("scores")
    world.execute("UPDATE vetr_score_history SET calculated_at = '2001-01-01 00:00:00.000000'")
    before = world.table("vetr_score_history")
    assert before
    assert clean(world).is_complete
    assert world.table("vetr_score_history") == before
