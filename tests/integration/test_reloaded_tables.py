"""PostgreSQL: another program empties a table and fills it again while a call waits; nobody takes it for empty."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any, NamedTuple

import orjson
import psycopg
import pytest
from psycopg.sql import SQL, Identifier
from sqlalchemy.engine import make_url

from tests.integration.meddling import under_way, wait_until, waited_for_table
from tests.world import World
from vettr_cron.services.operate.cleanup import CleanupRequest, KeepDays

STOCKS = 40
INPUTS = (
    *("executives", "filings", "financial_data", "financial_summary", "short_interest"),
    *("analyst_consensus", "insider_transactions", "stock_daily_prices"),
)


class Reload(NamedTuple):
    """A reload under way: whether somebody waits for its table, and its end."""

    is_waited_for: Callable[[], bool]
    commit: Callable[[], None]


@contextmanager
def reloaded(world: World, table: str) -> Iterator[Reload]:
    """Empty the table and fill it again in one transaction, as a nightly load does; stocks, which others refer to, are
    rewritten."""
    with closing(psycopg.connect(world.database_url)) as loader, waited_for_table(world, table) as is_waited_for:
        if table == "stocks":
            loader.execute("ALTER TABLE stocks ALTER COLUMN vetr_score TYPE bigint")
        else:
            name = Identifier(table)
            loader.execute(SQL("CREATE TEMPORARY TABLE kept AS SELECT * FROM {}").format(name))
            loader.execute(SQL("TRUNCATE {}").format(name))
            loader.execute(SQL("INSERT INTO {} SELECT * FROM kept").format(name))
        yield Reload(is_waited_for, loader.commit)


def during_a_reload(world: World, table: str, call: Callable[[], Any]) -> Any:
    """What a call gives that comes to wait for the table, which is there again when the wait is over."""
    with reloaded(world, table) as reload:
        answer = under_way(call)
        wait_until(reload.is_waited_for)
        reload.commit()
        return answer.result()


def answers(world: World) -> dict[str, Any]:
    """What the last cycle came to for each stock, times apart."""
    found = {}
    for pattern in ("vetr_score:*", "red_flags:*"):
        for key in world.redis.scan_iter(pattern):
            answer = orjson.loads(world.redis.get(key) or "")
            found[key] = {name: answer[name] for name in answer.keys() - {"calculated_at", "detected_at"}}
    return found


def refresh_all(world: World) -> tuple[int, int]:
    """How many stocks a call from the start of the cycle to its end does, by job."""
    data = world.data(f"refresh-all?chunks=all&chunk_size={STOCKS // 2}")
    assert [data[job]["chunk_info"]["is_complete"] for job in ("scores", "red_flags")] == [True, True]
    return data["scores"]["succeeded"], data["red_flags"]["succeeded"]


@pytest.fixture
def refreshed(postgres_world: World) -> World:
    """A universe that was refreshed once."""
    postgres_world.generate(STOCKS)
    assert refresh_all(postgres_world) == (STOCKS, STOCKS)
    return postgres_world


@pytest.mark.parametrize("table", [*INPUTS, "stocks"])
def test_a_chunk_reads_what_was_loaded_while_it_waited(refreshed: World, table: str) -> None:
    before = answers(refreshed)
    assert during_a_reload(refreshed, table, lambda: refresh_all(refreshed)) == (STOCKS, STOCKS)
    assert answers(refreshed) == before


def test_a_universe_that_is_rewritten_between_two_chunks_ends_no_cycle(refreshed: World) -> None:
    refreshed.data(f"scores?chunk_size={STOCKS // 2}")
    rest = during_a_reload(refreshed, "stocks", lambda: refreshed.data(f"scores?chunks=all&chunk_size={STOCKS // 2}"))
    assert (rest["chunk_info"]["current_offset"], rest["succeeded"]) == (STOCKS // 2, STOCKS // 2)


@pytest.mark.parametrize(
    ("path", "seen"),
    [
        ("status", lambda data: data["total_stocks"]),
        ("coverage?max_age=1h", lambda data: data["jobs"]["scores"]["fresh"]),
        ("scores?dry_run=1&chunks=all", lambda data: data["stocks"]),
        ("scores?tickers=", lambda data: data["succeeded"]),
    ],
)
def test_readers_meanwhile_see_all_stocks(refreshed: World, path: str, seen: Callable[[Any], int]) -> None:
    if path.endswith("tickers="):
        path += ",".join(refreshed.tickers())
    assert seen(during_a_reload(refreshed, "stocks", lambda: refreshed.data(path))) == STOCKS


def test_an_offset_that_another_program_set_is_looked_up_after_the_wait(refreshed: World) -> None:
    refreshed.redis.set("cron:scores:offset", 10)
    rest = during_a_reload(refreshed, "stocks", lambda: refreshed.data("scores?chunks=all"))
    assert (rest["chunk_info"]["current_offset"], rest["succeeded"]) == (10, STOCKS - 10)


def test_a_cleanup_walks_over_what_was_loaded_while_it_waited(refreshed: World) -> None:
    refreshed.execute("UPDATE red_flag_history SET detected_at = detected_at - interval '1 year'")
    refresh_all(refreshed)
    flags = 5 * STOCKS

    def clean_up() -> dict[str, int]:
        request = CleanupRequest(keep=KeepDays(calls=400, runs=7, red_flags=30, snapshots=90), time_budget=None)
        return refreshed.services.cleanup.run(request).removed

    assert during_a_reload(refreshed, "red_flag_history", clean_up)["red_flags"] == flags
    assert len(refreshed.table("red_flag_history")) == flags


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
def test_every_transaction_says_its_level_itself(postgres_world: World, redis_url: str, level: str) -> None:
    name = make_url(postgres_world.database_url).database
    postgres_world.execute(f"ALTER DATABASE {name} SET default_transaction_isolation = '{level}'")
    world = World.make(postgres_world.database_url, redis_url)
    try:
        database = world.services.database
        for kind in (database.reading, database.index_reads, database.writing, database.saving, database.importing):
            with kind() as connection:
                shown = connection.exec_driver_sql("SHOW transaction_isolation").scalar_one()
            assert shown == "read committed"
        with database.engine.connect() as connection:
            assert connection.exec_driver_sql("SHOW transaction_isolation").scalar_one() == level
    finally:
        world.close()
