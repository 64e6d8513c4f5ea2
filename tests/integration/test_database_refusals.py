"""What the database refuses for one stock's sake fails that stock alone; what it refuses otherwise fails the group."""

from collections.abc import Sequence

import pytest

from tests.integration.outcomes import FLAGS, SCORES, check_failures, make_older, results
from tests.world import World

TABLES = [
    (SCORES, "vetr_score_history"),
    (SCORES, "vetr_score_snapshots"),
    (SCORES, "stocks"),
    (FLAGS, "red_flag_history"),
]


def _refreshed(world: World, count: int) -> list[str]:
    """The tickers of stocks that have results already."""
    tickers = world.generate(count)
    world.data("refresh-all?chunks=all")
    make_older(world)
    return tickers


def _raise(world: World, table: str, tickers: Sequence[str], sqlstate: str) -> None:
    """From now on PostgreSQL answers with this error when a row of one of these stocks is written."""
    column = "ticker" if table == "stocks" else "stock_ticker"
    chosen = ", ".join(f"'{ticker}'" for ticker in tickers)
    world.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" RAISE EXCEPTION '% is on hold', NEW.{column} USING ERRCODE = '{sqlstate}'; END $$"
    )
    world.execute(
        f"CREATE TRIGGER on_hold BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW"
        f" WHEN (NEW.{column} IN ({chosen})) EXECUTE FUNCTION refuse()"
    )


def _refuse(world: World, table: str, tickers: Sequence[str]) -> None:
    """From now on the database refuses every row of these stocks."""
    if world.database_url.startswith("postgresql"):
        column = "ticker" if table == "stocks" else "stock_ticker"
        chosen = ", ".join(f"'{ticker}'" for ticker in tickers)
        kept = "vetr_score < 0 OR " if table == "stocks" else ""
        world.execute(f"ALTER TABLE {table} ADD CONSTRAINT on_hold CHECK ({kept}{column} NOT IN ({chosen})) NOT VALID")
        return
    for number, ticker in enumerate(tickers):
        event, column = ("UPDATE", "ticker") if table == "stocks" else ("INSERT", "stock_ticker")
        world.execute(
            f"CREATE TRIGGER on_hold_{number} BEFORE {event} ON {table} WHEN NEW.{column} = '{ticker}'"
            " BEGIN SELECT RAISE(ABORT, 'this ticker is on_hold'); END"
        )


@pytest.mark.parametrize(("job", "table"), TABLES, ids=[table for _, table in TABLES])
def test_stocks_that_the_database_refuses_fail_alone(world: World, job: str, table: str) -> None:
    tickers = _refreshed(world, 8)
    refused = [tickers[2], tickers[5]]
    _refuse(world, table, refused)
    before = results(world)
    says = rf"{table}: the database refuses the row: .*on_hold.*"
    check_failures(world, job, before, world.data(job), dict.fromkeys(refused, says))
    assert world.redis.get(f"cron:{job}:offset") == "0"


@pytest.mark.parametrize("sqlstate", ["22003", "22P02", "23502", "23505", "21000", "44000", "54000", "P0001", "P0004"])
def test_every_error_about_a_rows_content_fails_its_stock_alone(postgres_world: World, sqlstate: str) -> None:
    tickers = _refreshed(postgres_world, 3)
    _raise(postgres_world, "red_flag_history", [tickers[0]], sqlstate)
    before = results(postgres_world)
    says = rf"red_flag_history: the database refuses the row: {tickers[0]} is on hold"
    check_failures(postgres_world, FLAGS, before, postgres_world.data(FLAGS), {tickers[0]: says})


def test_a_calculation_of_a_trigger_that_fails_for_a_row_fails_its_stock_alone(sqlite_world: World) -> None:
    tickers = _refreshed(sqlite_world, 3)
    sqlite_world.execute(
        f"CREATE TRIGGER on_hold BEFORE INSERT ON red_flag_history WHEN NEW.stock_ticker = '{tickers[0]}'"
        " BEGIN SELECT abs(-9223372036854775807 - 1); END"
    )
    before = results(sqlite_world)
    says = "red_flag_history: the database refuses the row: integer overflow"
    check_failures(sqlite_world, FLAGS, before, sqlite_world.data(FLAGS), {tickers[0]: says})


def test_a_row_that_stands_in_the_way_is_named(postgres_world: World) -> None:
    tickers = _refreshed(postgres_world, 3)
    postgres_world.execute("CREATE UNIQUE INDEX one_score_each ON vetr_score_history (stock_ticker)")
    postgres_world.execute("DELETE FROM vetr_score_history WHERE stock_ticker <> :ticker", ticker=tickers[1])
    before = results(postgres_world)
    says = (
        r"vetr_score_history: the database refuses the row: .*one_score_each.*"
        rf"\(Key \(stock_ticker\)=\({tickers[1]}\) already exists\.\)"
    )
    check_failures(postgres_world, SCORES, before, postgres_world.data(SCORES), {tickers[1]: says})


def test_a_ticker_that_is_too_long_for_the_platforms_column_fails_there(postgres_world: World) -> None:
    tickers = _refreshed(postgres_world, 4)
    postgres_world.execute("ALTER TABLE red_flag_history ALTER COLUMN stock_ticker TYPE varchar(10)")
    postgres_world.execute("UPDATE stocks SET ticker = 'ELEVENCHARS' WHERE ticker = :ticker", ticker=tickers[1])
    postgres_world.execute("UPDATE stocks SET ticker = 'TENCHARS.V' WHERE ticker = :ticker", ticker=tickers[2])
    before = results(postgres_world)
    says = r"red_flag_history\.stock_ticker takes at most 10 characters; 'ELEVENCHARS' has 11"
    check_failures(postgres_world, FLAGS, before, postgres_world.data(FLAGS), {"ELEVENCHARS": says})
    assert postgres_world.data(SCORES)["failed"] == 0


def test_a_whole_chunk_that_is_refused_is_a_failed_run_that_moves_on(world: World) -> None:
    tickers = _refreshed(world, 12)
    _refuse(world, "red_flag_history", tickers[:10])
    before = results(world)
    response = world.call("red-flags?chunk_size=10")
    assert response.status_code == 500
    result = response.get_json()["error"]["details"]
    assert (result["status"], result["failed"], result["succeeded"]) == ("failed", 10, 0)
    assert results(world) == before
    assert world.redis.get("cron:red-flags:offset") == "10"
    assert world.data("red-flags?chunk_size=10")["succeeded"] == 2


@pytest.mark.parametrize(
    ("sqlstate", "job", "table"),
    [
        ("40001", SCORES, "vetr_score_snapshots"),
        ("XX000", SCORES, "vetr_score_history"),
        ("XX000", FLAGS, "red_flag_history"),
        ("53100", FLAGS, "red_flag_history"),
    ],
)
def test_any_other_error_fails_the_group_and_the_cursor_stays(
    postgres_world: World, sqlstate: str, job: str, table: str
) -> None:
    world = postgres_world
    tickers = _refreshed(world, 12)
    world.data(f"{job}?chunk_size=5")
    _raise(world, table, [tickers[7]], sqlstate)
    before = results(world)
    response = world.call(f"{job}?chunk_size=5")
    assert response.status_code == 500
    assert "on hold" not in response.get_data(as_text=True)
    assert results(world) == before
    assert world.redis.get(f"cron:{job}:offset") == "5"
    (run,) = world.data(f"history?limit=1&job={job}")["runs"]
    assert (run["status"], run["stocks_processed"], run["failed_count"], run["failures"]) == ("failed", 0, 0, None)
    assert run["error_message"]
    assert run["completed_at"]

    world.execute(f"DROP TRIGGER on_hold ON {table}")
    rest = world.data(f"{job}?chunks=all")
    assert (rest["chunk_info"]["current_offset"], rest["succeeded"]) == (5, 7)


def test_a_refused_stock_is_written_as_soon_as_the_reason_is_gone(postgres_world: World) -> None:
    tickers = _refreshed(postgres_world, 3)
    _refuse(postgres_world, "vetr_score_history", [tickers[0]])
    assert postgres_world.data(SCORES)["failed"] == 1
    postgres_world.execute("ALTER TABLE vetr_score_history DROP CONSTRAINT on_hold")
    assert postgres_world.data(SCORES)["failed"] == 0
