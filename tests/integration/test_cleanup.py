"""What is old goes, piece by piece; what anybody may still need stays."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.integration.bare_stocks import add_stocks
from tests.integration.replies import error_of
from tests.integration.test_commands import printed_json, run
from tests.world import World
from vettr_cron.lease import Lease, Leases
from vettr_cron.repositories import retention
from vettr_cron.services.cleanup import Cleanup, CleanupRequest, KeepDays
from vettr_cron.services.clock import Shutdown, utc_now

DAY = timedelta(days=1)
KEEP = KeepDays(runs=7, red_flags=30, snapshots=90)
EVERYTHING = CleanupRequest(keep=KEEP, time_budget=None)


@pytest.fixture
def now() -> datetime:
    return utc_now()


def a_run(began: datetime, status: str = "completed", job: str = "refresh-scores") -> dict[str, Any]:
    return {"id": uuid4(), "job_name": job, "status": status, "started_at": began, "duration_ms": 1}


def a_flag(at: datetime, ticker: str = "A", kind: str = "debt_trend") -> dict[str, Any]:
    named = {"stock_ticker": ticker, "flag_type": kind, "severity": "High", "score": 75.0, "description": "much debt"}
    return {"id": uuid4(), **named, "detected_at": at}


def a_snapshot(day: datetime, ticker: str = "A") -> dict[str, Any]:
    return {"id": uuid4(), "stock_ticker": ticker, "overall_score": 50, "recorded_at": day}


def ids(world: World, table: str) -> set[UUID]:
    return {row["id"] for row in world.table(table)}


def clean(world: World, now: datetime, request: CleanupRequest = EVERYTHING, **values: Any) -> Any:
    services = world.services
    leases = Leases(world.redis, 30)
    return Cleanup(services.database, leases, values.pop("shutdown", Shutdown()), **values).run(request, now)


def test_what_is_older_than_so_many_days_goes_and_exactly_so_old_stays(world: World, now: datetime) -> None:
    moment = timedelta(milliseconds=1)
    tables: dict[str, tuple[int, Callable[[datetime], dict[str, Any]]]] = {
        "cron_job_runs": (7, a_run),
        "red_flag_history": (30, a_flag),
        "vetr_score_snapshots": (90, a_snapshot),
    }
    kept: dict[str, set[UUID]] = {}
    for table, (days, make) in tables.items():
        older, exactly, newest = (make(now - days * DAY - moment), make(now - days * DAY), make(now))
        world.add(table, older, exactly, newest)
        kept[table] = {exactly["id"], newest["id"]}
    result = clean(world, now)
    assert (result.removed, result.is_complete) == ({"runs": 1, "red_flags": 1, "snapshots": 1}, True)
    assert {table: ids(world, table) for table in tables} == kept
    again = clean(world, now)
    assert (set(again.removed.values()), again.is_complete) == ({0}, True)


def test_the_newest_of_each_kind_stays_however_old(world: World, now: datetime) -> None:
    old = now - 400 * DAY
    kinds = [("A", "debt_trend"), ("A", "executive_churn"), ("B", "debt_trend")]
    newest_flags = [a_flag(old, *kind) for kind in kinds]
    newest_snapshots = [a_snapshot(old, ticker) for ticker in "AB"]
    world.add("red_flag_history", *newest_flags, *(a_flag(old - DAY, *kind) for kind in kinds))
    world.add("vetr_score_snapshots", *newest_snapshots, *(a_snapshot(old - DAY, ticker) for ticker in "AB"))
    result = clean(world, now)
    assert (result.removed["red_flags"], result.removed["snapshots"]) == (3, 2)
    assert ids(world, "red_flag_history") == {flag["id"] for flag in newest_flags}
    assert ids(world, "vetr_score_snapshots") == {snapshot["id"] for snapshot in newest_snapshots}


def test_of_two_flags_of_one_moment_one_stays(world: World, now: datetime) -> None:
    world.add("red_flag_history", a_flag(now - 40 * DAY), a_flag(now - 40 * DAY))
    assert clean(world, now).removed["red_flags"] == 1


def test_each_jobs_newest_run_and_newest_completed_run_stay(world: World, now: datetime) -> None:
    old = now - 20 * DAY
    kept = [
        a_run(old, "failed"),
        a_run(old - DAY, "completed"),
        a_run(old - 2 * DAY, "completed", "refresh-red-flags"),
    ]
    gone = [a_run(old - 3 * DAY, "completed"), a_run(old - 4 * DAY, "failed"), a_run(old - 5 * DAY, "failed")]
    world.add("cron_job_runs", *kept, *gone)
    assert clean(world, now).removed["runs"] == 3
    assert ids(world, "cron_job_runs") == {run["id"] for run in kept}


def test_a_run_that_lives_stays_and_one_whose_holder_is_dead_goes(world: World, now: datetime) -> None:
    live, dead, newest = a_run(now - 9 * DAY, "running"), a_run(now - 9 * DAY, "running"), a_run(now)
    world.add("cron_job_runs", live, dead, newest)
    leases = Leases(world.redis, 30)
    lease = leases.acquire("scores")
    assert isinstance(lease, Lease)
    assert leases.confirm(lease, str(live["id"]))
    assert clean(world, now).removed["runs"] == 1
    assert ids(world, "cron_job_runs") == {live["id"], newest["id"]}


def test_a_flag_that_a_user_acknowledged_stays_with_the_acknowledgment(world: World, now: datetime) -> None:
    acknowledged, other, newest = a_flag(now - 50 * DAY), a_flag(now - 49 * DAY), a_flag(now)
    world.add("red_flag_history", acknowledged, other, newest)
    on_postgresql = world.database_url.startswith("postgresql")
    kind, given = ("uuid", str(acknowledged["id"])) if on_postgresql else ("char(32)", acknowledged["id"].hex)
    world.execute(
        "CREATE TABLE red_flag_acknowledgments (user_id text, flag "
        f"{kind} REFERENCES red_flag_history (id) ON DELETE CASCADE)"
    )
    value = "CAST(:flag AS uuid)" if on_postgresql else ":flag"
    world.execute(f"INSERT INTO red_flag_acknowledgments VALUES ('somebody', {value})", flag=given)
    assert clean(world, now).removed["red_flags"] == 1
    assert ids(world, "red_flag_history") == {acknowledged["id"], newest["id"]}
    assert len(world.rows("SELECT * FROM red_flag_acknowledgments")) == 1


def fill(world: World, now: datetime, count: int) -> None:
    """Old rows of each table, of which one stays each."""
    world.add("cron_job_runs", *(a_run(now - (10 + number) * DAY) for number in range(count)))
    world.add("red_flag_history", *(a_flag(now - (40 + number) * DAY) for number in range(count)))
    world.add("vetr_score_snapshots", *(a_snapshot(now - (100 + number) * DAY) for number in range(count)))


@pytest.mark.parametrize("most_rows", [1, 7, 1_000])
def test_however_small_the_pieces_all_of_it_goes(world: World, now: datetime, most_rows: int) -> None:
    fill(world, now, 20)
    dry = clean(world, now, CleanupRequest(keep=KEEP, dry_run=True, time_budget=None), most_rows=most_rows)
    assert [len(world.table(table)) for table in ("cron_job_runs", "red_flag_history")] == [20, 20]
    result = clean(world, now, most_rows=most_rows)
    assert dry.removed == result.removed == {"runs": 19, "red_flags": 19, "snapshots": 19}
    assert dry.is_complete
    assert result.is_complete


def test_what_time_does_not_suffice_for_is_left_for_the_next_call(world: World, now: datetime) -> None:
    fill(world, now, 5)
    spent = clean(world, now, CleanupRequest(keep=KEEP, time_budget=1e-9))
    assert (set(spent.removed.values()), spent.is_complete) == ({0}, False)
    shutdown = Shutdown()
    shutdown.ask()
    assert not clean(world, now, shutdown=shutdown).is_complete
    assert clean(world, now).removed == {"runs": 4, "red_flags": 4, "snapshots": 4}


def test_scores_are_none_of_its_business(world: World, now: datetime) -> None:
    add_stocks(world, 3)
    world.data("scores")
    world.execute("UPDATE vetr_score_history SET calculated_at = '2001-01-01 00:00:00.000000'")
    clean(world, now)
    assert len(world.table("vetr_score_history")) == 3


def test_a_refresh_goes_on_beside_it(postgres_world: World, now: datetime) -> None:
    add_stocks(postgres_world, 20)
    fill(postgres_world, now, 20)
    with postgres_world.services.database.writing() as connection:
        # As a piece does: the rows that go are locked until the commit.
        expired = retention.expired_red_flags(connection, now - 30 * DAY)
        piece = retention.next_piece(connection, expired, None, 100)
        assert retention.remove(connection, expired, retention.lock(connection, expired, piece)) == 19
        results = postgres_world.data("refresh-all")
        assert (results["scores"]["succeeded"], results["red_flags"]["succeeded"]) == (20, 20)


# Over HTTP, and as a command


def test_a_call_removes_by_the_days_that_are_set_or_asked_for(world: World, now: datetime) -> None:
    world.add("cron_job_runs", a_run(now - 3 * DAY), a_run(now - 8 * DAY), a_run(now))
    dry = world.data("cleanup?dry_run=1&runs_days=2")
    assert (dry["runs_removed"], dry["dry_run"], dry["is_complete"]) == (2, True, True)
    assert len(world.table("cron_job_runs")) == 3
    done = world.data("cleanup", method="POST")
    assert {name: value for name, value in done.items() if name.endswith("_removed")} == {
        "runs_removed": 1,
        "red_flags_removed": 0,
        "snapshots_removed": 0,
    }
    assert done["older_than"].keys() == {"runs", "red_flags", "snapshots"}
    assert world.data("cleanup?runs_days=2")["runs_removed"] == 1


@pytest.fixture
def brief(migrated_sqlite_url: str, redis_url: str) -> Iterator[World]:
    world = World.make(migrated_sqlite_url, redis_url, cron_keep_runs_days=2)
    yield world
    world.close()


def test_the_environment_says_how_many_days(brief: World, now: datetime) -> None:
    brief.add("cron_job_runs", a_run(now - 3 * DAY), a_run(now))
    assert printed_json(brief, "cron", "cleanup", "--dry-run")["runs_removed"] == 1
    assert printed_json(brief, "cron", "cleanup", "--runs-days", "4")["runs_removed"] == 0
    shown = run(brief, "cron", "cleanup")
    assert shown.exit_code == 0
    assert [line.split()[-1] for line in shown.stdout.splitlines()] == ["removed", "1", "0", "0"]


@pytest.mark.parametrize("query", ["runs_days=0", "runs_days=x", "days=3", "dry_run=maybe", "snapshots_days=1.5"])
def test_a_parameter_that_is_none_is_refused_and_nothing_goes(sqlite_world: World, now: datetime, query: str) -> None:
    sqlite_world.add("cron_job_runs", a_run(now - 30 * DAY), a_run(now))
    error_of(sqlite_world.call(f"cleanup?{query}"), 422, "VALIDATION_ERROR")
    assert len(sqlite_world.table("cron_job_runs")) == 2


def test_a_look_removes_nothing_and_nobody_may_without_the_secret(sqlite_world: World, now: datetime) -> None:
    sqlite_world.add("cron_job_runs", a_run(now - 30 * DAY), a_run(now))
    assert sqlite_world.call("cleanup", method="HEAD").status_code == 405
    error_of(sqlite_world.client.get("/v1/cron/cleanup"), 401, "AUTH_REQUIRED")
    assert len(sqlite_world.table("cron_job_runs")) == 2
