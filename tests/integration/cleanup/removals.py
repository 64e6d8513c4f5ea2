"""Old rows of each kind, and a cleanup that removes what may go of them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from tests.integration.bare_stocks import add_stocks
from tests.world import World
from vettr_cron.redis_store.leases import Leases
from vettr_cron.services.clock import Shutdown, utc_now
from vettr_cron.services.operate.cleanup import Cleanup, CleanupRequest, CleanupResult, KeepDays

NOW = utc_now()
KEEP = KeepDays(runs=7, calls=400, red_flags=30, snapshots=90)
MILLISECOND = timedelta(milliseconds=1)
NO_CALLS = {"samples": 0, "calls": 0}
KEEP_NAMES = ("runs", "red_flags", "snapshots")
TABLES = ("cron_job_runs", "red_flag_history", "vetr_score_snapshots")
COUNTS = ("runs_removed", "red_flags_removed", "snapshots_removed")


def add_run(
    world: World, at: datetime, job: str = "refresh-scores", status: str = "completed", chunk_offset: int | None = None
) -> UUID:
    found = uuid4()
    row = {"id": found, "job_name": job, "status": status, "started_at": at, "chunk_offset": chunk_offset}
    world.add("cron_job_runs", row)
    return found


def add_flag(world: World, at: datetime, ticker: str = "T00000", kind: str = "x") -> UUID:
    found = uuid4()
    row = {"id": found, "stock_ticker": ticker, "flag_type": kind, "severity": "low", "score": 1.0}
    world.add("red_flag_history", row | {"description": "d", "detected_at": at})
    return found


def add_snapshot(world: World, at: datetime, ticker: str = "T00000") -> UUID:
    found = uuid4()
    row = {"id": found, "stock_ticker": ticker, "overall_score": 50, "recorded_at": at}
    world.add("vetr_score_snapshots", row)
    return found


def add_refreshed(
    world: World, *tickers: str, at: datetime = NOW, jobs: Sequence[str] = ("scores", "red-flags")
) -> None:
    """Record that these jobs last refreshed these stocks at that time."""
    state = {"last_cycle_id": uuid4(), "last_refreshed_at": at, "consecutive_failures": 0}
    world.add("cron_stock_states", *({"job": job, "ticker": ticker, **state} for job in jobs for ticker in tickers))


def ids(world: World, table: str) -> set[UUID]:
    return {row["id"] for row in world.table(table)}


def clean(world: World, **options: Any) -> CleanupResult:
    request = CleanupRequest(keep=KEEP, **{"time_budget": None, **options})
    return world.services.cleanup.run(request)


def in_pieces(world: World, most_rows: int, shutdown: Shutdown | None = None) -> Cleanup:
    """The service's cleanup in pieces of so many rows; `shutdown` None is the service's own."""
    services = world.services
    ends = shutdown or services.shutdown
    return Cleanup(services.database, Leases(world.redis, 30), ends, services.jobs, most_rows=most_rows)


def add_old_of_each(world: World, now: datetime, count: int = 3) -> None:
    """So many rows of each table that may go, and one of each that may not."""
    add_stocks(world, 1)
    for number in range(count):
        add_run(world, now - timedelta(days=300 + number))
        add_flag(world, now - timedelta(days=300 + number))
        add_snapshot(world, now - timedelta(days=300 + number))
    add_run(world, now)
    add_flag(world, now)
    add_snapshot(world, now)
    add_refreshed(world, "T00000", at=now)


def acknowledge(world: World, flag: UUID, table: str = "red_flag_acknowledgments", partitions: str = "") -> None:
    """As the platform does it: a row of a table of its own refers to the flag."""
    kind = "uuid" if world.services.database.engine.dialect.name == "postgresql" else "CHAR(32)"
    world.execute(
        f"CREATE TABLE {table} (id integer, red_flag_id {kind} REFERENCES red_flag_history (id) ON DELETE CASCADE)"
        f" {partitions}"
    )
    if partitions:
        world.execute(f"CREATE TABLE {table}_1 PARTITION OF {table} FOR VALUES IN (1)")
    world.execute(
        f"INSERT INTO {table} SELECT 1, id FROM red_flag_history WHERE detected_at ="
        " (SELECT min(detected_at) FROM red_flag_history)"
    )
    assert flag == min(world.table("red_flag_history"), key=lambda row: row["detected_at"])["id"]
