"""The service against a plain model of the cycle, through any order of calls, changes, resets and crashes."""

import json
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.chaos.model import Expected, JobModel, Place, Universe, next_chunk
from tests.chaos.rounds import ROUNDS, SEED
from tests.jobs import THE_TWO
from tests.world import World
from tests.written_rows import ANSWERS, TABLES, TIMES, row_ids
from vettr_cron.domain.timestamps import iso_milliseconds
from vettr_cron.redis_store.leases import lease_key
from vettr_cron.services.clock import utc_now

STEPS = 40
NAMES = st.sampled_from(list(THE_TWO))
SIZES = st.integers(1, 9) | st.just(100)
CHUNKS = st.integers(1, 4) | st.none()
# Few, so that the same come and go; some sort in their own way, or look like something else.
TICKERS = st.text("Aaz.0-é% '", min_size=1, max_size=2) | st.sampled_from(["NULL", "0", "\U0001f600", "ZZZ", "\uffff"])


class CycleMachine(RuleBasedStateMachine):
    """Does the same to the service and to the model, and compares."""

    world: World

    def __init__(self) -> None:
        super().__init__()
        self.universe: Universe = {}
        self.models = {name: JobModel() for name in THE_TWO}

    @initialize(tickers=st.sets(TICKERS, max_size=12))
    def empty(self, tickers: set[str]) -> None:
        for table in ("stocks", "cron_job_runs", "vetr_score_history", "vetr_score_snapshots", "red_flag_history"):
            self.world.execute(f"DELETE FROM {table}")
        self.world.redis.flushdb()
        for ticker in sorted(tickers):
            self.add(ticker)

    # The universe

    @rule(ticker=TICKERS)
    def add(self, ticker: str) -> None:
        if ticker not in self.universe:
            self.universe[ticker] = uuid4()
            named = {"name": "N", "exchange": "TSX", "sector": "Mining", "price": 1.5, "market_cap": 1e6}
            self.world.add("stocks", {"id": self.universe[ticker], "ticker": ticker, **named})

    @precondition(lambda self: self.universe)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        ticker = data.draw(st.sampled_from(sorted(self.universe)))
        self.displace(self.universe.pop(ticker))
        self.world.execute("DELETE FROM stocks WHERE ticker = :ticker", ticker=ticker)

    @precondition(lambda self: self.universe)
    @rule(data=st.data(), new=TICKERS)
    def rename(self, data: st.DataObject, new: str) -> None:
        old = data.draw(st.sampled_from(sorted(self.universe)))
        if new not in self.universe:
            self.universe[new] = self.universe.pop(old)
            self.displace(self.universe[new])
            self.world.execute("UPDATE stocks SET ticker = :new WHERE ticker = :old", new=new, old=old)

    @rule()
    def remove_all(self) -> None:
        for stock in self.universe.values():
            self.displace(stock)
        self.universe.clear()
        self.world.execute("DELETE FROM stocks")

    def displace(self, stock: UUID) -> None:
        for model in self.models.values():
            model.displace(stock)

    # Calls

    @rule(job=NAMES, size=SIZES, chunks=CHUNKS)
    def call(self, job: str, size: int, chunks: int | None) -> None:
        result = self.world.data(f"{job}?chunk_size={size}&chunks={chunks or 'all'}")
        self.compare(job, size, chunks, result)

    @rule(size=SIZES, chunks=CHUNKS)
    def call_all(self, size: int, chunks: int | None) -> None:
        results = self.world.data(f"refresh-all?chunk_size={size}&chunks={chunks or 'all'}")
        for name, job in THE_TWO.items():
            self.compare(name, size, chunks, results[job.key])

    @rule(job=NAMES, size=SIZES)
    def crash_before_the_commit(self, job: str, size: int) -> None:
        """As after kill -9 when the cycle is begun and the run row written, and nothing else."""
        if self.models[job].dead_run is None:
            self.close_orphans(job)
            place = self.models[job].begin(self.universe, uuid4())
            self.put_cursor(job, place)
            run = {"id": uuid4(), "job_name": THE_TWO[job].run_name, "status": "running", "started_at": utc_now()}
            self.world.add("cron_job_runs", {**run, "chunk_size": size, "chunk_offset": place.offset})
            self.die(job, str(run["id"]))

    @rule(job=NAMES, size=SIZES)
    def crash_before_the_move(self, job: str, size: int) -> None:
        """As after kill -9 between the commit and the move: the rows are new, the cursor and the answers are not."""
        if self.models[job].dead_run is None:
            answers = {key: self.world.redis.get(key) for key in self.world.redis.keys(f"{ANSWERS[job]}:*")}
            result = self.world.data(f"{job}?chunk_size={size}")
            place = self.models[job].begin(self.universe, UUID(result["cycle_id"]))
            chunk = next_chunk(self.universe, place, size)
            place.cycle.done |= set(chunk.values())
            self.put_cursor(job, place)
            for ticker in chunk:
                self.world.redis.delete(f"{ANSWERS[job]}:{ticker}")
            for key, answer in answers.items():
                self.world.redis.set(key, answer or "", ex=86_400)
            self.die(job, result["run_id"])

    @rule(job=NAMES, size=SIZES)
    def crash_before_the_end(self, job: str, size: int) -> None:
        """As after kill -9 between the move of the cursor and the end of the run row."""
        if self.models[job].dead_run is None:
            result = self.world.data(f"{job}?chunk_size={size}")
            self.compare(job, size, 1, result)
            self.die(job, result["run_id"])

    @rule(job=NAMES)
    def a_dead_holders_term_ends(self, job: str) -> None:
        self.models[job].dead_run = None
        self.world.redis.delete(lease_key(job))

    def close_orphans(self, job: str) -> None:
        closed = "UPDATE cron_job_runs SET status = 'failed' WHERE status = 'running' AND job_name = :job"
        self.world.execute(closed, job=THE_TWO[job].run_name)

    def put_cursor(self, job: str, place: Place) -> None:
        self.world.redis.set(f"cron:{job}:offset", place.offset)
        self.world.redis.delete(f"cron:{job}:position")
        position: dict[Any, Any] = {
            "offset": place.offset,
            "ticker": place.after or "",
            "cycle_id": str(place.cycle.id),
        }
        self.world.redis.hset(f"cron:{job}:position", mapping=position)

    def die(self, job: str, run: str) -> None:
        self.models[job].dead_run = run
        again = "UPDATE cron_job_runs SET status = 'running', completed_at = NULL WHERE id = :run"
        self.world.execute(again, run=UUID(run).hex)  # as SQLite stores it
        self.world.redis.hset(lease_key(job), mapping={"token": "of the dead", "run_id": run})
        self.world.redis.expire(lease_key(job), 3_600)

    # The cursor

    @rule(job=NAMES)
    def reset(self, job: str) -> None:
        self.world.data(f"reset?job={job}", method="POST")
        self.models[job].forget()

    @rule()
    def reset_all(self) -> None:
        self.world.data("reset")
        for model in self.models.values():
            model.forget()

    @rule(job=NAMES)
    def the_cursor_expires(self, job: str) -> None:
        self.world.redis.delete(f"cron:{job}:offset", f"cron:{job}:position")
        self.models[job].forget()

    @rule(job=NAMES)
    def the_companions_expire(self, job: str) -> None:
        self.world.redis.delete(f"cron:{job}:position")
        self.models[job].set_rank(self.models[job].offset)

    @rule(job=NAMES, rank=st.integers(0, 14))
    def another_program_sets_the_offset(self, job: str, rank: int) -> None:
        self.world.redis.set(f"cron:{job}:offset", rank)
        if rank != self.models[job].offset:
            self.models[job].set_rank(rank)

    @rule()
    def redis_is_emptied(self) -> None:
        self.world.redis.flushdb()
        for model in self.models.values():
            model.forget()
            model.dead_run = None

    # What holds after each step

    @invariant()
    def each_cycle_has_written_each_stock_that_it_has_done_once(self) -> None:
        for job, model in self.models.items():
            written = [UUID(str(row["id"])) for row in self.world.rows(f"SELECT id FROM {TABLES[job]}")]
            done = [row_ids(job, cycle.id, stock) for cycle in model.cycles for stock in cycle.done]
            assert len(written) == len(set(written))
            assert set(written) == set().union(*done)

    @invariant()
    def status_and_history_tell_the_truth(self) -> None:
        shown = self.world.data("status")
        assert shown["total_stocks"] == len(self.universe)
        for name, model in self.models.items():
            state = shown["jobs"][THE_TWO[name].key]
            assert state["cycle"]["offset"] == shown[f"{THE_TWO[name].key}_offset"] == model.offset
            assert state["cycle"]["cycle_id"] == (str(model.place.cycle.id) if model.place else None)
            assert (state["running"] or {}).get("id") == model.dead_run
        dead = {model.dead_run for model in self.models.values()} - {None}
        assert {run["id"] for run in self.world.data("history?status=running")["runs"]} == dead

    def compare(self, job: str, size: int, chunks: int | None, result: Any) -> None:
        """Take the model through the same call, and compare what came of it."""
        model = self.models[job]
        if model.dead_run is not None:
            assert (result["status"], result["stop_reason"]) == ("skipped", "already_running")
            assert (result["run_id"], result["stocks_processed"]) == (model.dead_run, 0)
            return
        warned = model.is_rank_beyond(self.universe) or not self.universe
        expected = model.call(self.universe, size, chunks, UUID(result["cycle_id"]))
        assert (result["status"], result["cycle_id"]) == ("completed", str(expected.cycle.id))
        assert result["stop_reason"] == ("cycle_complete" if expected.is_complete else "chunks_done")
        assert result["stocks_processed"] == result["succeeded"] == len(expected.stocks)
        assert (result["chunks_run"], "warning" in result) == (expected.chunks_run, warned)
        assert result["chunk_info"] == {
            "current_offset": expected.current_offset,
            "chunk_size": size,
            "total_stocks": len(self.universe),
            "is_complete": expected.is_complete,
        }
        assert not expected.is_complete or expected.cycle.owed <= expected.cycle.done
        self.answers_follow_rows(job, expected)

    def answers_follow_rows(self, job: str, expected: Expected) -> None:
        written = {UUID(str(row["id"])): row[TIMES[job]] for row in self.world.table(TABLES[job])}
        for ticker, stock in expected.stocks.items():
            answer = json.loads(self.world.redis.get(f"{ANSWERS[job]}:{ticker}") or "{}")
            times = {iso_milliseconds(written[row]) for row in row_ids(job, expected.cycle.id, stock)}
            assert {answer[TIMES[job]]} == times


@pytest.mark.chaos
def test_the_service_does_what_the_model_does(migrated_sqlite_url: str, redis_url: str) -> None:
    class Machine(CycleMachine):
        world = World.make(migrated_sqlite_url, redis_url)

    checks = settings(
        max_examples=ROUNDS,
        stateful_step_count=STEPS,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    print(f"CHAOS_SEED={SEED}: {ROUNDS} rounds of up to {STEPS} steps")
    run_state_machine_as_test(seed(SEED)(Machine), settings=checks)
    Machine.world.close()
