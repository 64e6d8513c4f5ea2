"""A flag that a user has acknowledged stays, wherever the platform keeps its acknowledgments."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from tests.integration.bare_stocks import add_stocks, everything
from tests.integration.cleanup.removals import NOW, acknowledge, add_flag, add_run, clean, ids
from tests.integration.failing import assert_refused
from tests.integration.replies import error_of
from tests.world import World
from vettr_cron.services.clock import utc_now

TO_READ = ("USAGE ON SCHEMA community", "SELECT ON community.acknowledged")


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
    with postgres_world.write() as user:
        # What a foreign key takes when a row that refers to the flag is inserted.
        user.execute(text("SELECT 1 FROM red_flag_history WHERE id = :id FOR KEY SHARE"), {"id": flag})
        result = clean(postgres_world)
    assert (result.removed["red_flags"], result.duration_ms < 1_000) == (0, True)
    assert flag in ids(postgres_world, "red_flag_history")
