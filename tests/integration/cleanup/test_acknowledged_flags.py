"""A flag that a user has acknowledged stays, wherever the platform keeps its acknowledgments."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing, contextmanager
from datetime import timedelta
from functools import partial
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError

from tests.integration.bare_stocks import add_stocks, everything
from tests.integration.cleanup.removals import NOW, acknowledge, add_flag, add_refreshed, add_run, clean, ids
from tests.integration.failing import assert_refused
from tests.integration.meddling import under_way, wait_until
from tests.integration.replies import error_of
from tests.integration.statements import at_statements
from tests.world import World
from vettr_cron.services.clock import utc_now
from vettr_cron.services.operate.cleanup import CleanupResult

TO_READ = ("USAGE ON SCHEMA community", "SELECT ON community.acknowledged")


def add_acknowledged_elsewhere(world: World, table: str = "community.acknowledged", partitions: str = "") -> UUID:
    """An acknowledged flag, one that may go and the newest; acknowledged in a schema that no search path leads to."""
    flag = add_flag(world, NOW - timedelta(days=200))
    add_flag(world, NOW - timedelta(days=100))
    add_flag(world, NOW)
    add_refreshed(world, "T00000")
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


def test_an_acknowledged_flag_stays_with_its_acknowledgment(world: World) -> None:
    add_stocks(world, 1)
    flag = add_flag(world, NOW - timedelta(days=200))
    add_flag(world, NOW - timedelta(days=100))
    newest = add_flag(world, NOW)
    add_refreshed(world, "T00000")
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
    add_refreshed(sqlite_world, "T00000")
    sqlite_world.execute("CREATE TABLE noted (flag CHAR(32) REFERENCES Red_Flag_History (ID) ON DELETE CASCADE)")
    sqlite_world.execute("INSERT INTO noted SELECT id FROM red_flag_history ORDER BY detected_at LIMIT 1")
    assert clean(sqlite_world).removed["red_flags"] == 0
    assert flag in ids(sqlite_world, "red_flag_history")


def test_a_flag_stays_that_another_flag_refers_to(postgres_world: World) -> None:
    first, newest = add_flag(postgres_world, NOW - timedelta(days=200)), add_flag(postgres_world, NOW)
    add_flag(postgres_world, NOW - timedelta(days=100))
    add_refreshed(postgres_world, "T00000")
    postgres_world.execute("ALTER TABLE red_flag_history ADD since uuid REFERENCES red_flag_history ON DELETE CASCADE")
    postgres_world.execute("UPDATE red_flag_history SET since = :first WHERE id = :id", first=first, id=newest)
    assert clean(postgres_world).removed["red_flags"] == 1
    assert ids(postgres_world, "red_flag_history") == {first, newest}


def test_a_flag_in_a_part_of_the_table_stays_that_is_acknowledged_there(postgres_world: World) -> None:
    flag = add_flag(postgres_world, NOW - timedelta(days=200))
    add_flag(postgres_world, NOW)
    add_refreshed(postgres_world, "T00000")
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
        (TO_READ[:1], "DISABLE", "The user in DATABASE_URL lacks a privilege that the service needs"),
        (TO_READ[1:], "DISABLE", "The user in DATABASE_URL lacks a privilege that the service needs"),
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


def test_a_flag_that_is_being_acknowledged_is_left_alone_without_waiting(postgres_world: World) -> None:
    add_stocks(postgres_world, 1)
    flag = add_flag(postgres_world, NOW - timedelta(days=100))
    add_flag(postgres_world, NOW)
    add_refreshed(postgres_world, "T00000")
    with postgres_world.write() as user:
        # What a foreign key takes when a row that refers to the flag is inserted.
        user.execute(text("SELECT 1 FROM red_flag_history WHERE id = :id FOR KEY SHARE"), {"id": flag})
        result = clean(postgres_world)
    assert (result.removed["red_flags"], result.duration_ms < 1_000) == (0, True)
    assert flag in ids(postgres_world, "red_flag_history")


def add_flags_and_acknowledgments(world: World) -> tuple[UUID, UUID]:
    """Two flags that may go, and a table for acknowledgments that has none yet."""
    first, second = (add_flag(world, NOW - timedelta(days=days)) for days in (200, 100))
    add_refreshed(world, "T00000")
    acknowledge(world, first)
    world.execute("DELETE FROM red_flag_acknowledgments")
    return first, second


def acknowledged_elsewhere(world: World, flag: UUID, *before: str) -> None:
    """A user acknowledges the flag, in a transaction that is over when this returns."""
    with closing(World.make(world.database_url, world.redis_url)) as user, user.write() as connection:
        for statement in before:
            connection.execute(text(statement))
        named = flag if connection.dialect.name == "postgresql" else flag.hex
        connection.execute(text("INSERT INTO red_flag_acknowledgments VALUES (1, :id)"), {"id": named})


def assert_only_goes(world: World, result: CleanupResult, gone: UUID, acknowledged: UUID) -> None:
    assert (result.removed["red_flags"], result.is_complete) == (1, True)
    assert ids(world, "red_flag_history") == {acknowledged}
    assert gone != acknowledged
    assert len(world.rows("SELECT id FROM red_flag_acknowledgments")) == 1


def test_an_acknowledgment_between_the_look_and_the_lock_is_not_lost(world: World) -> None:
    first, second = add_flags_and_acknowledgments(world)
    acknowledging = partial(acknowledged_elsewhere, world, first)
    with at_statements(world, "FROM red_flag_history", "LIMIT", act=acknowledging, only=1, after=True):
        result = clean(world)
    assert_only_goes(world, result, second, first)


def test_an_acknowledgment_while_the_database_looks_is_not_lost(postgres_world: World) -> None:
    """The look sees the rows as they were when it began: without the acknowledgment."""
    first, second = add_flags_and_acknowledgments(postgres_world)
    postgres_world.execute("ALTER TABLE cron_stock_states RENAME TO states_behind_a_gate")
    postgres_world.execute(
        "CREATE FUNCTION gate() RETURNS boolean LANGUAGE plpgsql AS"
        " $$ BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN true; END $$"
    )
    postgres_world.execute("CREATE VIEW cron_stock_states AS SELECT * FROM states_behind_a_gate WHERE gate()")
    waiting = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    with closing(psycopg.connect(postgres_world.database_url)) as keeper:
        keeper.execute("SELECT pg_advisory_xact_lock(1)")
        call = under_way(lambda: clean(postgres_world))
        wait_until(lambda: postgres_world.rows(waiting))
        acknowledged_elsewhere(postgres_world, first)
        keeper.rollback()
        result = call.result(20)
    assert_only_goes(postgres_world, result, second, first)


def test_an_acknowledgment_between_the_lock_and_the_removal_is_not_lost(postgres_world: World) -> None:
    """Where foreign keys are not checked, as by logical replication, an acknowledgment does not wait for the lock."""
    first, second = add_flags_and_acknowledgments(postgres_world)
    acknowledging = partial(acknowledged_elsewhere, postgres_world, first, "SET session_replication_role = replica")
    with at_statements(postgres_world, "DELETE FROM red_flag_history", act=acknowledging, only=1):
        result = clean(postgres_world)
    assert_only_goes(postgres_world, result, second, first)


def test_an_acknowledgment_after_the_lock_finds_no_flag(postgres_world: World) -> None:
    first, _ = add_flags_and_acknowledgments(postgres_world)
    calls: list[Future[None]] = []

    def acknowledge_and_wait() -> None:
        calls.append(under_way(partial(acknowledged_elsewhere, postgres_world, first)))
        blocked = "SELECT 1 FROM pg_locks WHERE locktype = 'transactionid' AND NOT granted"
        wait_until(lambda: postgres_world.rows(blocked))

    with at_statements(postgres_world, "DELETE FROM red_flag_history", act=acknowledge_and_wait, only=1):
        assert clean(postgres_world).removed["red_flags"] == 2
    with pytest.raises(IntegrityError, match="foreign key"):
        calls[0].result(20)
