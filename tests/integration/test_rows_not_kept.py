"""What the database takes without a word and does not keep fails its stock; what only seems so does not."""

from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from tests.integration.bare_stocks import add_stocks
from tests.integration.csv_imports import NINE, contents, import_files, refusal
from tests.integration.meddling import at_stock, refresh, under_way, wait_until
from tests.integration.outcomes import FLAGS, SCORES, check_failures, make_older, results
from tests.integration.statements import MOST_STATEMENTS_A_CHUNK, STATEMENTS_A_SAMPLE, recorded_statements
from tests.jobs import THE_TWO
from tests.world import World

TABLES = [
    (SCORES, "vetr_score_history"),
    (SCORES, "vetr_score_snapshots"),
    (SCORES, "stocks"),
    (FLAGS, "red_flag_history"),
]
DASHED = "6F9619FF-8B86-D011-B42D-00CF4FC964FF"


def drop_writes(world: World, table: str, tickers: list[str]) -> None:
    """From now on a trigger of the database drops what is written of these stocks, and says nothing."""
    event, column = ("UPDATE", "ticker") if table == "stocks" else ("INSERT", "stock_ticker")
    chosen = ", ".join(f"'{ticker}'" for ticker in tickers)
    if world.database_url.startswith("postgresql"):
        world.execute("CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$")
        world.execute(
            f"CREATE TRIGGER dropped BEFORE {event} ON {table} FOR EACH ROW"
            f" WHEN (NEW.{column} IN ({chosen})) EXECUTE FUNCTION nothing()"
        )
    else:
        world.execute(
            f"CREATE TRIGGER dropped BEFORE {event} ON {table} WHEN NEW.{column} IN ({chosen})"
            " BEGIN SELECT RAISE(IGNORE); END"
        )


@pytest.mark.parametrize(("job", "table"), TABLES, ids=[table for _, table in TABLES])
def test_a_stock_whose_rows_are_not_kept_fails_and_keeps_what_it_had(world: World, job: str, table: str) -> None:
    tickers = world.generate(8)
    world.data("refresh-all?chunks=all")
    make_older(world)
    world.execute("DELETE FROM vetr_score_snapshots")
    lost = [tickers[2], tickers[5]]
    drop_writes(world, table, lost)
    before = results(world)
    says = rf"{table}: the database accepted the row but did not keep it; check its triggers and row security"
    check_failures(world, job, before, world.data(job), dict.fromkeys(lost, says))


@pytest.mark.parametrize("table", ["vetr_score_snapshots", "stocks"])
def test_a_row_that_was_there_before_is_not_taken_for_the_new_one(world: World, table: str) -> None:
    tickers = world.generate(5)
    world.data("scores?chunks=all")
    make_older(world)
    if world.database_url.startswith("postgresql"):
        world.execute("CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$")
        world.execute(f"CREATE TRIGGER dropped BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION nothing()")
    else:
        world.execute(f"CREATE TRIGGER dropped BEFORE UPDATE ON {table} BEGIN SELECT RAISE(IGNORE); END")
    before = results(world)
    data = world.data("scores?chunks=all")
    assert (data["succeeded"], [failure["ticker"] for failure in data["failures"]]) == (0, tickers)
    assert results(world) == before


@pytest.mark.parametrize("table", ["executives", "stock_daily_prices", "stocks", "financial_data"])
def test_an_import_whose_rows_are_not_kept_says_so(world: World, tmp_path: Path, table: str) -> None:
    if world.database_url.startswith("postgresql"):
        world.execute("CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$")
        world.execute(f"CREATE TRIGGER dropped BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION nothing()")
    else:
        world.execute(f"CREATE TRIGGER dropped BEFORE INSERT ON {table} BEGIN SELECT RAISE(IGNORE); END")
    message = refusal(import_files(world, tmp_path, NINE))
    assert f"{table}: the database accepted the row but did not keep it" in message
    assert "nothing was written" in message
    assert not any(contents(world).values())


def test_a_universe_of_which_nothing_is_kept_takes_no_statement_a_stock(world: World) -> None:
    drop_writes(world, "stocks", add_stocks(world, 100))
    with recorded_statements(world) as statements:
        response = world.call("scores")
    details = response.get_json()["error"]["details"]
    assert (response.status_code, details["succeeded"], details["failed"]) == (500, 0, 100)
    assert not world.table("vetr_score_history")
    assert not world.table("vetr_score_snapshots")
    assert len(statements) <= MOST_STATEMENTS_A_CHUNK + STATEMENTS_A_SAMPLE


def test_rows_that_go_to_a_partition_by_inheritance_are_kept(postgres_world: World) -> None:
    tickers = postgres_world.generate(8)
    postgres_world.execute("CREATE TABLE history_of_now () INHERITS (vetr_score_history)")
    postgres_world.execute(
        "CREATE FUNCTION redirect() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " INSERT INTO history_of_now VALUES (NEW.*); RETURN NULL; END $$"
    )
    postgres_world.execute(
        "CREATE TRIGGER redirected BEFORE INSERT ON vetr_score_history FOR EACH ROW EXECUTE FUNCTION redirect()"
    )
    data = postgres_world.data("scores?chunks=all")
    assert (data["succeeded"], data["failures"]) == (8, [])
    assert sorted(row["stock_ticker"] for row in postgres_world.table("vetr_score_history")) == tickers


@pytest.mark.parametrize("rule", ["DO ALSO INSERT INTO audit VALUES (NEW.ticker)", "DO INSTEAD NOTHING"])
def test_rules_of_the_database_fail_only_the_stocks_they_refuse(postgres_world: World, rule: str) -> None:
    postgres_world.generate(12)
    postgres_world.execute("CREATE TABLE audit (ticker text)")
    postgres_world.execute(f"CREATE RULE noted AS ON UPDATE TO stocks {rule}")
    response = postgres_world.call("scores?chunks=all")
    if rule.startswith("DO ALSO"):
        assert response.get_json()["data"]["succeeded"] == 12
    else:
        assert response.get_json()["error"]["details"]["failed"] == 12


def test_a_score_that_another_program_writes_at_the_same_moment_is_there(postgres_world: World) -> None:
    world = postgres_world
    first, *_ = world.generate(5)
    world.data("scores?chunks=all")
    (score,) = [row["vetr_score"] for row in world.table("stocks") if row["ticker"] == first]
    world.execute("UPDATE stocks SET vetr_score = -7")
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    with psycopg.connect(world.database_url) as other, psycopg.connect(world.database_url, autocommit=True) as seer:
        other.execute("UPDATE stocks SET vetr_score = %s WHERE ticker = %s", [score, first])
        answer = under_way(lambda: world.data("scores?chunks=all"))
        wait_until(lambda: (seer.execute(waiting).fetchone() or [0])[0])
        other.commit()
        data = answer.result()
    assert (data["succeeded"], data["failures"]) == (5, [])


def test_a_stock_removed_meanwhile_is_not_a_failure(world: World) -> None:
    tickers = world.generate(5)
    job = at_stock(
        THE_TWO[SCORES], 3, lambda: world.execute("DELETE FROM stocks WHERE ticker = :ticker", ticker=tickers[1])
    )
    result = refresh(world, job)
    assert (result.succeeded, result.failed) == (5, 0)


def test_ids_in_another_programs_notation_are_kept(sqlite_world: World) -> None:
    world = sqlite_world
    add_stocks(world, 3)
    for ticker, stock_id in (("T7", DASHED), ("T8", DASHED.lower().replace("6f96", "7f96")), ("T9", "17")):
        world.execute(
            "INSERT INTO stocks (id, ticker, name, exchange, sector) VALUES (:id, :ticker, 'N', 'X', 'Gold')",
            id=stock_id,
            ticker=ticker,
        )
    world.execute(
        "INSERT INTO executives (id, stock_id, name, title, years_at_company) VALUES (:id, :stock, 'A', 'CEO', 20)",
        id=uuid4().hex,
        stock=DASHED,
    )
    for job in (SCORES, FLAGS):
        for _ in range(2):
            data = world.data(f"{job}?chunks=all")
            assert [data["succeeded"], data["failures"]] == [
                5,
                [{"ticker": "T9", "error": "stocks.id is '17'; a UUID is needed"}],
            ]
    scores = {row["ticker"]: row["vetr_score"] for row in world.rows("SELECT ticker, vetr_score FROM stocks")}
    assert [ticker for ticker, score in scores.items() if score is None] == ["T9"]
    pedigrees = {row["stock_ticker"]: row["pedigree_sub_score"] for row in world.table("vetr_score_history")}
    assert pedigrees["T7"] > pedigrees["T8"]  # its executive is found


def test_runs_of_one_moment_with_ids_of_every_kind_are_cleaned_up(sqlite_world: World) -> None:
    for stood in ("17", DASHED, DASHED.lower().replace("-", "").replace("6", "7")):
        sqlite_world.execute(
            "INSERT INTO cron_job_runs (id, job_name, status, started_at)"
            " VALUES (:id, 'refresh-scores', 'failed', '2020-01-01 00:00:00.000000')",
            id=stood,
        )
    assert sqlite_world.data("cleanup")["runs_removed"] == 2


def test_runs_whose_ids_are_none_of_ours_are_shown_as_they_stand(sqlite_world: World) -> None:
    for stood in ("17", DASHED):
        sqlite_world.execute(
            "INSERT INTO cron_job_runs (id, job_name, status, chunk_offset)"
            " VALUES (:id, 'refresh-scores', 'completed', 0)",
            id=stood,
        )
    runs = sqlite_world.data("history")["runs"]
    assert sorted(run["id"] for run in runs) == ["17", DASHED]
    assert sqlite_world.data("status")["jobs"]["scores"]["last_run"]["id"] in ("17", DASHED)
    assert sqlite_world.data(f"runs/{DASHED}")["id"] == DASHED
    assert sqlite_world.call(f"history?before={DASHED}").status_code == 200
