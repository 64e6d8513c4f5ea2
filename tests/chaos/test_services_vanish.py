"""Redis and PostgreSQL vanish, stall, stutter and come back at random points of calls, round after round."""

import json
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from tests.chaos.proxy import Proxy, postgres_proxy, redis_proxy
from tests.chaos.rounds import ROUNDS, SEED
from tests.integration.bare_stocks import add_stocks
from tests.integration.meddling import under_way, wait_until
from tests.jobs import THE_TWO
from tests.world import World
from tests.written_rows import ANSWERS, TABLES, TIMES, row_ids, stock_ids
from vettr_cron.domain.timestamps import iso_milliseconds
from vettr_cron.redis_store.leases import lease_key

STOCKS = 48
TERM = 3.0
LONGEST_CALL = 40.0  # seconds, over both jobs and with a server that says nothing

# What goes by in a call of few chunks: a fault falls anywhere in it, and now and then behind its end.
BYTES = {"redis": 90_000, "postgres": 180_000}
REQUESTS = {"redis": 20, "postgres": 110}
DELAYS = (0.05, 0.3, 2.5)
FAULTS: dict[str, Callable[[Proxy, float], object]] = {
    "refuse": lambda proxy, _delay: proxy.refuse(),
    "cut": lambda proxy, _delay: proxy.cut(),
    "delay": lambda proxy, delay: proxy.delay(delay),
    "stall": lambda proxy, _delay: proxy.stall(),
}


@dataclass(slots=True)
class Arena:
    """A service whose ways to its servers are proxies, what is there without them, and what was learned so far."""

    world: World
    direct: World
    proxies: dict[str, Proxy]
    stocks: dict[str, UUID]
    cycles: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in THE_TWO})
    finished: dict[str, set[str]] = field(default_factory=lambda: {name: set() for name in THE_TWO})
    faults: Counter[str] = field(default_factory=Counter)
    replies: Counter[str] = field(default_factory=Counter)

    def heal(self) -> None:
        for proxy in self.proxies.values():
            proxy.heal()


@pytest.fixture
def arena(migrated_postgres_url: str, redis_url: str) -> Iterator[Arena]:
    postgres, database_over = postgres_proxy(migrated_postgres_url)
    redis, redis_over = redis_proxy(redis_url)
    world = World.make(database_over, redis_over, cron_lease_seconds=TERM, cron_time_budget_seconds=6)
    direct = World.make(migrated_postgres_url, redis_url)
    add_stocks(direct, STOCKS)
    with postgres, redis:
        yield Arena(world, direct, {"postgres": postgres, "redis": redis}, stock_ids(direct))
    world.close()
    direct.close()


@pytest.mark.chaos
def test_services_vanish_and_return(arena: Arena) -> None:
    print(f"CHAOS_SEED={SEED}: {ROUNDS} rounds")
    for number in range(ROUNDS):
        try:
            play(arena, random.Random(f"{SEED}/{number}"))
        except Exception as violation:
            raise AssertionError(f"round {number} of CHAOS_SEED={SEED}; faults so far: {arena.faults}") from violation
    assert sum(arena.faults.values()) >= ROUNDS // 2, "most faults never came to act"
    faults = ", ".join(f"{kind} {count}" for kind, count in sorted(arena.faults.items()))
    print(f"rounds: {ROUNDS}; faults: {faults}; replies: {dict(arena.replies)}; violations: 0")


def play(arena: Arena, random: random.Random) -> None:
    """A call with a fault in it, healed while it runs or afterwards; then a call without; then every promise."""
    forget_old_cycles(arena)
    known = set(runs(arena))
    call = strike(arena, random)
    if random.random() < 0.6:
        wait_until(lambda: call.done() or not any(proxy.armed for proxy in arena.proxies.values()), LONGEST_CALL)
        wait([call], timeout=random.choice([0, 0.1, 0.5, 2]))  # how long the fault lasts
        arena.heal()
    learn(arena, call.result(LONGEST_CALL), known)
    arena.heal()
    known = set(runs(arena))
    size, chunks = random.choice([7, 20, 100]), random.choice(["1", "all"])
    learn(arena, undisturbed(arena, f"refresh-all?chunk_size={size}&chunks={chunks}"), known)
    assert not [run for run in runs(arena).values() if run["status"] == "running"]
    for name in THE_TWO:
        check_rows(arena, name)
        check_runs(arena, name)
        check_answers(arena, name)
    check_status_and_history(arena)


def undisturbed(arena: Arena, path: str) -> Any:
    """The next call, which works; a lease that could not be given back, or was taken late, ends with its term."""
    for _attempt in range(3):
        wait_until(lambda: not arena.direct.redis.exists(*map(lease_key, THE_TWO)))
        reply = arena.world.call(path)
        assert reply.status_code == 200, reply.get_data(as_text=True)
        if "skipped" not in [result["status"] for result in results_of(reply).values()]:
            return reply
    raise AssertionError("the lease of nobody does not end")


def strike(arena: Arena, random: random.Random) -> "Future[Any]":
    """A call under way, and a fault that waits for it."""
    service, fault, delay = random.choice(list(arena.proxies)), random.choice(list(FAULTS)), random.choice(DELAYS)
    proxy = arena.proxies[service]

    def act() -> None:
        arena.faults[f"{service} {fault}"] += 1
        FAULTS[fault](proxy, delay)

    if random.random() < 0.5:
        proxy.after_bytes(random.randrange(BYTES[service]), act)
    else:
        proxy.when(b"", act, random.randint(1, REQUESTS[service]))
    size = random.choice([5, 11, 16, 30])
    return under_way(lambda: arena.world.call(f"refresh-all?chunk_size={size}&chunks=all"))


def learn(arena: Arena, reply: Any, known: set[UUID]) -> None:
    """A reply is one of few, and what it says is so."""
    arena.replies[str(reply.status_code)] += 1
    body = reply.get_json()
    assert reply.status_code in (200, 500, 503), body
    assert body["success"] == (reply.status_code == 200)
    if not body["success"]:
        assert body["error"]["code"] in ("JOB_FAILED", "SERVICE_UNAVAILABLE"), body
    new = [run for key, run in runs(arena).items() if key not in known]
    for name, result in results_of(reply).items():
        learn_result(arena, name, result, [run for run in new if run["job_name"] == THE_TWO[name].run_name])


def results_of(reply: Any) -> dict[str, Any]:
    """Each job's result, of a success or of a failure."""
    body = reply.get_json()
    results = body["data"] if body["success"] else body["error"]["details"]
    return {name: results[job.key] for name, job in THE_TWO.items()}


def learn_result(arena: Arena, name: str, result: Any, new_runs: list[Any]) -> None:
    if result["cycle_id"]:
        arena.cycles[name].append(result["cycle_id"])
    if result["chunk_info"]["is_complete"]:
        arena.finished[name].add(result["cycle_id"])
    assert result["status"] in ("completed", "failed")
    assert (result["status"] == "failed") == ("error" in result)
    assert result["stocks_processed"] == result["succeeded"] + result["failed"]
    written = sum(run["stocks_processed"] for run in new_runs)
    if result["status"] == "completed":
        assert (written, {run["status"] for run in new_runs} - {"completed"}) == (result["stocks_processed"], set())
    else:
        # A group whose commit was made, and its answer lost, is more than the caller could know of.
        assert result["stocks_processed"] <= written


def check_rows(arena: Arena, name: str) -> None:
    """Every row belongs to a cycle that was told of; a finished cycle has every stock once, each with all its rows."""
    written = Counter(row["id"] for row in arena.direct.table(TABLES[name]))
    assert set(written.values()) <= {1}
    expected = {
        cycle: [row_ids(name, cycle, stock) for stock in arena.stocks.values()] for cycle in set(arena.cycles[name])
    }
    assert written.keys() <= {row for stocks in expected.values() for rows in stocks for row in rows}
    for cycle, stocks in expected.items():
        for rows in stocks:
            found = len(rows & written.keys())
            assert found == len(rows) or (found == 0 and cycle not in arena.finished[name])


def check_runs(arena: Arena, name: str) -> None:
    """Each run's counts are the rows that it wrote, but for those that a later run wrote over."""
    tickers = list(arena.stocks)
    written: dict[datetime, set[str]] = defaultdict(set)
    for row in arena.direct.table(TABLES[name]):
        written[row[TIMES[name]]].add(row["stock_ticker"])
    later: dict[str, set[datetime]] = defaultdict(set)
    own = [run for run in runs(arena).values() if run["job_name"] == THE_TWO[name].run_name]
    for run in sorted(own, key=lambda run: run["started_at"], reverse=True):
        done = tickers[run["chunk_offset"] : run["chunk_offset"] + run["stocks_processed"]]
        assert (run["succeeded"], run["failed_count"], len(done)) == (run["stocks_processed"], 0, run["succeeded"])
        for ticker in done:
            later[ticker].add(run["started_at"])
            assert any(ticker in written[time] for time in later[ticker]), f"{run} did not do {ticker}"
    assert all(time in later[ticker] for time, those in written.items() for ticker in those)


def check_answers(arena: Arena, name: str) -> None:
    """The answer of each stock that the cycle under way has done, or the last one, is that of its row."""
    offset = int(arena.direct.redis.get(f"cron:{name}:offset") or 0)
    times = {row["id"]: row[TIMES[name]] for row in arena.direct.table(TABLES[name])}
    for ticker, stock in list(arena.stocks.items())[: offset or STOCKS]:
        answer = json.loads(arena.direct.redis.get(f"{ANSWERS[name]}:{ticker}") or "{}")
        rows = {iso_milliseconds(times[row]) for row in row_ids(name, arena.cycles[name][-1], stock)}
        assert {answer[TIMES[name]]} == rows


def check_status_and_history(arena: Arena) -> None:
    """Nothing runs, and what has failed says why."""
    shown = arena.direct.data("status")
    for name, job in THE_TWO.items():
        state = shown["jobs"][job.key]
        assert (state["running"], state["last_run"]["status"]) == (None, "completed")
        assert state["last_run"] == state["last_success"]
        assert shown[f"{job.key}_offset"] == int(arena.direct.redis.get(f"cron:{name}:offset") or 0)
    for run in arena.direct.data("history?limit=200")["runs"]:
        assert run["status"] in ("completed", "failed")
        assert (run["status"] == "failed") == (run["error_message"] is not None)
        assert run["completed_at"] >= run["started_at"]


def forget_old_cycles(arena: Arena) -> None:
    """Once both cycles have ended there is nothing left to be learned from their rows."""
    if all(arena.direct.redis.get(f"cron:{name}:offset") == "0" for name in THE_TWO):
        for table in (*TABLES.values(), "cron_job_runs"):
            arena.direct.execute(f"DELETE FROM {table}")
        for name in THE_TWO:
            arena.cycles[name].clear()
            arena.finished[name].clear()


def runs(arena: Arena) -> dict[UUID, Any]:
    """All rows of the run log by their ids."""
    return {run["id"]: run for run in arena.direct.table("cron_job_runs")}
