"""deploy/postgresql/role.sql: a user who owns nothing does all that the service does, and may do no more."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg
import pytest
from psycopg import sql
from psycopg.errors import InsufficientPrivilege
from sqlalchemy.engine import make_url

from tests.deploy.everything import fill, problems
from tests.e2e.programs import PROJECT
from tests.servers.pgbouncer_server import PgBouncer
from tests.servers.postgres_server import PrivatePostgres
from tests.world import World, migrate_database

ROLE_SQL = PROJECT / "deploy" / "postgresql" / "role.sql"
SCHEMA = PROJECT / "tests" / "platform_schema.sql"
ROLE = "vettr_cron"
OWNER = "platform"


def url_of(url: str, user: str) -> str:
    return make_url(url).set(username=user).render_as_string(hide_password=False)


@contextmanager
def as_user(url: str, user: str) -> Iterator["psycopg.Connection[tuple[object, ...]]"]:
    with psycopg.connect(url_of(url, user), autocommit=True) as connection:
        yield connection


@pytest.fixture
def database(private_postgres: PrivatePostgres) -> Iterator[str]:
    """The platform's database, owned by the platform, whose owner has migrated it and run role.sql."""
    url = private_postgres.create_database()
    name = make_url(url).database or ""
    with as_user(url, "postgres") as superuser:
        superuser.execute(f"CREATE ROLE {OWNER} LOGIN")
        superuser.execute(f"CREATE ROLE {ROLE} LOGIN")
        superuser.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(sql.Identifier(name), sql.Identifier(OWNER)))
        superuser.execute(f"ALTER SCHEMA public OWNER TO {OWNER}")
    with as_user(url, OWNER) as owner:
        owner.execute(SCHEMA.read_bytes())
        migrate_database(url_of(url, OWNER))
        owner.execute(ROLE_SQL.read_bytes())
    yield url
    private_postgres.drop_database(url)
    with as_user(private_postgres.url, "postgres") as superuser:
        superuser.execute(f"DROP ROLE {OWNER}, {ROLE}")


@pytest.fixture
def owner(database: str, redis_url: str) -> Iterator[World]:
    with closing(World.make(url_of(database, OWNER), redis_url)) as world:
        fill(world)
        yield world


@pytest.fixture
def world(database: str, redis_url: str) -> Iterator[World]:
    """The service as the role."""
    with closing(World.make(url_of(database, ROLE), redis_url)) as world:
        yield world


def test_the_role_is_enough_for_everything_that_the_service_does(world: World, owner: World) -> None:
    assert list(problems(world, owner)) == []
    assert len(owner.table("vetr_score_history")) > 10


def test_a_release_that_has_nothing_to_do_runs_as_the_role_too(database: str, owner: World) -> None:
    migrate_database(url_of(database, ROLE))


def test_the_role_may_do_no_more(database: str, owner: World) -> None:
    forbidden = (
        "DROP TABLE stocks",
        "ALTER TABLE cron_calls ADD COLUMN x int",
        "CREATE TABLE mine (x int)",
        "TRUNCATE cron_job_runs",
        "DELETE FROM stock_daily_prices",
        "DELETE FROM vetr_score_history",
        "DELETE FROM stocks",
        "UPDATE stocks SET price = 0",
        "UPDATE financial_data SET cash = 0",
        "INSERT INTO stocks (ticker, name, exchange, sector) VALUES ('X', 'X', 'X', 'X')",
        "SELECT * FROM users",
        "DELETE FROM red_flag_acknowledgments",
        "UPDATE cron_alembic_version SET version_num = ''",
    )
    with as_user(database, ROLE) as connection:
        for statement in forbidden:
            with pytest.raises(InsufficientPrivilege):
                connection.execute(statement.encode())


def test_without_any_one_of_its_rights_something_does_not_work(database: str, world: World, owner: World) -> None:
    with as_user(database, OWNER) as platform:
        rights = platform.execute(
            "SELECT privilege_type, table_name FROM information_schema.role_table_grants WHERE grantee = %s", [ROLE]
        ).fetchall()
        rights.append(("UPDATE (vetr_score)", "stocks"))
        needless = []
        for right, table in rights:
            platform.execute(f"REVOKE {right} ON {table} FROM {ROLE}".encode())
            if next(problems(world, owner), None) is None:
                needless.append((right, table))
            platform.execute(f"GRANT {right} ON {table} TO {ROLE}".encode())
    assert len(rights) > 35
    assert needless == []


def test_the_role_works_over_a_transaction_pooler(database: str, owner: World, redis_url: str) -> None:
    with (
        PgBouncer(url_of(database, ROLE), pool_size=2).running() as pooler,
        closing(World.make(pooler.url, redis_url)) as world,
    ):
        assert list(problems(world, owner)) == []
