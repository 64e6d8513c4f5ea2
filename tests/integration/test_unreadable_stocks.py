"""A stock whose inputs the database cannot read fails alone, by name, and stops no cycle."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import uuid4

import pytest
from sqlalchemy import Connection, select

from tests.integration.bare_stocks import add_stocks
from tests.integration.meddling import refresh
from tests.integration.outcomes import FLAGS, SCORES, check_failures, make_older, results
from tests.integration.replies import error_of
from tests.integration.statements import recorded_statements
from tests.integration.unreadable import make_readable, make_unreadable
from tests.jobs import THE_TWO
from tests.world import World
from vettr_cron.domain.run import CallStatus, StopReason
from vettr_cron.jobs.job import Chunk
from vettr_cron.models.tables import stock_daily_prices, stocks
from vettr_cron.repositories.universe import Named, Selection, chosen_of, newest_of, read_page
from vettr_cron.services.clock import utc_now

SAYS = "the database cannot read its inputs: (division by zero|integer overflow)"


def statuses(world: World) -> list[tuple[int, str]]:
    """Where each run of the log began, and how it ended."""
    return sorted((row["chunk_offset"], row["status"]) for row in world.table("cron_job_runs"))


@pytest.mark.parametrize("places", [[0], [4, 5], [11], [0, 3, 6, 9, 11]])
@pytest.mark.parametrize("job", [SCORES, FLAGS])
def test_a_stock_that_cannot_be_read_fails_alone(world: World, job: str, places: Sequence[int]) -> None:
    tickers = add_stocks(world, 12)
    world.data("refresh-all")
    make_older(world)
    make_unreadable(world, [tickers[place] for place in places])
    before = results(world)
    result = world.data(job)
    check_failures(world, job, before, result, dict.fromkeys((tickers[place] for place in places), SAYS))
    assert result["chunk_info"]["is_complete"]
    assert [state["ticker"] for state in world.data(f"failures?job={job}")[THE_TWO[job].key]["stocks"]] == [
        tickers[place] for place in places
    ]


def test_a_cycle_of_several_chunks_does_all_others(world: World) -> None:
    tickers = add_stocks(world, 40)
    bad = [tickers[place] for place in (9, 10, 15, 29, 39)]  # at both ends of chunks, and within
    make_unreadable(world, bad)
    result = world.data("scores?chunk_size=10&chunks=all")
    assert (result["stop_reason"], result["chunks_run"], result["succeeded"]) == ("cycle_complete", 4, 35)
    assert [failure["ticker"] for failure in result["failures"]] == bad
    assert statuses(world) == [(offset, "completed") for offset in (0, 10, 20, 30)]


def test_the_cursor_moves_past_an_unreadable_stock_at_the_end_of_a_chunk(world: World) -> None:
    tickers = add_stocks(world, 12)
    make_unreadable(world, [tickers[4]])
    assert world.data("scores?chunk_size=5")["failed"] == 1
    assert world.redis.get("cron:scores:offset") == "5"
    following = world.data("scores?chunk_size=5")
    assert (following["chunk_info"]["current_offset"], following["succeeded"], following["failed"]) == (5, 5, 0)


def test_an_unreadable_stock_beyond_the_chunk_does_no_harm(world: World) -> None:
    tickers = add_stocks(world, 12)
    make_unreadable(world, [])
    world.data(f"scores?tickers={tickers[11]}")  # the first call on a database notes which it is, and takes a sample
    with recorded_statements(world) as without:
        world.data("scores?chunk_size=5")
    world.call("reset")
    world.execute("INSERT INTO unreadable VALUES (:ticker)", ticker=tickers[5])
    with recorded_statements(world) as beside:
        result = world.data("scores?chunk_size=5")
    assert (result["succeeded"], result["chunk_info"]["is_complete"]) == (5, False)
    assert len(beside) == len(without)


def test_few_statements_find_an_unreadable_stock(world: World) -> None:
    tickers = add_stocks(world, 100)
    make_unreadable(world, [])
    with recorded_statements(world) as without:
        world.data("red-flags")
    world.execute("INSERT INTO unreadable VALUES (:ticker)", ticker=tickers[61])
    with recorded_statements(world) as beside:
        assert world.data("red-flags")["failed"] == 1
    tables = 1 if world.database_url.startswith("postgresql") else 3  # statements that read a part
    assert len(beside) - len(without) < (2 * 7 + 1) * tables + 6


@pytest.mark.parametrize("count", [4, 12])
def test_if_no_stock_can_be_read_the_run_fails_and_the_cursor_stays(world: World, count: int) -> None:
    tickers = add_stocks(world, count)
    make_unreadable(world, tickers)
    error = error_of(world.call("scores"), 500, "JOB_FAILED")
    assert "None of these stocks can be read: " in error["message"]
    details = error["details"]
    assert (details["stop_reason"], details["stocks_processed"], details["failures"]) == ("error", 0, [])
    assert world.redis.get("cron:scores:offset") == "0"
    assert not world.table("cron_stock_states")
    make_readable(world)
    assert world.data("scores")["succeeded"] == count


def test_many_stocks_of_which_none_can_be_read_are_not_passed(world: World) -> None:
    tickers = add_stocks(world, 15)
    make_unreadable(world, tickers[:10])
    error_of(world.call("scores?chunk_size=10"), 500, "JOB_FAILED")
    assert world.redis.get("cron:scores:offset") == "0"


def test_a_last_chunk_of_one_unreadable_stock_does_not_stop_the_cycle(world: World) -> None:
    tickers = add_stocks(world, 11)
    make_unreadable(world, [tickers[0], tickers[10]])
    result = world.data("scores?chunk_size=10&chunks=all")
    assert (result["stop_reason"], result["succeeded"], result["failed"]) == ("cycle_complete", 9, 2)
    assert result["chunk_info"]["is_complete"]


def test_a_stock_that_is_asked_for_by_name_fails_by_name(world: World) -> None:
    tickers = add_stocks(world, 5)
    make_unreadable(world, [tickers[2]])
    for query in (f"tickers={tickers[2]}", "only=failed"):
        result = world.data(f"scores?{query}")
        assert [failure["ticker"] for failure in result["failures"]] == [tickers[2]]
        assert result["stop_reason"] == "stocks_done"
    make_readable(world)
    assert world.data("scores?only=failed")["succeeded"] == 1


@pytest.mark.parametrize("sqlstate", ["21000", "22003", "22P02", "23514", "54000", "P0001", "P0002", "P0004"])
def test_what_the_data_can_cause_is_its_stocks_own(postgres_world: World, sqlstate: str) -> None:
    tickers = add_stocks(postgres_world, 5)
    make_unreadable(postgres_world, [tickers[1]], sqlstate)
    result = postgres_world.data("scores")
    (failure,) = result["failures"]
    says = "the database cannot read its inputs: this stock is locked"
    assert (failure, result["succeeded"]) == ({"ticker": tickers[1], "error": says}, 4)


@pytest.mark.parametrize(
    ("sqlstate", "says"),
    [
        ("08006", "The database does not answer"),
        ("25006", "The database is read-only"),
        ("40001", "The database cancelled the transaction in favour of another"),
        ("42501", "The user in DATABASE_URL lacks a privilege that the service needs"),
        ("53200", "The database reports an error: out of memory (SQLSTATE 53200)"),
        ("55006", "The database reports an error: object in use (SQLSTATE 55006)"),
        ("57014", "The database did not answer in time"),
        ("58030", "The database reports an error: io error (SQLSTATE 58030)"),
        ("XX001", "The database is damaged"),
    ],
)
def test_what_the_server_causes_is_no_stocks_own(postgres_world: World, sqlstate: str, says: str) -> None:
    world, tickers = postgres_world, add_stocks(postgres_world, 8)
    make_unreadable(world, [tickers[1]], sqlstate)
    with recorded_statements(world) as statements:
        error = error_of(world.call("scores"), 500, "JOB_FAILED")
    assert error["details"]["error"] == says
    assert (error["details"]["stocks_processed"], world.redis.get("cron:scores:offset")) == (0, "0")
    reads = [statement for statement in statements if "years_at_company" in statement]
    assert len(reads) == (4 if sqlstate in ("08006", "40001") else 1)  # as often as anything transient is tried


@pytest.mark.own_job
def test_a_date_that_the_driver_cannot_convert_fails_its_stock_alone(world: World) -> None:
    tickers, job = add_stocks(world, 4), THE_TWO["scores"]
    for stock in world.table("stocks"):
        row = {"id": uuid4(), "stock_id": stock["id"], "ticker": stock["ticker"], "date": utc_now().date()}
        world.add("stock_daily_prices", row)
    strange = "infinity" if world.database_url.startswith("postgresql") else "some day"
    world.execute(f"UPDATE stock_daily_prices SET date = '{strange}' WHERE ticker = '{tickers[2]}'")
    newest = newest_of(stock_daily_prices, stock_daily_prices.c.date)

    def load(connection: Connection, selection: Selection, now: datetime) -> Chunk:
        chosen = chosen_of(select(stocks.c.id, stocks.c.ticker, newest), selection.scope)
        assert all(day for _id, _ticker, day in read_page(connection, chosen, selection).rows)
        return job.load(connection, selection, now)

    result = refresh(world, replace(job, load=load), chunk_size=3, chunks=None)
    (failure,) = result.failures
    assert (failure.ticker, result.succeeded) == (tickers[2], 3)
    assert strange in failure.error


@pytest.mark.own_job
def test_halving_asks_whether_there_is_time_and_leaves_the_rest_for_the_next_call(world: World) -> None:
    tickers, job, parts = add_stocks(world, 16), THE_TWO["scores"], []

    def load(connection: Connection, selection: Selection, now: datetime) -> Chunk:
        chunk = job.load(connection, selection, now)
        if isinstance(selection, Named):
            parts.append(len(selection.tickers))
        if len(parts) == 2:
            world.services.shutdown.ask()
        if tickers[12] in [item.ticker for item in chunk.items]:
            raise ValueError("there is no such number")
        return chunk

    result = refresh(world, replace(job, load=load))
    assert parts == [8, 8]
    assert (result.status, result.stop_reason, result.succeeded) == (CallStatus.COMPLETED, StopReason.SHUTDOWN, 8)
    assert world.redis.get("cron:scores:offset") == "8"


@pytest.mark.own_job
def test_a_shutdown_before_anything_could_be_read_is_a_stop_and_no_end_of_the_cycle(world: World) -> None:
    add_stocks(world, 4)

    def load(_connection: Connection, _selection: Selection, _now: datetime) -> Chunk:
        world.services.shutdown.ask()
        raise ValueError("there is no such number")

    result = refresh(world, replace(THE_TWO["scores"], load=load))
    assert (result.status, result.stop_reason, result.is_complete) == (CallStatus.COMPLETED, StopReason.SHUTDOWN, False)
    assert world.redis.get("cron:scores:offset") == "0"


def test_the_doctor_calls_it_a_problem_only_if_no_stock_can_be_read(world: World) -> None:
    tickers = add_stocks(world, 3)
    make_unreadable(world, [tickers[0]])

    def found() -> str:
        (check,) = [check for check in world.services.doctor.examine().checks if check.name == "universe"]
        return check.found

    assert found() == "3 stocks"
    for ticker in tickers[1:]:
        world.execute("INSERT INTO unreadable VALUES (:ticker)", ticker=ticker)
    assert "None of these stocks can be read: " in found()
