"""What is old enough goes, and nothing else: the newest of everything stays."""

from contextlib import closing
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from tests.integration.bare_stocks import add_stocks, everything
from tests.integration.cleanup.database_clock import database_clock
from tests.integration.cleanup.removals import (
    KEEP,
    MILLISECOND,
    NO_CALLS,
    NOW,
    add_flag,
    add_old_of_each,
    add_refreshed,
    add_run,
    add_snapshot,
    clean,
    ids,
    in_pieces,
)
from tests.integration.statements import at_statements
from tests.world import World
from vettr_cron.redis_store.leases import Lease, Leases
from vettr_cron.services.operate.cleanup import CleanupRequest


def test_exactly_so_many_days_stays_and_a_millisecond_more_goes(postgres_world: World, redis_url: str) -> None:
    now = datetime(2026, 11, 23, 12)
    kept: dict[str, set[UUID]] = {}
    for table, add, days in (
        ("cron_job_runs", add_run, 7),
        ("red_flag_history", add_flag, 30),
        ("vetr_score_snapshots", add_snapshot, 90),
    ):
        boundary = now - timedelta(days=days)
        add(postgres_world, boundary - MILLISECOND)
        kept[table] = {add(postgres_world, boundary), add(postgres_world, now)}
    add_refreshed(postgres_world, "T00000", at=now)
    with database_clock(postgres_world, redis_url, f"timestamptz '{now} UTC'") as world:
        for dry_run in (True, False):
            result = clean(world, dry_run=dry_run)
            assert result.removed == NO_CALLS | {"runs": 1, "red_flags": 1, "snapshots": 1}
            assert result.is_complete
        assert {table: ids(world, table) for table in kept} == kept


def test_what_is_not_older_than_the_last_refresh_of_its_stock_stays(world: World) -> None:
    refreshed = (NOW - timedelta(days=200)).replace(hour=12)
    add_refreshed(world, "T00000", "T00001", at=refreshed)
    kept = {"red_flag_history": set[UUID](), "vetr_score_snapshots": set[UUID]()}
    for ticker in ("T00000", "T00001"):
        for kind in ("x", "y"):
            add_flag(world, refreshed - MILLISECOND, ticker, kind)
            kept["red_flag_history"].add(add_flag(world, refreshed, ticker, kind))
        midnight = refreshed.replace(hour=0, minute=0, second=0, microsecond=0)
        add_snapshot(world, midnight - timedelta(days=1), ticker)
        add_snapshot(world, midnight - MILLISECOND, ticker)
        kept["vetr_score_snapshots"] |= {add_snapshot(world, at, ticker) for at in (midnight, refreshed - MILLISECOND)}
    assert clean(world).removed == NO_CALLS | {"runs": 0, "red_flags": 4, "snapshots": 4}
    assert {table: ids(world, table) for table in kept} == kept


def test_a_stock_that_was_never_refreshed_keeps_everything(world: World) -> None:
    """Neither the state of the other job counts, nor one that only says that the job failed."""
    for table, add, other in (("f", add_flag, "scores"), ("s", add_snapshot, "red-flags")):
        for case in ("without", "failed", "other"):
            for days in (300, 400):
                add(world, NOW - timedelta(days=days), f"{table}-{case}")
        add_refreshed(world, f"{table}-other", jobs=[other])
        add_refreshed(world, f"{table}-failed")
        world.execute(
            "UPDATE cron_stock_states SET last_refreshed_at = NULL WHERE ticker = :ticker", ticker=f"{table}-failed"
        )
    before = everything(world)
    assert clean(world).removed == NO_CALLS | {"runs": 0, "red_flags": 0, "snapshots": 0}
    assert everything(world) == before


def test_what_the_jobs_wrote_goes_once_they_have_written_again(world: World) -> None:
    add_stocks(world, 3)
    world.data("refresh-all?chunks=all")
    world.execute("UPDATE red_flag_history SET detected_at = '2001-01-01 00:00:00.000000'")
    world.execute("UPDATE vetr_score_snapshots SET recorded_at = '2001-01-01 00:00:00.000000'")
    world.execute("UPDATE cron_stock_states SET last_refreshed_at = '2001-01-01 00:00:00.000000'")
    assert clean(world).removed == NO_CALLS | {"runs": 0, "red_flags": 0, "snapshots": 0}
    world.data("refresh-all?chunks=all")
    assert clean(world).removed == NO_CALLS | {"runs": 0, "red_flags": 15, "snapshots": 3}
    assert (len(world.table("red_flag_history")), len(world.table("vetr_score_snapshots"))) == (15, 3)
    assert clean(world).removed == NO_CALLS | {"runs": 0, "red_flags": 0, "snapshots": 0}


@pytest.mark.parametrize("most_rows", [1, 5_000])
def test_times_beyond_the_calendar_are_times(postgres_world: World, most_rows: int) -> None:
    for at in ("-infinity", "0044-03-15 BC", "2001-01-01", "infinity"):
        flag = add_flag(postgres_world, NOW)
        postgres_world.execute("UPDATE red_flag_history SET detected_at = :at WHERE id = :id", at=at, id=flag)
    add_refreshed(postgres_world, "T00000")
    result = in_pieces(postgres_world, most_rows).run(CleanupRequest(keep=KEEP, time_budget=None))
    assert (result.removed["red_flags"], result.is_complete) == (3, True)
    assert [row["detected_at"] for row in postgres_world.table("red_flag_history")] == ["infinity"]


def test_of_runs_of_one_moment_one_stays(world: World) -> None:
    for _ in range(3):
        add_run(world, NOW - timedelta(days=300))
    assert clean(world).removed["runs"] == 2


def test_of_runs_of_one_moment_the_one_stays_that_is_shown_as_the_last(world: World) -> None:
    for number in (3, 1, 5, 2, 4):
        run = {"id": UUID(int=number), "job_name": "refresh-scores", "status": "completed", "chunk_offset": 0}
        world.add("cron_job_runs", run | {"started_at": NOW - timedelta(days=300)})
    state = world.data("status")["jobs"]["scores"]
    assert clean(world).removed["runs"] == 4
    assert {str(run) for run in ids(world, "cron_job_runs")} == {state["last_run"]["id"], state["last_success"]["id"]}


def test_each_job_keeps_its_newest_run_and_its_newest_completed_one(world: World) -> None:
    kept = set()
    for job in ("refresh-scores", "refresh-red-flags"):
        add_run(world, NOW - timedelta(days=50), job)
        kept.add(add_run(world, NOW - timedelta(days=40), job))
        add_run(world, NOW - timedelta(days=30), job, "failed")
        kept.add(add_run(world, NOW - timedelta(days=20), job, "failed"))
    assert clean(world).removed["runs"] == 4
    assert ids(world, "cron_job_runs") == kept


def test_work_by_hand_does_not_make_the_last_run_along_the_cursor_go(world: World) -> None:
    kept = {
        add_run(world, NOW - timedelta(days=60), chunk_offset=0),
        add_run(world, NOW - timedelta(days=50), status="failed", chunk_offset=100),
        add_run(world, NOW - timedelta(days=40)),
    }
    add_run(world, NOW - timedelta(days=70), chunk_offset=0)
    assert clean(world).removed["runs"] == 1
    assert ids(world, "cron_job_runs") == kept


def test_a_run_in_the_future_is_not_the_newest(world: World) -> None:
    for status in ("completed", "failed"):
        add_run(world, NOW - timedelta(days=30), status=status)
    kept = {add_run(world, NOW - timedelta(days=20)), add_run(world, NOW - timedelta(days=10), status="failed")}
    kept.add(add_run(world, NOW + timedelta(days=365)))
    assert clean(world).removed["runs"] == 2
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


def test_a_row_that_turns_young_while_it_is_looked_at_stays(world: World) -> None:
    flag = add_flag(world, NOW - timedelta(days=200))
    add_refreshed(world, "T00000", at=NOW + timedelta(days=1))

    def rejuvenate() -> None:
        with closing(World.make(world.database_url, world.redis_url)) as other:
            other.execute("UPDATE red_flag_history SET detected_at = :now", now=f"{NOW:%Y-%m-%d %H:%M:%S.%f}")

    with at_statements(world, "FROM red_flag_history", "LIMIT", act=rejuvenate, only=1, after=True):
        assert clean(world).removed["red_flags"] == 0
    assert ids(world, "red_flag_history") == {flag}


def test_a_dry_run_counts_what_is_then_removed_and_changes_nothing(world: World) -> None:
    add_old_of_each(world, NOW)
    before = everything(world)
    counted = clean(world, dry_run=True)
    assert everything(world) == before
    assert counted.removed == NO_CALLS | {"runs": 3, "red_flags": 3, "snapshots": 3} == clean(world).removed
    assert clean(world).removed == NO_CALLS | {"runs": 0, "red_flags": 0, "snapshots": 0}


def test_the_history_of_scores_is_never_touched(world: World) -> None:
    add_old_of_each(world, NOW)
    world.data("scores")
    world.execute("UPDATE vetr_score_history SET calculated_at = '2001-01-01 00:00:00.000000'")
    before = world.table("vetr_score_history")
    assert before
    assert clean(world).is_complete
    assert world.table("vetr_score_history") == before
