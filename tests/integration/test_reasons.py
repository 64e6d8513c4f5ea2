"""Why stocks fail, as kinds that can be counted and asked for: beside each sentence, a reason without its values."""

from typing import Any

import pytest

from tests.integration.bare_stocks import add_stocks
from tests.integration.outcomes import FLAGS, SCORES
from tests.integration.replies import error_of
from tests.integration.unreadable import make_unreadable
from tests.world import World

PRICE, CASH = "stocks.price not finite", "financial_data.cash not finite"


def failures(world: World, query: str = "", job: str = "scores") -> Any:
    return world.data(f"failures?job={job}{query}")[job.replace("-", "_")]


def reasons(world: World, job: str = "scores") -> dict[str, str]:
    """The reason of each stock that fails, by ticker."""
    return {stock["ticker"]: stock["last_reason"] for stock in failures(world, job=job)["stocks"]}


@pytest.fixture
def tickers(world: World) -> list[str]:
    """Twelve stocks, of which five fail for their prices, the next three for their cash."""
    tickers = add_stocks(world, 12, unscorable=5)
    for number, stock in enumerate(sorted(world.table("stocks"), key=lambda row: row["ticker"])[5:8]):
        cash = float("inf") if number else float("-inf")
        world.add("financial_data", {"stock_id": stock["id"], "cash": cash, "monthly_burn": 1.0})
    world.call("scores?chunk_size=6&chunks=all")
    return tickers


def test_failures_of_a_kind_are_counted_as_one(world: World, tickers: list[str]) -> None:
    page = failures(world, "&limit=1")
    assert page["reasons"] == [{"reason": PRICE, "stocks": 5}, {"reason": CASH, "stocks": 3}]
    assert [(stock["ticker"], stock["last_reason"]) for stock in page["stocks"]] == [(tickers[0], PRICE)]


def test_the_stocks_of_a_kind_can_be_asked_for(world: World, tickers: list[str]) -> None:
    page = failures(world, f"&reason={CASH}&limit=2")
    assert [stock["ticker"] for stock in page["stocks"]] == tickers[5:7]
    assert {stock["last_error"] for stock in page["stocks"]} == {
        f"financial_data.cash is {sign}Infinity; a finite number is needed" for sign in ("", "-")
    }
    assert [count["stocks"] for count in page["reasons"]] == [5, 3]
    rest = failures(world, f"&reason={CASH}&limit=2&after={page['next_after']}")
    assert ([stock["ticker"] for stock in rest["stocks"]], rest["next_after"]) == (tickers[7:8], None)
    assert failures(world, "&reason=financial_data.cash")["stocks"] == []


def test_coverage_lists_the_stocks_of_a_kind(world: World, tickers: list[str]) -> None:
    page = world.data(f"coverage?job=scores&stocks=never&reason={PRICE}")["page"]
    assert [stock["ticker"] for stock in page["stocks"]] == tickers[:5]
    assert world.data(f"coverage?job=scores&stocks=fresh&reason={PRICE}")["page"]["stocks"] == []


def test_a_stock_that_works_again_has_no_reason(world: World, tickers: list[str]) -> None:
    world.execute("UPDATE stocks SET price = 1")
    world.data("scores?only=failed")
    assert failures(world)["reasons"] == [{"reason": CASH, "stocks": 3}]
    (state,) = [row for row in world.table("cron_stock_states") if row["ticker"] == tickers[0]]
    assert (state["last_error"], state["last_reason"]) == (None, None)


@pytest.mark.usefixtures("tickers")
def test_a_failure_that_an_older_release_recorded_has_none(world: World) -> None:
    world.execute("UPDATE cron_stock_states SET last_reason = NULL WHERE last_reason = :price", price=PRICE)
    assert failures(world)["reasons"] == [{"reason": None, "stocks": 5}, {"reason": CASH, "stocks": 3}]


@pytest.mark.usefixtures("tickers")
def test_the_command_shows_the_kinds_first(world: World) -> None:
    run = world.app.test_cli_runner().invoke
    lines = run(args=["cron", "failures", "--job", "scores"]).output.splitlines()
    assert [line.split(maxsplit=2) for line in lines[:3]] == [
        ["job", "stocks", "reason"],
        ["scores", "5", PRICE],
        ["scores", "3", CASH],
    ]
    chosen = run(args=["cron", "failures", "--job", "scores", "--reason", CASH]).output
    assert (chosen.count("is Infinity;"), chosen.count("stocks.price is")) == (2, 0)
    listed = run(args=["cron", "coverage", "--job", "scores", "--stocks", "never", "--reason", CASH]).output
    assert (listed.count("is Infinity;"), listed.count("stocks.price is")) == (2, 0)
    refused = run(args=["cron", "coverage", "--reason", CASH])
    assert (refused.exit_code, "--reason requires --stocks" in refused.output) == (2, True)


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("coverage?reason=x", "stocks"),
        ("coverage?job=scores&stocks=never&reason=", "reason"),
        ("failures?reason=%00", "reason"),
        (f"failures?reason={'x' * 501}", "reason"),
    ],
)
def test_what_is_no_reason_is_refused(sqlite_world: World, query: str, name: str) -> None:
    error = error_of(sqlite_world.call(query), 422, "VALIDATION_ERROR")
    assert [detail["parameter"] for detail in error["details"]] == [name]


def test_what_triggers_raise_has_a_reason_that_is_the_same_on_both_databases(world: World) -> None:
    tickers = add_stocks(world, 3)
    if world.database_url.startswith("postgresql"):
        world.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " RAISE EXCEPTION 'not %', NEW.stock_ticker; END $$"
        )
        does = "FOR EACH ROW EXECUTE FUNCTION refuse()"
    else:
        does = "BEGIN SELECT RAISE(ABORT, 'not this one'); END"
    world.execute(f"CREATE TRIGGER on_hold BEFORE INSERT ON red_flag_history {does}")
    assert world.data(FLAGS)["failed"] == 3
    assert reasons(world, FLAGS) == dict.fromkeys(tickers, "red_flag_history raise exception")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("ADD CONSTRAINT few CHECK (overall_score < 0)", "vetr_score_history.few check violation"),
        ("ADD COLUMN note text NOT NULL", "vetr_score_history.note not null violation"),
        ("ALTER COLUMN stock_ticker TYPE varchar(3)", "vetr_score_history.stock_ticker too long"),
        ("ALTER COLUMN overall_score TYPE numeric(1, 1)", "vetr_score_history numeric value out of range"),
    ],
)
def test_what_the_database_refuses_has_a_reason_that_names_the_place(
    postgres_world: World, change: str, reason: str
) -> None:
    tickers = add_stocks(postgres_world, 3)
    postgres_world.execute(f"ALTER TABLE vetr_score_history {change}")
    postgres_world.data(SCORES)
    assert reasons(postgres_world) == dict.fromkeys(tickers, reason)


def test_a_row_that_is_not_kept_and_a_ticker_that_exists_twice_have_reasons(postgres_world: World) -> None:
    world, tickers = postgres_world, add_stocks(postgres_world, 3)
    world.execute("CREATE RULE dropped AS ON INSERT TO red_flag_history DO INSTEAD NOTHING")
    world.execute("CREATE TABLE more_stocks () INHERITS (stocks)")
    world.execute("INSERT INTO more_stocks SELECT * FROM stocks WHERE ticker = :ticker", ticker=tickers[1])
    world.execute("UPDATE more_stocks SET id = gen_random_uuid()")
    world.data(FLAGS)
    kept = dict.fromkeys((tickers[0], tickers[2]), "red_flag_history not kept")
    assert reasons(world, FLAGS) == {**kept, tickers[1]: "stocks.ticker not unique"}


def test_inputs_that_cannot_be_read_have_a_reason(world: World) -> None:
    tickers = add_stocks(world, 3)
    make_unreadable(world, [tickers[1]])
    world.data("scores")
    kind = "division by zero" if world.database_url.startswith("postgresql") else "operational error"
    assert reasons(world) == {tickers[1]: f"inputs unreadable: {kind}"}
