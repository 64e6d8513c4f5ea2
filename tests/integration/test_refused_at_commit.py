"""PostgreSQL: what is checked only at the commit fails the stock that it is about, and no other."""

from pathlib import Path

import pytest

from tests.integration.bare_stocks import add_stocks
from tests.integration.csv_imports import NINE, contents, import_files, refusal
from tests.integration.outcomes import FLAGS, SCORES, check_failures, make_older, results
from tests.integration.replies import error_of
from tests.integration.statements import MOST_STATEMENTS_A_CHUNK, recorded_statements
from tests.world import World
from vettr_cron.services.refresh.saving import MOST_HALVINGS

RAISE = "RAISE EXCEPTION '% is on hold', NEW.stock_ticker"
NEEDS_A_SNAPSHOT = (
    "IF NOT EXISTS (SELECT FROM vetr_score_snapshots AS s WHERE s.stock_ticker = NEW.stock_ticker"
    " AND s.overall_score = NEW.overall_score) THEN RAISE EXCEPTION 'no snapshot of %', NEW.stock_ticker; END IF"
)


@pytest.fixture
def world(postgres_world: World) -> World:
    """A universe that was refreshed once."""
    postgres_world.generate(9)
    postgres_world.data("refresh-all?chunks=all")
    make_older(postgres_world)
    return postgres_world


def check_at_commit(world: World, table: str, name: str, what: str, condition: str = "") -> None:
    """From now on a constraint trigger judges each new row when its transaction is committed."""
    world.execute(f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {what}; RETURN NEW; END $$")
    world.execute(
        f"CREATE CONSTRAINT TRIGGER {name} AFTER INSERT ON {table} DEFERRABLE INITIALLY DEFERRED"
        f" FOR EACH ROW {condition} EXECUTE FUNCTION {name}()"
    )


@pytest.mark.parametrize(("job", "table"), [(SCORES, "vetr_score_history"), (FLAGS, "red_flag_history")])
def test_a_stock_that_is_refused_at_the_commit_fails_alone(world: World, job: str, table: str) -> None:
    refused = world.tickers()[4]
    check_at_commit(world, table, "on_hold", RAISE, f"WHEN (NEW.stock_ticker = '{refused}')")
    before = results(world)
    says = rf"(red_flag_history: |vetr_score_history: )?the database refuses the row: {refused} is on hold"
    check_failures(world, job, before, world.data(job), {refused: says})


def test_a_deferred_foreign_key_names_the_stock_that_it_refuses(world: World) -> None:
    refused = world.tickers()[4]
    world.execute("CREATE TABLE known (ticker varchar(20) PRIMARY KEY)")
    world.execute("INSERT INTO known SELECT ticker FROM stocks")
    world.execute("DELETE FROM known WHERE ticker = :ticker", ticker=refused)
    world.execute("DELETE FROM vetr_score_history WHERE stock_ticker = :ticker", ticker=refused)
    world.execute(
        "ALTER TABLE vetr_score_history ADD FOREIGN KEY (stock_ticker) REFERENCES known (ticker)"
        " DEFERRABLE INITIALLY DEFERRED"
    )
    data = world.data(SCORES)
    (failure,) = data["failures"]
    assert (data["succeeded"], failure["ticker"]) == (8, refused)
    assert failure["error"].startswith("vetr_score_history: the database refuses the row: ")
    assert f"(Key (stock_ticker)=({refused}) is not present in" in failure["error"]


def test_what_holds_only_once_all_rows_are_there_refuses_nobody(world: World) -> None:
    refused = world.tickers()[4]
    check_at_commit(world, "vetr_score_history", "needs_a_snapshot", NEEDS_A_SNAPSHOT)
    check_at_commit(world, "vetr_score_history", "on_hold", RAISE, f"WHEN (NEW.stock_ticker = '{refused}')")
    before = results(world)
    says = rf"(vetr_score_history: )?the database refuses the row: {refused} is on hold"
    check_failures(world, SCORES, before, world.data(SCORES), {refused: says})


@pytest.mark.parametrize("job", [SCORES, FLAGS])
@pytest.mark.parametrize("chunk_size", [100, 5, 1])
@pytest.mark.parametrize("times", [2, 3])
def test_a_ticker_that_is_there_more_than_once_fails_by_name(
    world: World, job: str, chunk_size: int, times: int
) -> None:
    twice = world.tickers()[4]
    for number in range(1, times):
        world.execute(f"CREATE TABLE more_stocks_{number} () INHERITS (stocks)")
        world.execute(f"INSERT INTO more_stocks_{number} SELECT * FROM ONLY stocks WHERE ticker = :t", t=twice)
        world.execute(f"UPDATE more_stocks_{number} SET id = gen_random_uuid()")
    data = world.data(f"{job}?chunks=all&chunk_size={chunk_size}")
    assert (data["succeeded"], {failure["ticker"] for failure in data["failures"]}) == (8, {twice})
    assert data["failures"][0]["error"].startswith(f"stocks.ticker exists {times} times; one row is needed")
    (state,) = world.rows("SELECT ticker, consecutive_failures FROM cron_stock_states WHERE last_error IS NOT NULL")
    assert (state["ticker"], state["consecutive_failures"]) == (twice, 1)


@pytest.mark.parametrize("chunk_size", [100, 9, 5, 1])
def test_two_rows_of_a_table_that_has_one_a_stock_fail_that_stock(world: World, chunk_size: int) -> None:
    twice = world.tickers()[4]
    world.execute("ALTER TABLE financial_data DROP CONSTRAINT financial_data_stock_id_key")
    world.execute(
        "INSERT INTO financial_data (stock_id, cash) SELECT id, 1 FROM stocks WHERE ticker = :ticker", ticker=twice
    )
    data = world.data(f"scores?chunks=all&chunk_size={chunk_size}")
    assert (data["succeeded"], {failure["ticker"] for failure in data["failures"]}) == (8, {twice})
    assert data["chunk_info"]["is_complete"]


def test_a_whole_group_that_is_refused_takes_few_statements_a_stock(postgres_world: World) -> None:
    world = postgres_world
    add_stocks(world, 200)
    check_at_commit(world, "vetr_score_history", "on_hold", RAISE)
    with recorded_statements(world) as statements:
        details = error_of(world.call("scores?chunk_size=200"), 500, "JOB_FAILED")["details"]
    assert (details["failed"], len(details["failures"])) == (200, 200)
    assert world.redis.get("cron:scores:offset") == "0"  # the cycle went on to its end
    # A savepoint, four writes and a look at one, the check and the way back: for each stock alone and the parts before.
    assert len(statements) <= 8 * (200 + 2 * MOST_HALVINGS) + MOST_STATEMENTS_A_CHUNK


def test_few_stocks_that_are_refused_among_many_are_found_by_halves(postgres_world: World) -> None:
    world = postgres_world
    tickers = add_stocks(world, 400)
    refused = [tickers[7], tickers[255], tickers[399]]
    condition = f"WHEN (NEW.stock_ticker IN ('{refused[0]}', '{refused[1]}', '{refused[2]}'))"
    check_at_commit(world, "vetr_score_history", "on_hold", RAISE, condition)
    with recorded_statements(world) as statements:
        data = world.data("scores?chunk_size=400")
    assert (data["succeeded"], [failure["ticker"] for failure in data["failures"]]) == (397, refused)
    assert len(statements) <= 8 * 60 + MOST_STATEMENTS_A_CHUNK


def test_how_a_stock_fared_that_may_not_be_written_fails_that_stock(world: World) -> None:
    refused = world.tickers()[4]
    world.execute(f"ALTER TABLE cron_stock_states ADD CONSTRAINT on_hold CHECK (ticker <> '{refused}') NOT VALID")
    data = world.data("scores?chunks=all")
    assert (data["succeeded"], [failure["ticker"] for failure in data["failures"]]) == (8, [refused])
    assert data["chunk_info"]["is_complete"]


def test_an_import_refused_at_the_commit_writes_nothing(postgres_world: World, tmp_path: Path) -> None:
    postgres_world.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'on hold'; END $$"
    )
    postgres_world.execute(
        "CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON executives DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION refuse()"
    )
    message = refusal(import_files(postgres_world, tmp_path, NINE))
    assert "the database refuses the row: on hold; nothing was written" in message
    assert not any(contents(postgres_world).values())


@pytest.mark.parametrize("when", ["DEFERRABLE INITIALLY DEFERRED", "NOT DEFERRABLE"])
def test_a_cleanup_that_the_database_refuses_says_why(world: World, when: str) -> None:
    world.execute("UPDATE red_flag_history SET detected_at = '2020-01-01'")
    world.data("red-flags?chunks=all")
    world.execute("CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'kept by law'; END $$")
    world.execute(
        f"CREATE CONSTRAINT TRIGGER keep AFTER DELETE ON red_flag_history {when} FOR EACH ROW EXECUTE FUNCTION keep()"
    )
    error = error_of(world.call("cleanup"), 503, "SERVICE_UNAVAILABLE")
    assert "the database refuses the row: kept by law" in error["message"]
