"""What cannot be converted is a stock's own fault, what cannot be asked is not; and what is said of each."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest
from sqlalchemy import Connection

from tests.integration.bare_stocks import add_stocks
from tests.integration.meddling import refresh
from tests.integration.replies import error_of
from tests.integration.unreadable import make_unreadable
from tests.jobs import THE_TWO
from tests.world import World
from vettr_cron.domain.run import CallStatus, StopReason
from vettr_cron.jobs.job import Chunk, Job
from vettr_cron.repositories.universe import Named, Selection


def reading(fail: Callable[[list[str], Selection], object]) -> Job:
    """The scores job, which may fail for what it has just read."""
    job = THE_TWO["scores"]

    def load(connection: Connection, selection: Selection, now: datetime) -> Chunk:
        chunk = job.load(connection, selection, now)
        fail([item.ticker for item in chunk.items], selection)
        return chunk

    return replace(job, load=load)


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (ValueError("there is no such day"), "there is no such day"),
        (TypeError("this is no text"), "this is no text"),
        (OverflowError("it is too large"), "it is too large"),
        (RecursionError("it is too deep"), "it is too deep"),
        (ValueError(), "ValueError"),
        (ValueError("the first line\nand more"), "the first line"),
        (ValueError("x" * 200), "x" * 200),
        (ValueError("x" * 201), "x" * 200 + "..."),
    ],
    ids=lambda value: None if isinstance(value, Exception) else value[:20],
)
def test_whatever_cannot_be_converted_fails_its_stock_alone(sqlite_world: World, error: Exception, says: str) -> None:
    tickers = add_stocks(sqlite_world, 5)

    def fail(read: list[str], _selection: Selection) -> None:
        if tickers[3] in read:
            raise error

    result = refresh(sqlite_world, reading(fail))
    (failure,) = result.failures
    assert (failure.ticker, failure.error) == (tickers[3], f"the database cannot read its inputs: {says}")
    assert (result.status, result.succeeded) == (CallStatus.COMPLETED, 4)


def test_an_empty_universe_has_no_stock_that_could_not_be_read(sqlite_world: World) -> None:
    def fail(_read: list[str], _selection: Selection) -> None:
        raise ValueError("there is no such day")

    result = refresh(sqlite_world, reading(fail))
    assert (result.status, result.stop_reason, result.error) == (
        CallStatus.COMPLETED,
        StopReason.CYCLE_COMPLETE,
        None,
    )
    assert "there are no stocks" in (result.warning or "")


def test_few_stocks_are_passed_if_one_of_as_many_others_as_usual_can_be_read(world: World) -> None:
    tickers = add_stocks(world, 20)
    make_unreadable(world, tickers[:18])  # the chunk's nine, and the first nine others
    result = world.data("scores?chunk_size=9")
    assert (result["failed"], result["succeeded"], world.redis.get("cron:scores:offset")) == (9, 0, "9")
    assert result["status"] == "completed"


@pytest.mark.own_job
def test_a_stock_that_is_removed_meanwhile_does_not_show_that_others_can_be_read(world: World) -> None:
    tickers = add_stocks(world, 3)

    def fail(read: list[str], _selection: Selection) -> None:
        if tickers[0] in read:
            raise ValueError("there is no such day")

    def load(connection: Connection, selection: Selection, now: datetime) -> Chunk:
        if selection == Named([tickers[1]]):
            with world.write() as other:
                other.exec_driver_sql("DELETE FROM stocks WHERE ticker <> 'T00000'")
        return job.load(connection, selection, now)

    job = reading(fail)
    result = refresh(world, replace(job, load=load), chunk_size=1)
    assert (result.status, result.failures) == (CallStatus.FAILED, ())
    assert "None of these stocks can be read: there is no such day" in (result.error or "")
    assert world.redis.get("cron:scores:offset") == "0"


def test_nothing_more_is_read_once_the_process_is_asked_to_stop(sqlite_world: World) -> None:
    tickers, read = add_stocks(sqlite_world, 12), []

    def fail(found: list[str], selection: Selection) -> None:
        read.append(found)
        if selection == Named([tickers[0]]):
            sqlite_world.services.shutdown.ask()
        raise ValueError("there is no such day")

    result = refresh(sqlite_world, reading(fail), chunk_size=1)
    assert read == [[tickers[0]], [tickers[0]]]  # the chunk, and its stock alone; none of the others
    assert (result.stocks_processed, sqlite_world.redis.get("cron:scores:offset")) == (0, "0")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("ALTER TABLE executives RENAME COLUMN years_at_company TO years", "no such column"),
        ("ALTER TABLE vetr_score_history RENAME COLUMN overall_score TO score", "has no column named overall_score"),
        (
            "CREATE TRIGGER strange BEFORE INSERT ON vetr_score_history BEGIN"
            " INSERT INTO cron_marks SELECT ticker, ticker FROM stocks AS one, stocks AS other; END",
            "ambiguous column name: ticker",
        ),
    ],
)
def test_a_statement_that_sqlite_does_not_understand_is_no_stocks_fault(
    sqlite_world: World, change: str, says: str
) -> None:
    add_stocks(sqlite_world, 4)
    sqlite_world.execute(change)
    details = error_of(sqlite_world.call("scores"), 500, "JOB_FAILED")["details"]
    assert details["error"].startswith("The database reports an error: ")
    assert says in details["error"]
    assert (details["stocks_processed"], details["failures"]) == (0, [])
    assert sqlite_world.redis.get("cron:scores:offset") == "0"


def test_tickers_that_cannot_be_read_fail_the_run_in_the_databases_words(postgres_world: World) -> None:
    world = postgres_world
    add_stocks(world, 3)
    columns = [name for name in world.table("stocks")[0] if name != "ticker"]
    world.execute("ALTER TABLE stocks RENAME TO real_stocks")
    world.execute(
        f"CREATE VIEW stocks AS SELECT {', '.join(columns)},"
        " CAST(1 / (length(ticker) - length(ticker)) AS varchar) AS ticker FROM real_stocks"
    )
    details = error_of(world.call("scores"), 500, "JOB_FAILED")["details"]
    assert (details["error"], details["failures"]) == ("division by zero", [])
