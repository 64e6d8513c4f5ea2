"""Columns of other types: what is computed from them, and every time, is as from the types of the contract."""

from contextlib import closing

from sqlalchemy.engine import make_url

from tests.world import World
from vettr_cron.services.clock import utc_now

OTHER_TYPES = """
CREATE EXTENSION citext;
CREATE TYPE sector AS ENUM ({sectors});
ALTER TABLE stocks ALTER sector TYPE sector USING sector::sector,
    ALTER market_cap TYPE numeric, ALTER price TYPE numeric;
ALTER TABLE executives ALTER education TYPE citext, ALTER years_at_company TYPE numeric;
ALTER TABLE filings ALTER title TYPE citext, ALTER summary TYPE citext,
    ALTER date TYPE timestamptz USING date AT TIME ZONE 'UTC';
ALTER TABLE insider_transactions ALTER transaction_text TYPE citext, ALTER value TYPE numeric,
    ALTER transaction_date TYPE timestamptz USING transaction_date AT TIME ZONE 'UTC';
ALTER TABLE financial_data ALTER cash TYPE numeric, ALTER revenue TYPE numeric, ALTER shares_current TYPE numeric;
ALTER TABLE stock_daily_prices ALTER close TYPE numeric, ALTER high TYPE numeric, ALTER low TYPE numeric;
ALTER TABLE cron_job_runs ALTER started_at TYPE timestamptz, ALTER completed_at TYPE timestamptz;
ALTER TABLE cron_stock_states ALTER last_refreshed_at TYPE timestamptz;
ALTER TABLE vetr_score_history ALTER calculated_at TYPE timestamptz;
ALTER TABLE red_flag_history ALTER detected_at TYPE timestamptz;
ALTER DATABASE "{database}" SET timezone = 'Asia/Kolkata';
ALTER DATABASE "{database}" SET array_nulls = off
"""
SCORES = "SELECT * FROM vetr_score_history ORDER BY stock_ticker"
FLAGS = "SELECT * FROM red_flag_history ORDER BY stock_ticker, flag_type"
WHEN = ("id", "calculated_at", "detected_at")


def test_results_do_not_depend_on_the_types(postgres_world: World) -> None:
    postgres_world.generate(30)
    before = results_of(postgres_world)
    sectors = {row["sector"] for row in postgres_world.rows("SELECT sector FROM stocks")}
    database = make_url(postgres_world.database_url).database
    quoted = ", ".join(f"'{sector}'" for sector in sectors)
    for statement in OTHER_TYPES.format(sectors=quoted, database=database).split(";"):
        postgres_world.execute(statement)
    with closing(World.make(postgres_world.database_url, postgres_world.redis_url)) as world:
        assert results_of(world) == before
        runs = world.data("history")["runs"]
        assert [run["status"] for run in runs] == ["completed"] * 4
        now = utc_now()
        for row in (*world.rows(SCORES), *world.rows(FLAGS)):
            at = row.get("calculated_at") or row["detected_at"]
            assert abs((now - at).total_seconds()) < 60
        assert world.data("coverage")["jobs"]["scores"]["fresh"] == 30


def results_of(world: World) -> list[object]:
    world.execute("TRUNCATE vetr_score_history, red_flag_history")
    done = world.data("refresh-all?chunks=all")
    assert (done["scores"]["succeeded"], done["red_flags"]["succeeded"]) == (30, 30)
    rows = [*world.rows(SCORES), *world.rows(FLAGS)]
    return [{name: value for name, value in row.items() if name not in WHEN} for row in rows]
