"""GET and POST /v1/cron/cleanup, and the command: what may go goes, and nothing else."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime, timedelta
from functools import partial
from threading import Barrier
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import select, text
from sqlalchemy.engine import make_url

from tests.chaos.proxy import postgres_proxy
from tests.integration.bare_stocks import add_stocks, everything
from tests.integration.failing import assert_refused
from tests.integration.meddling import locked_table, under_way, wait_until
from tests.integration.replies import data_of, error_of, invalid_parameters_of
from tests.integration.test_commands import DONE, WRONG_USAGE, printed_json, run
from tests.integration.test_statements import recorded_statements
from tests.servers.postgres_server import PrivatePostgres
from tests.servers.redis_server import PrivateRedis
from tests.world import World, migrate_database
from vettr_cron.domain.errors import DatabaseUnavailable
from vettr_cron.redis_store.leases import Lease, Leases
from vettr_cron.redis_store.walks import Walks
from vettr_cron.repositories import retention
from vettr_cron.services import clock
from vettr_cron.services.clock import Deadline, utc_now
from vettr_cron.services.operate import newest_rows
from vettr_cron.services.operate.cleanup import Cleanup, CleanupRequest, CleanupResult, KeepDays

NOW = datetime(2026, 11, 23, 12)
KEEP = KeepDays(runs=7, red_flags=30, snapshots=90)
MILLISECOND = timedelta(milliseconds=1)
KEEP_NAMES = ("runs", "red_flags", "snapshots")
TO_READ = ("USAGE ON SCHEMA community", "SELECT ON community.acknowledged")
TABLES = ("cron_job_runs", "red_flag_history", "vetr_score_snapshots")
COUNTS = ("runs_removed", "red_flags_removed", "snapshots_removed")


def add_run(world: World, at: datetime, job: str = "refresh-scores", status: str = "completed") -> UUID:
    found = uuid4()
    world.add("cron_job_runs", {"id": found, "job_name": job, "status": status, "started_at": at})
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


def ids(world: World, table: str) -> set[UUID]:
    return {row["id"] for row in world.table(table)}


def clean(world: World, **options: Any) -> CleanupResult:
    request = CleanupRequest(keep=KEEP, **{"time_budget": None, **options})
    return world.services.cleanup.run(request, NOW)


def in_pieces(world: World, most_rows: int) -> Cleanup:
    services = world.services
    return Cleanup(
        services.database, Leases(world.redis, 30), Walks(world.redis), services.shutdown, services.jobs, most_rows
    )


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


def add_acknowledged_elsewhere(world: World, table: str = "community.acknowledged", partitions: str = "") -> UUID:
    """An acknowledged flag, one that may go and the newest; acknowledged in a schema that no search path leads to."""
    flag = add_flag(world, NOW - timedelta(days=200))
    add_flag(world, NOW - timedelta(days=100))
    add_flag(world, NOW)
    world.execute(f"CREATE SCHEMA {table.partition('.')[0]}")
    acknowledge(world, flag, table, partitions)
    return flag


@contextmanager
def as_visitor(world: World, *rights: str) -> Iterator[World]:
    """The same service as a role with all rights to its own tables, and these."""
    role = f"visitor_{uuid4().hex}"
    with psycopg.connect(world.database_url, autocommit=True) as owner:
        owner.execute(f"CREATE ROLE {role} LOGIN".encode())
        try:
            for right in ("ALL ON ALL TABLES IN SCHEMA public", *rights):
                owner.execute(f"GRANT {right} TO {role}".encode())
            url = make_url(world.database_url).set(username=role).render_as_string()
            with closing(World.make(url, world.redis_url)) as visiting:
                yield visiting
        finally:
            owner.execute(f"DROP OWNED BY {role}".encode())
            owner.execute(f"DROP ROLE {role}".encode())


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


def test_an_acknowledged_flag_stays_with_its_acknowledgment(world: World) -> None:
    add_stocks(world, 1)
    flag = add_flag(world, NOW - timedelta(days=200))
    add_flag(world, NOW - timedelta(days=100))
    newest = add_flag(world, NOW)
    acknowledge(world, flag)
    assert clean(world, dry_run=True).removed["red_flags"] == 1
    assert clean(world).removed["red_flags"] == 1
    assert ids(world, "red_flag_history") == {flag, newest}
    assert len(world.rows("SELECT id FROM red_flag_acknowledgments")) == 1


@pytest.mark.parametrize(
    "table", ["community.acknowledged", "community.red_flag_history", '"Our Community"."Acknowledged"']
)
def test_a_flag_stays_that_is_acknowledged_in_another_schema(postgres_world: World, table: str) -> None:
    flag = add_acknowledged_elsewhere(postgres_world, table)
    assert clean(postgres_world, dry_run=True).removed["red_flags"] == 1
    assert clean(postgres_world).removed["red_flags"] == 1
    assert flag in ids(postgres_world, "red_flag_history")
    assert len(postgres_world.rows(f"SELECT id FROM {table}")) == 1


def test_a_partitioned_table_of_acknowledgments_is_read_as_a_whole(postgres_world: World) -> None:
    flag = add_acknowledged_elsewhere(postgres_world, partitions="PARTITION BY LIST (id)")
    postgres_world.execute("CREATE TABLE community.more PARTITION OF community.acknowledged FOR VALUES IN (2)")
    with as_visitor(postgres_world, *TO_READ) as visiting:  # who may not read the partitions by themselves
        assert clean(visiting).removed["red_flags"] == 1
    assert flag in ids(postgres_world, "red_flag_history")


def test_in_sqlite_it_does_not_matter_how_the_names_are_spelled(sqlite_world: World) -> None:
    flag = add_flag(sqlite_world, NOW - timedelta(days=200))
    add_flag(sqlite_world, NOW)
    sqlite_world.execute("CREATE TABLE noted (flag CHAR(32) REFERENCES Red_Flag_History (ID) ON DELETE CASCADE)")
    sqlite_world.execute("INSERT INTO noted SELECT id FROM red_flag_history ORDER BY detected_at LIMIT 1")
    assert clean(sqlite_world).removed["red_flags"] == 0
    assert flag in ids(sqlite_world, "red_flag_history")


def test_a_flag_stays_that_another_flag_refers_to(postgres_world: World) -> None:
    first, newest = add_flag(postgres_world, NOW - timedelta(days=200)), add_flag(postgres_world, NOW)
    add_flag(postgres_world, NOW - timedelta(days=100))
    postgres_world.execute("ALTER TABLE red_flag_history ADD since uuid REFERENCES red_flag_history ON DELETE CASCADE")
    postgres_world.execute("UPDATE red_flag_history SET since = :first WHERE id = :id", first=first, id=newest)
    assert clean(postgres_world).removed["red_flags"] == 1
    assert ids(postgres_world, "red_flag_history") == {first, newest}


def test_a_flag_in_a_part_of_the_table_stays_that_is_acknowledged_there(postgres_world: World) -> None:
    flag = add_flag(postgres_world, NOW - timedelta(days=200))
    add_flag(postgres_world, NOW)
    postgres_world.execute("CREATE TABLE archive (PRIMARY KEY (id)) INHERITS (red_flag_history)")
    postgres_world.execute(
        "WITH old AS (DELETE FROM red_flag_history WHERE id = :id RETURNING *) INSERT INTO archive SELECT * FROM old",
        id=flag,
    )
    postgres_world.execute("CREATE TABLE acknowledged (flag uuid REFERENCES archive ON DELETE CASCADE)")
    postgres_world.execute("INSERT INTO acknowledged VALUES (:id)", id=flag)
    assert clean(postgres_world).removed["red_flags"] == 0
    assert flag in ids(postgres_world, "red_flag_history")


@pytest.mark.parametrize(
    ("rights", "security", "reason"),
    [
        (TO_READ[:1], "DISABLE", "The database forbids what is needed to the user in DATABASE_URL"),
        (TO_READ[1:], "DISABLE", "The database forbids what is needed to the user in DATABASE_URL"),
        (TO_READ, "ENABLE", "Row security may hide rows of community.acknowledged from the user in DATABASE_URL"),
    ],
)
def test_where_acknowledgments_cannot_be_seen_no_flag_goes(
    postgres_world: World, rights: Sequence[str], security: str, reason: str
) -> None:
    add_acknowledged_elsewhere(postgres_world)
    postgres_world.execute(f"ALTER TABLE community.acknowledged {security} ROW LEVEL SECURITY")
    before = everything(postgres_world)
    with as_visitor(postgres_world, *rights) as visiting:
        for query in ("", "?dry_run=1"):
            assert_refused(visiting.call(f"cleanup{query}"), reason)
        for days in (0, 50):
            add_run(postgres_world, utc_now() - timedelta(days=days))
        error = error_of(visiting.call("cleanup"), 500, "JOB_FAILED")
    assert (error["message"], error["details"]["runs_removed"]) == (reason, 1)
    postgres_world.execute("DELETE FROM cron_job_runs")
    assert everything(postgres_world) == before


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


def test_what_the_newest_rows_do_not_tell_is_looked_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stocks that are gone, and the success of a job that has failed ever since, are far behind the newest rows."""
    monkeypatch.setattr(newest_rows, "ROWS_AT_ONCE", 2)
    monkeypatch.setattr(newest_rows, "STOCKS_AT_ONCE", 2)
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
    assert clean(world).removed == {"runs": 2, "red_flags": 3, "snapshots": 3}
    assert ids(world, "red_flag_history") == flags
    assert ids(world, "vetr_score_snapshots") == snapshots
    assert ids(world, "cron_job_runs") == runs


@pytest.mark.parametrize("rows_at_once", [1, 5_000])
def test_times_beyond_the_calendar_are_times(
    postgres_world: World, rows_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(newest_rows, "ROWS_AT_ONCE", rows_at_once)
    times = {"EVER": ("-infinity", "0044-03-15 BC", "2001-01-01", "infinity"), "ONCE": ("-infinity", "2001-01-01")}
    for ticker in times:
        for at in times[ticker]:
            flag = add_flag(postgres_world, NOW, ticker)
            postgres_world.execute("UPDATE red_flag_history SET detected_at = :at WHERE id = :id", at=at, id=flag)
    assert in_pieces(postgres_world, 1).run(CleanupRequest(keep=KEEP, time_budget=None), NOW).removed["red_flags"] == 4
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


def test_a_live_running_run_stays_and_one_that_nobody_holds_goes(world: World) -> None:
    add_run(world, NOW - timedelta(days=50), status="running")
    live = add_run(world, NOW - timedelta(days=40), status="running")
    newest = add_run(world, NOW)
    leases = Leases(world.redis, 30)
    lease = leases.acquire("scores")
    assert isinstance(lease, Lease)
    assert leases.confirm(lease, str(live))
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


def test_it_goes_in_pieces_each_a_transaction(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    add_old_of_each(world, NOW, count=7)
    sizes: list[int] = []
    left: list[int] = []
    remove = retention.remove

    def removing(connection: Any, expired: Any, chosen: Sequence[UUID]) -> int:
        sizes.append(len(chosen))
        with world.services.database.reading() as other:  # which sees what the pieces before have committed
            left.append(len(other.execute(select(expired.table.c.id)).all()))
        return remove(connection, expired, chosen)

    monkeypatch.setattr(retention, "remove", removing)
    result = in_pieces(world, 2).run(CleanupRequest(keep=KEEP, time_budget=None), NOW)
    assert result.removed == {"runs": 7, "red_flags": 7, "snapshots": 7}
    assert result.is_complete
    assert sizes == [2, 2, 2, 1] * 3
    assert left == [8, 6, 4, 2] * 3


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


def add_much_of_each(world: World) -> Mapping[str, set[UUID]]:
    """Many rows that may go, of several series that mix; what may not go by table: the newest, and what is named."""
    kept: dict[str, set[UUID]] = {name: set() for name in TABLES}
    for series, job in enumerate(("refresh-scores", "refresh-red-flags", "another program's")):
        for days in range(40):
            at = NOW - timedelta(days=400 - days * 2, hours=series)
            run, flag = add_run(world, at, job), add_flag(world, at, f"T{series}")
            snapshot = add_snapshot(world, at, f"T{series}")
            if series == 2:
                kept["cron_job_runs"].add(run)
            if series == 0 and days == 0:
                acknowledge(world, flag)
                kept["red_flag_history"].add(flag)
        for name, newest in zip(TABLES, (run, flag, snapshot), strict=True):
            kept[name].add(newest)
    return kept


def test_two_cleanups_at_once_remove_each_row_once_and_what_must_stay_never(
    migrated_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(World.make(migrated_url, redis_url)) as one, closing(World.make(migrated_url, redis_url)) as other:
        kept, before = add_much_of_each(one), {name: len(one.table(name)) for name in TABLES}
        together, oldest = Barrier(2, timeout=60), retention.oldest

        def starting_together(*arguments: Any) -> Sequence[retention.Passed]:
            if arguments[2] is None:  # the first piece of a table
                together.wait()
            return oldest(*arguments)

        monkeypatch.setattr(retention, "oldest", starting_together)
        request = CleanupRequest(keep=KEEP, time_budget=None)
        both = [under_way(partial(in_pieces(world, 3).run, request, NOW)) for world in (one, other)]
        results = [call.result(60) for call in both]
        assert all(result.is_complete and result.error is None for result in results)
        assert {name: ids(one, name) for name in TABLES} == kept
        assert len(one.rows("SELECT id FROM red_flag_acknowledgments")) == 1
        for name, table in zip(KEEP_NAMES, TABLES, strict=True):
            assert sum(result.removed[name] for result in results) == before[table] - len(kept[table])


def test_no_reply_of_the_database_matters_that_is_lost(migrated_postgres_url: str, redis_url: str) -> None:
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


PLACE = "cron:cleanup:red_flags"


def add_flags_of_which_the_last_may_go(world: World) -> UUID:
    """Six old flags that stay, each the only one of its stock, and one that has a newer one, but for the newest."""
    for number in range(6):
        add_flag(world, NOW - timedelta(days=300 - number), f"GONE{number}")
    last = add_flag(world, NOW - timedelta(days=200))
    add_flag(world, NOW)
    return last


def clean_a_piece(world: World, dry_run: bool = False, meanwhile: Callable[[], object] = lambda: None) -> CleanupResult:
    """A call that is stopped in its first piece, of two rows, that has any."""
    is_superseded = newest_rows.NewestRows.is_superseded

    def stopping(newest: newest_rows.NewestRows, row: retention.Passed) -> bool:
        world.services.shutdown.ask()
        meanwhile()
        return is_superseded(newest, row)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(newest_rows.NewestRows, "is_superseded", stopping)
        result = in_pieces(world, 2).run(CleanupRequest(keep=KEEP, dry_run=dry_run, time_budget=60), NOW)
    world.services.shutdown._asked_at = None
    return result


def test_calls_that_are_used_up_by_rows_that_stay_come_to_the_end(world: World) -> None:
    last = add_flags_of_which_the_last_may_go(world)
    for _ in range(3):
        assert not clean_a_piece(world).is_complete
        assert 86_400 < int(str(world.redis.ttl(PLACE))) <= 2 * 86_400
    assert last in ids(world, "red_flag_history")
    result = clean_a_piece(world)
    assert (result.removed["red_flags"], result.is_complete) == (1, True)
    assert world.redis.keys() == []


def test_a_call_that_fails_keeps_its_place_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    add_flags_of_which_the_last_may_go(world)
    oldest = retention.oldest

    def failing(connection: Any, expired: Any, after: Any, limit: int) -> Any:
        if after is not None:
            raise DatabaseUnavailable("The database is gone")
        return oldest(connection, expired, after, limit)

    monkeypatch.setattr(retention, "oldest", failing)
    with pytest.raises(DatabaseUnavailable):
        in_pieces(world, 2).run(CleanupRequest(keep=KEEP, time_budget=60), NOW)
    assert world.redis.exists(PLACE)


def test_a_process_that_must_end_now_does_not_wait_for_redis(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    add_flags_of_which_the_last_may_go(world)
    monkeypatch.setattr(clock.Shutdown, "over", property(lambda _: True))
    assert not clean_a_piece(world).is_complete
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


def test_what_is_no_text_is_no_place(sqlite_world: World) -> None:
    add_flags_of_which_the_last_may_go(sqlite_world)
    sqlite_world.redis.rpush(PLACE, "x")
    assert not clean_a_piece(sqlite_world).is_complete
    assert sqlite_world.redis.type(PLACE) == "string"


def test_a_place_that_cannot_be_kept_is_no_failure(migrated_sqlite_url: str, stoppable_redis: PrivateRedis) -> None:
    with closing(World.make(migrated_sqlite_url, stoppable_redis.url)) as world:
        add_flags_of_which_the_last_may_go(world)
        result = clean_a_piece(world, meanwhile=stoppable_redis.stop)
    assert (result.is_complete, result.error) == (False, None)


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


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_both_methods_remove_by_the_settings_or_as_asked(world: World, method: str) -> None:
    add_old_of_each(world, utc_now())
    kept = data_of(world.call("cleanup?runs_days=1000&red_flags_days=1000&snapshots_days=1000", method=method))
    assert [kept[name] for name in COUNTS] == [0, 0, 0]
    counted = data_of(world.call("cleanup?dry_run=1", method=method))
    assert ([counted[name] for name in COUNTS], counted["dry_run"]) == ([3, 3, 3], True)
    done = data_of(world.call("cleanup", method=method))
    assert ([done[name] for name in COUNTS], done["dry_run"], done["is_complete"]) == ([3, 3, 3], False, True)
    ages = [utc_now() - datetime.fromisoformat(done["older_than"][name][:-1]) for name in KEEP_NAMES]
    assert [age.days for age in ages] == [7, 100, 200]


def test_the_variables_say_how_long_rows_are_kept(migrated_sqlite_url: str, redis_url: str) -> None:
    world = World.make(
        migrated_sqlite_url,
        redis_url,
        cron_keep_runs_days=299,
        cron_keep_red_flags_days=300,
        cron_keep_snapshots_days=302,
    )
    add_old_of_each(world, utc_now() + timedelta(hours=1))
    data = world.data("cleanup")
    world.close()
    # Rows of 300, 301 and 302 days, less an hour.
    assert [data[name] for name in COUNTS] == [3, 2, 0]


@pytest.mark.parametrize("name", ["runs_days", "red_flags_days", "snapshots_days"])
@pytest.mark.parametrize("value", ["0", "-1", "36501", "1.5", "1e1", "x", ""])
def test_a_bad_number_of_days_is_named_and_removes_nothing(sqlite_world: World, name: str, value: str) -> None:
    add_old_of_each(sqlite_world, utc_now(), count=1)
    before = everything(sqlite_world)
    problems = invalid_parameters_of(sqlite_world.call(f"cleanup?{name}={value}"))
    assert problems.keys() == {name}
    assert "a whole number of days from 1 to 36500" in problems[name]
    assert everything(sqlite_world) == before


@pytest.mark.parametrize(("query", "name"), [("dry_run=yes", "dry_run"), ("days=7", "days")])
def test_any_other_bad_parameter_is_named(sqlite_world: World, query: str, name: str) -> None:
    assert invalid_parameters_of(sqlite_world.call(f"cleanup?{query}")).keys() == {name}


def test_head_and_strangers_are_refused_and_remove_nothing(sqlite_world: World) -> None:
    add_old_of_each(sqlite_world, utc_now())
    before = everything(sqlite_world)
    assert sqlite_world.call("cleanup", method="HEAD").status_code == 405
    for method in ("GET", "POST"):
        assert sqlite_world.client.open("/v1/cron/cleanup", method=method).status_code == 401
    assert everything(sqlite_world) == before


def test_the_command_counts_and_removes(world: World) -> None:
    add_old_of_each(world, utc_now())
    before = everything(world)
    counted = run(world, "cron", "cleanup", "--dry-run")
    assert (counted.exit_code, "would go" in counted.stdout) == (DONE, True)
    assert everything(world) == before
    assert run(world, "cron", "cleanup", "--runs-days", "0").exit_code == WRONG_USAGE
    data = printed_json(world, "cron", "cleanup", "--runs-days", "1000")
    assert [data[name] for name in COUNTS] == [0, 3, 3]
    assert "removed" in run(world, "cron", "cleanup").stdout
    assert len(world.table("cron_job_runs")) == 1


def test_a_refresh_goes_through_while_a_cleanup_is_in_a_transaction(
    postgres_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_old_of_each(postgres_world, NOW)
    remove, replies = retention.remove, []

    def refreshing(*arguments: Any) -> int:
        rows = remove(*arguments)
        replies.append(postgres_world.data("refresh-all"))  # the rows are removed, and not yet committed
        return rows

    monkeypatch.setattr(retention, "remove", refreshing)
    assert clean(postgres_world).removed == {"runs": 3, "red_flags": 3, "snapshots": 3}
    assert len(replies) == 3
    assert all(reply["scores"]["succeeded"] == reply["red_flags"]["succeeded"] == 1 for reply in replies)


def test_a_flag_that_is_being_acknowledged_is_left_alone_without_waiting(postgres_world: World) -> None:
    add_stocks(postgres_world, 1)
    flag = add_flag(postgres_world, NOW - timedelta(days=100))
    add_flag(postgres_world, NOW)
    with postgres_world.write() as user:
        # What a foreign key takes when a row that refers to the flag is inserted.
        user.execute(text("SELECT 1 FROM red_flag_history WHERE id = :id FOR KEY SHARE"), {"id": flag})
        result = clean(postgres_world)
    assert (result.removed["red_flags"], result.duration_ms < 1_000) == (0, True)
    assert flag in ids(postgres_world, "red_flag_history")
