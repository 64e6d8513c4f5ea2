"""How years of runs and results affect reading them, and a cycle."""

from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from time import perf_counter

import psycopg

from bench.filling import age
from bench.goals import Goal, spread
from bench.process import CyclingService, production
from bench.servers import Servers
from tests.e2e.web import Web, serving
from tests.world import World

SIZE = 1_300
YOUNG, OLD = (1_000, 0), (1_000_000, 1_539)  # runs, and cycles: 10 003 500 rows of red flags, 2 000 700 of scores
READS = 41
LOOKS = {
    "the newest score of a ticker": "SELECT * FROM vetr_score_history WHERE stock_ticker = %s"
    " ORDER BY calculated_at DESC LIMIT 1",
    "a ticker's flags of the last hour": "SELECT * FROM red_flag_history WHERE stock_ticker = %s"
    " AND detected_at >= (now() at time zone 'utc') - interval '1 hour'",
}
"""What a platform may query, with the indexes that it has."""


def of_the_history(servers: Servers, young: str, old: str) -> list[Goal]:
    """The same on two databases with the same stocks, one with a short history and one with a long history."""
    age(young, *YOUNG)
    age(old, *OLD)
    return [*_cycles(servers, young, old), *_reads(servers, young, old), *_looks(young, old)]


def _compared(what: str, limit: float, few: list[float], many: list[float]) -> Goal:
    seen = f"{spread(many, 0.001, 'ms')}; young {spread(few, 0.001, 'ms')}"
    return Goal(f"{what}, old history x young", limit, median(many) / median(few), seen)


def _reads(servers: Servers, young: str, old: str) -> Iterator[Goal]:
    with _web(servers, young) as web_of_young, _web(servers, old) as web_of_old:
        for path in ("status", "history"):
            few, many = [], []
            for _read in range(READS):
                few.append(_seconds(web_of_young, path))
                many.append(_seconds(web_of_old, path))
            yield _compared(f"/{path}", 1.2, few, many)


def _cycles(servers: Servers, young: str, old: str) -> Iterator[Goal]:
    of_young, of_old = (production(url, servers.redis.url) for url in (young, old))
    few, many = [], []
    with CyclingService(of_young) as service, CyclingService(of_old) as aged:
        for number in range(6):
            one, other = service.cycle(100).seconds, aged.cycle(100).seconds
            if number:
                few.append(one)
                many.append(other)
    yield _compared("a cycle, chunk 100", 1.2, few, many)


def _looks(young: str, old: str) -> Iterator[Goal]:
    with psycopg.connect(young) as one, psycopg.connect(old) as other:
        tickers = [row[0] for row in one.execute("SELECT ticker FROM stocks ORDER BY ticker LIMIT %s", [READS])]
        for what, statement in LOOKS.items():
            few: list[float] = []
            many: list[float] = []
            for ticker in tickers:
                for connection, seconds in ((one, few), (other, many)):
                    started = perf_counter()
                    connection.execute(statement, [ticker]).fetchall()
                    seconds.append(perf_counter() - started)
            yield _compared(f"the platform's query: {what}", 1.2, few, many)


@contextmanager
def _web(servers: Servers, database_url: str) -> Iterator[Web]:
    world = World.make(database_url, servers.redis.url)
    with serving(world) as web:
        yield web
    world.close()


def _seconds(web: Web, path: str) -> float:
    started = perf_counter()
    reply = web.call(f"/v1/cron/{path}")
    assert reply.status == 200, reply.body
    return perf_counter() - started
