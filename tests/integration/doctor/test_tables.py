"""Tables that are not as this release needs them: each column is named, and `db upgrade` warns of it."""

from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from tests.integration.commands import DONE, FAILED, run
from tests.integration.doctor.examinations import OK, PROBLEM, WARNING, examined
from tests.world import World

SCHEMA = Path(__file__).parents[2] / "platform_schema.sql"


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("ALTER cron_job_runs ALTER id DROP DEFAULT, ALTER id TYPE bigint USING 0", "id is of type bigint, and must"),
        ("ALTER cron_job_runs ADD host text NOT NULL", "host must not be null and has no default"),
        ("ALTER cron_job_runs DROP duration_ms", "duration_ms is missing"),
        ("ALTER cron_job_runs DROP CONSTRAINT cron_job_runs_pkey", "cron_job_runs has no unique key on id"),
        ("ALTER cron_stock_states DROP CONSTRAINT cron_stock_states_pkey", "no unique key on job, ticker"),
        ("ALTER cron_job_runs DROP chunk_size, ADD chunk_size int GENERATED ALWAYS AS (1) STORED", "generated"),
        ("ALTER vetr_score_history ALTER calculated_at TYPE text", "calculated_at is of type text, and must be"),
        ("ALTER vetr_score_history ALTER z_score TYPE int", "z_score is of type integer, and must be double precision"),
        ("ALTER red_flag_history ALTER severity TYPE level USING 'High'", "severity is of type enum, and must be text"),
        ("ALTER stocks ALTER market_cap TYPE text", "market_cap is of type text, and must be double precision"),
        ("ALTER stocks ALTER ticker TYPE citext", "stocks.ticker is of type citext, and must be text"),
        ("ALTER stock_daily_prices DROP close", "stock_daily_prices.close is missing"),
        ("DROP short_interest", "short_interest is missing"),
    ],
)  # fmt: skip
def test_a_table_that_calls_cannot_use(healthy_on_postgres: World, statement: str, words: str) -> None:
    word, rest = statement.split(" ", 1)
    healthy_on_postgres.execute("TRUNCATE cron_job_runs")
    healthy_on_postgres.execute("CREATE TYPE level AS ENUM ('High')")
    healthy_on_postgres.execute("CREATE EXTENSION citext")
    healthy_on_postgres.execute(f"{word} TABLE {rest}")
    check = examined(healthy_on_postgres)["tables"]
    assert check["state"] == PROBLEM
    assert words in check["found"]
    upgraded = run(healthy_on_postgres, "db", "upgrade")
    assert upgraded.exit_code == DONE
    assert upgraded.stderr.startswith("Warning: ")
    assert words in upgraded.stderr


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER stocks ADD notes text NOT NULL DEFAULT ''",
        "ALTER executives DROP specialization",  # which no call reads
        "ALTER financial_data ALTER cash TYPE numeric, ALTER shares_current TYPE numeric",
        "ALTER stocks ALTER sector TYPE level USING 'High'",
        "ALTER cron_job_runs ALTER started_at TYPE timestamptz, ADD host text",
        "ALTER cron_job_runs ALTER stocks_processed TYPE bigint",
        "ALTER filings ALTER title TYPE short",
    ],
)
def test_a_table_that_calls_can_use(healthy_on_postgres: World, statement: str) -> None:
    word, rest = statement.split(" ", 1)
    healthy_on_postgres.execute("CREATE TYPE level AS ENUM ('High')")
    healthy_on_postgres.execute("CREATE DOMAIN short AS varchar(500)")
    healthy_on_postgres.execute(f"{word} TABLE {rest}")
    assert examined(healthy_on_postgres)["tables"]["state"] == OK
    assert healthy_on_postgres.data("refresh-all")["scores"]["failed"] == 0


def test_tables_in_different_schemas(healthy_on_postgres: World) -> None:
    name = healthy_on_postgres.rows("SELECT current_database() AS name")[0]["name"]
    healthy_on_postgres.execute("CREATE SCHEMA app")
    healthy_on_postgres.execute("ALTER TABLE stocks SET SCHEMA app")
    healthy_on_postgres.execute(f'ALTER DATABASE "{name}" SET search_path = public, app')
    with closing(World.make(healthy_on_postgres.database_url, healthy_on_postgres.redis_url)) as world:
        check = examined(world)["tables"]
    assert check["state"] == WARNING
    assert "in different schemas (app: stocks; public: analyst_consensus, cron_calls, cron_job_runs" in check["found"]


def test_a_file_that_lacks_a_column(healthy: World) -> None:
    healthy.execute("ALTER TABLE cron_job_runs RENAME COLUMN duration_ms TO took")
    assert examined(healthy)["tables"]["found"] == "cron_job_runs.duration_ms is missing"


def test_the_platforms_own_tables(postgres_url: str, redis_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        connection.execute(SCHEMA.read_bytes())
    with closing(World.make(postgres_url, redis_url)) as world:
        upgraded = run(world, "db", "upgrade")
        assert (upgraded.exit_code, upgraded.stderr) == (DONE, "")
        assert examined(world)["tables"]["state"] == OK


def test_a_call_that_lacks_a_column_leads_to_the_doctor(healthy_on_postgres: World) -> None:
    healthy_on_postgres.execute("ALTER TABLE cron_job_runs DROP duration_ms")
    done = run(healthy_on_postgres, "cron", "status")
    assert done.exit_code == FAILED
    assert "lacks a column of this release" in done.stderr
    assert "cron doctor" in done.stderr
