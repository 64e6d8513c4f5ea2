"""The database, its migration and its connections."""

from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest
from sqlalchemy.engine import make_url

from tests.integration.doctor.examinations import OK, PROBLEM, WARNING, assert_found, examined, on_settings
from tests.world import World, migrate_database


def test_a_database_that_may_only_be_read(healthy_on_postgres: World) -> None:
    name = make_url(healthy_on_postgres.database_url).database
    healthy_on_postgres.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    with closing(World.make(healthy_on_postgres.database_url, healthy_on_postgres.redis_url)) as world:
        assert_found(world, "database", PROBLEM, "The database is read-only", "primary")


@pytest.fixture
def as_reader(healthy_on_postgres: World) -> Iterator[World]:
    """The same service as a user who may write down runs, but no result, and remove nothing."""
    url = make_url(healthy_on_postgres.database_url).set(username="reader").render_as_string()
    with psycopg.connect(healthy_on_postgres.database_url, autocommit=True) as owner:
        owner.execute("CREATE ROLE reader LOGIN")
        owner.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
        owner.execute(
            "GRANT INSERT, UPDATE ON cron_job_runs, cron_stock_states, cron_pauses, cron_marks, cron_calls, "
            "cron_samples, stocks TO reader"
        )
        with closing(World.make(url, healthy_on_postgres.redis_url)) as reading:
            yield reading
        owner.execute("DROP OWNED BY reader")
        owner.execute("DROP ROLE reader")


def test_a_user_who_may_not_write(as_reader: World) -> None:
    tables = "may not read or write red_flag_history, vetr_score_history, vetr_score_snapshots"
    assert_found(as_reader, "database", PROBLEM, tables, "GRANT SELECT, INSERT, UPDATE")


def test_a_user_who_may_not_remove_what_is_old(healthy_on_postgres: World, as_reader: World) -> None:
    healthy_on_postgres.execute("GRANT INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO reader")
    healthy_on_postgres.execute("GRANT DELETE ON red_flag_history TO reader")
    found = "Cleanup fails: the user in DATABASE_URL may not delete rows from cron_calls, cron_job_runs, cron_samples"
    fix = "GRANT DELETE on cron_calls, cron_job_runs, cron_samples, vetr_score_snapshots to"
    assert_found(as_reader, "database", WARNING, found, fix)
    healthy_on_postgres.execute(
        "GRANT DELETE ON cron_calls, cron_job_runs, cron_samples, vetr_score_snapshots TO reader"
    )
    assert examined(as_reader)["database"]["state"] == OK


def test_a_sqlite_file_without_wal(healthy: World) -> None:
    connection = healthy.services.database.engine.raw_connection()
    connection.cursor().execute("PRAGMA journal_mode=DELETE")
    connection.close()  # back to the pool, which hands it out again
    assert_found(healthy, "database", WARNING, "The journal mode is delete, not WAL", "local disk")


def test_sqlite_in_production(healthy: World) -> None:
    with closing(on_settings(healthy, app_env="production")) as world:
        assert_found(world, "database", WARNING, "SQLite is for one machine only", "PostgreSQL")


def test_a_database_without_tables(database_url: str, redis_url: str) -> None:
    with closing(World.make(database_url, redis_url)) as world:
        checks = examined(world)
        assert checks["database"]["state"] == OK
        assert (checks["migration"]["state"], checks["migration"]["mend"]) == (
            PROBLEM,
            "Run `flask --app wsgi db upgrade`.",
        )
        assert "db upgrade" in checks["universe"]["found"]
    migrate_database(database_url)
    with closing(World.make(database_url, redis_url)) as world:
        assert examined(world)["migration"]["state"] == OK


def test_a_database_of_an_older_release(healthy: World) -> None:
    healthy.execute("UPDATE cron_alembic_version SET version_num = '2026_11_23_tables'")
    assert_found(healthy, "migration", PROBLEM, "Not all migrations of this release have run", "db upgrade")


def test_a_database_that_a_newer_release_has_migrated_is_a_warning(healthy: World) -> None:
    healthy.execute("UPDATE cron_alembic_version SET version_num = '2099_01_01_next'")
    assert_found(healthy, "migration", WARNING, "A newer release than this one has migrated", "Deploy that release")


def test_more_processes_than_the_database_lets_in(healthy_on_postgres: World) -> None:
    limit = int(healthy_on_postgres.rows("SHOW max_connections")[0]["max_connections"]) - 3
    most = (limit - 2) // 8
    with with_processes(healthy_on_postgres, most) as world:
        assert examined(world)["connections"]["state"] == OK
    with with_processes(healthy_on_postgres, limit // 8 + 1) as world:
        assert_found(world, "connections", PROBLEM, f"allows {limit}", f"WEB_CONCURRENCY to {most},")
    with with_processes(healthy_on_postgres, 100) as world:
        assert_found(world, "connections", PROBLEM, "may open 802", "WEB_CONCURRENCY to")


def with_processes(world: World, number: int) -> closing[World]:
    """The same service with so many worker processes."""
    return closing(World.make(world.database_url, world.redis_url, web_concurrency=number))


def test_a_database_with_a_limit_of_its_own(healthy_on_postgres: World) -> None:
    name = make_url(healthy_on_postgres.database_url).database
    healthy_on_postgres.execute(f'ALTER DATABASE "{name}" CONNECTION LIMIT 17')
    assert_found(healthy_on_postgres, "connections", WARNING, "allows 17", "WEB_CONCURRENCY to 1,")
