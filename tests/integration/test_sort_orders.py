"""A database may sort tickers by the rules of a language: the universe's order is the database's, whatever it is."""

from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest

from tests.integration.bare_stocks import INFINITY
from tests.jobs import THE_TWO
from tests.servers.postgres_server import PostgresServer
from tests.world import World, migrate_database

LOCALES = {
    "en-US": "capitals and punctuation count last",
    "en-US-u-kn-true": "digits are read as numbers",
    "en-US-u-ka-shifted": "punctuation is ignored, unless nothing else differs",
}
TICKERS = [
    *("BRK.A", "BRK-B", "BRKA", "BRKB", "BRK A", "brk.a", "BRK-A"),
    *("a", "A", "b", "B", "Ä", "ä", "AE", "Æ", "z", "Z", "Å"),
    *("A10", "A9", "A09", "A-9", "10", "9", "1"),
    *("\u00e9", "e\u0301", "e", "ß", "ss", "SS", "-", "."),  # one letter in two ways of writing it
]
FAILING = ["BRK.A", "BRK-A", "Ä", "e\u0301", "A09", "."]  # in the scores; in the flags nobody fails
ROWS = {"scores": ("vetr_score_history", 1), "red-flags": ("red_flag_history", 5)}

per_job = pytest.mark.parametrize("job", list(THE_TWO))


@pytest.fixture(scope="module", params=list(LOCALES))
def sorted_url(request: pytest.FixtureRequest, postgres_server: PostgresServer) -> Iterator[str]:
    """A database at the newest migration that sorts by the rules of a locale."""
    url = postgres_server.create_sorted_database(request.param)
    migrate_database(url)
    yield url
    postgres_server.drop_database(url)


@pytest.fixture
def world(sorted_url: str, postgres_server: PostgresServer, redis_url: str) -> Iterator[World]:
    """A service on a copy of it, with stocks whose order is not that of their bytes."""
    url = postgres_server.create_database(template=sorted_url)
    world = World.make(url, redis_url)
    world.add("stocks", *map(stock, TICKERS))
    assert world.tickers() != sorted(TICKERS)
    yield world
    world.close()
    postgres_server.drop_database(url)


def stock(ticker: str) -> dict[str, Any]:
    price = INFINITY if ticker in FAILING else 1.5
    known = {"name": ticker, "exchange": "TSX", "sector": "Mining", "price": price, "market_cap": 1e6}
    return {"id": uuid4(), "ticker": ticker, **known}


def in_order(world: World, tickers: list[str]) -> list[str]:
    return [ticker for ticker in world.tickers() if ticker in tickers]


def cycle(world: World, job: str) -> list[str]:
    """Call until the cycle is complete, three stocks a call; the tickers that each call said it would take."""
    taken: list[str] = []
    for _ in range(len(TICKERS)):
        taken += world.data(f"{job}?chunk_size=3&dry_run=1")["tickers"]
        if world.data(f"{job}?chunk_size=3")["chunk_info"]["is_complete"]:
            return taken
    raise AssertionError("the cycle does not end")


def results(world: World, job: str) -> Counter[str]:
    return Counter(row["stock_ticker"] for row in world.table(ROWS[job][0]))


def listed(world: World, path: str, page_of: Any) -> list[str]:
    """The tickers of all pages, two stocks a page."""
    found: list[str] = []
    after = ""
    for _ in range(len(TICKERS)):
        page = page_of(world.data(f"{path}&limit=2{after}"))
        found += [stock["ticker"] for stock in page["stocks"]]
        if page["next_after"] is None:
            return found
        after = f"&after={quote(page['next_after'])}"
    raise AssertionError("the pages do not end")


@per_job
def test_a_cycle_of_many_calls_follows_the_databases_order(world: World, job: str) -> None:
    assert cycle(world, job) == world.tickers()
    assert_each_was_done_once(world, job)


@per_job
def test_a_cycle_of_one_call_does_each_stock_once(world: World, job: str) -> None:
    world.data(f"{job}?chunk_size=3&chunks=all")
    assert_each_was_done_once(world, job)


def assert_each_was_done_once(world: World, job: str) -> None:
    done = [ticker for ticker in TICKERS if job != "scores" or ticker not in FAILING]
    assert results(world, job) == dict.fromkeys(done, ROWS[job][1])
    counts = world.data("coverage")["jobs"][THE_TWO[job].key]
    assert (counts["fresh"], counts["never"]) == (len(done), len(TICKERS) - len(done))
    assert [run["stocks_processed"] for run in world.table("cron_job_runs")] == [3] * (len(TICKERS) // 3)


def test_pages_list_each_stock_once(world: World) -> None:
    for freshness in ("never", "fresh"):
        path = f"coverage?job=red-flags&stocks={freshness}"
        assert listed(world, path, lambda data: data["page"]) == world.tickers()
        world.data("refresh-all?chunks=all")
    failures = listed(world, "failures?job=scores", lambda data: data["scores"])
    assert failures == in_order(world, FAILING)


def test_named_and_failed_stocks_are_done_each_once(world: World) -> None:
    named = [ticker for ticker in TICKERS if ticker not in FAILING]
    done = world.data(f"scores?chunk_size=3&tickers={quote(','.join(reversed(named)))}")
    assert (done["stop_reason"], done["succeeded"]) == ("stocks_done", len(named))
    assert results(world, "scores") == dict.fromkeys(named, 1)
    cycle(world, "scores")
    world.execute("UPDATE stocks SET price = 1.5")
    again = world.data("scores?chunk_size=4&only=failed")
    assert (again["stop_reason"], again["succeeded"], again["failed"]) == ("stocks_done", len(FAILING), 0)
    assert results(world, "scores") == {**dict.fromkeys(named, 2), **dict.fromkeys(FAILING, 1)}


@per_job
def test_an_offset_of_another_program_is_a_rank_in_the_databases_order(world: World, job: str) -> None:
    tickers = world.tickers()
    for rank in range(1, len(tickers)):
        world.redis.delete(f"cron:{job}:position")
        world.redis.set(f"cron:{job}:offset", rank)
        preview = world.data(f"{job}?chunk_size=3&dry_run=1")
        assert preview["tickers"] == tickers[rank : rank + 3]
    world.redis.set(f"cron:{job}:offset", 7)
    world.data(f"{job}?chunk_size=3")
    assert {row["ticker"] for row in world.table("cron_stock_states")} == set(tickers[7:10])
    assert world.redis.hget(f"cron:{job}:position", "ticker") == tickers[9]
