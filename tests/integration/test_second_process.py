"""Beside a SQLite file a second process evaluates the next chunk: the same results, and no harm when it fails."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import wait
from dataclasses import replace
from datetime import timedelta
from functools import partial
from multiprocessing import Pipe
from typing import Any, cast
from uuid import uuid4

import pytest
import structlog
from sqlalchemy import Connection

from tests.integration.bare_stocks import add_stocks
from tests.integration.meddling import at_stock, refresh, under_way, wait_until
from tests.integration.test_universe_changes import MEANWHILE, assert_concerns_nobody_else
from tests.second_processes import evaluated_ahead, evaluator_of, is_alive, second_processes
from tests.world import World
from tests.written_rows import TABLES, TIMES, stock_ids, stocks_done
from vettr_cron.domain.run import CallStatus, JobResult
from vettr_cron.jobs import JOBS
from vettr_cron.jobs.job import Chunk, Occasion
from vettr_cron.lease import Held, Lease, Leases
from vettr_cron.repositories.stocks import Beyond
from vettr_cron.services.clock import utc_now
from vettr_cron.services.engine import evaluate_batch
from vettr_cron.services.evaluator import EvaluatedChunk, Evaluator, EvaluatorFailed, Setup, Task
from vettr_cron.services.evaluator_main import FRESH, _Evaluating, _Read

per_job = pytest.mark.parametrize("job", JOBS)
OWN = os.getpid()


@pytest.fixture
def world(migrated_sqlite_url: str, redis_url: str) -> Iterator[World]:
    """A service on a SQLite file."""
    world = World.make(migrated_sqlite_url, redis_url)
    yield world
    world.close()


def task(job: str, after: str | None, limit: int) -> Task:
    return Task(job, Beyond(after, limit), Occasion(job, uuid4(), utc_now()), 10, {})


def whole_cycle(world: World, job: str, chunk_size: int = 10) -> JobResult:
    return refresh(world, JOBS[job], chunk_size=chunk_size, chunks=None)


def written(world: World, job: str) -> list[dict[str, Any]]:
    """What a job has written of each stock, apart from when and under which id."""
    rows = sorted(world.table(TABLES[job]), key=lambda row: (row["stock_ticker"], row.get("flag_type", "")))
    return [{name: value for name, value in row.items() if name not in ("id", TIMES[job])} for row in rows]


def assert_every_stock_done(world: World, job: str, result: JobResult) -> None:
    """The result's cycle has written all rows of all stocks."""
    assert result.cycle_id
    stocks = set(stock_ids(world).values())
    assert stocks_done(world, job, result.cycle_id, stocks) == stocks


def warnings(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """The warnings in the log."""
    return [record.msg for record in caplog.records if record.levelname == "WARNING" and isinstance(record.msg, dict)]


@per_job
def test_its_answer_is_what_this_process_would_have_come_to(world: World, job: str) -> None:
    world.generate(30)
    add_stocks(world, 5, unscorable=2, unflaggable=2)
    evaluator, asked = evaluator_of(world), task(job, None, 35)
    answer = evaluator.evaluate(asked)
    with world.services.database.reading() as connection:
        chunk = JOBS[job].load(connection, asked.selection, asked.occasion.now)
    expected = [evaluate_batch(JOBS[job], asked.occasion, chunk.items[start : start + 10]) for start in (0, 10, 20, 30)]
    assert [item.ticker for item in answer.items] == [item.ticker for item in chunk.items]
    assert [item.stock_id for item in answer.items] == [item.stock_id for item in chunk.items]
    assert answer.ends_universe
    assert sum(len(batch.failures) for batch in expected) == 2
    for batch, same in zip(answer.outcomes, expected, strict=True):
        assert [entry.result for entry in batch.evaluated] == [entry.result for entry in same.evaluated]
        assert [entry.item.ticker for entry in batch.evaluated] == [entry.item.ticker for entry in same.evaluated]
        assert batch.failures == same.failures


@per_job
def test_a_cycle_with_it_is_a_cycle_like_any_other(world: World, job: str) -> None:
    world.generate(60)
    add_stocks(world, 15, unscorable=3, unflaggable=3)
    alone = whole_cycle(world, job)
    rows = written(world, job)
    assert evaluated_ahead(world) == 0
    world.execute(f"DELETE FROM {TABLES[job]}")
    world.execute("DELETE FROM cron_job_runs")
    evaluator_of(world)
    helped = whole_cycle(world, job)
    assert evaluated_ahead(world) == 7  # of eight chunks all but the first
    assert written(world, job) == rows
    assert helped.failures == alone.failures
    assert (helped.status, helped.succeeded, helped.failed, helped.is_complete) == (CallStatus.COMPLETED, 72, 3, True)
    runs = world.table("cron_job_runs")
    assert {row[TIMES[job]] for row in world.table(TABLES[job])} == {run["started_at"] for run in runs}
    for run in runs:
        took = run["completed_at"] - run["started_at"]
        assert abs(took - timedelta(milliseconds=run["duration_ms"])) < timedelta(milliseconds=50)


def test_whoever_is_in_a_hurry_gets_what_there_is_and_the_inputs_of_the_rest(world: World) -> None:
    add_stocks(world, 3_000)
    evaluator, asked = evaluator_of(world), task("scores", None, 3_000)
    answering = under_way(lambda: evaluator.evaluate(asked))
    while not answering.done():
        evaluator.hurry()
        wait([answering], 0.01)
    answer = answering.result()
    done = sum(len(batch.items) for batch in answer.outcomes)
    assert 10 <= done < 3_000 == len(answer.items)
    assert all(item.inputs is None for item in answer.items[:done])
    assert all(item.inputs.ticker == item.ticker for item in answer.items[done:])
    evaluator.hurry()  # too late: it concerns nobody
    whole = evaluator.evaluate(task("red-flags", None, 20))
    assert (len(whole.items), len(whole.outcomes)) == (20, 2)


@pytest.mark.parametrize("batches", [0, 1, 71, 100, 171, 172])
def test_what_is_left_of_a_chunk_is_evaluated_here(
    migrated_sqlite_url: str, redis_url: str, batches: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World.make(migrated_sqlite_url, redis_url, cron_batch_size=7)  # 71 batches a commit group, 172 a chunk
    add_stocks(world, 2_400)
    evaluator_of(world)
    evaluate = Evaluator.evaluate

    def in_part(evaluator: Evaluator, asked: Task) -> EvaluatedChunk:
        answer = evaluate(evaluator, asked)
        with world.services.database.reading() as connection:
            inputs = JOBS["scores"].load(connection, asked.selection, asked.occasion.now).items
        return EvaluatedChunk([*answer.items[: 7 * batches], *inputs[7 * batches :]], True, answer.outcomes[:batches])

    monkeypatch.setattr(Evaluator, "evaluate", in_part)
    result = whole_cycle(world, "scores", chunk_size=1_200)
    assert (result.succeeded, result.chunks_run, evaluated_ahead(world)) == (2_400, 2, 1)
    assert_every_stock_done(world, "scores", result)
    world.close()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
@per_job
def test_a_call_goes_on_when_the_process_dies_or_stands_still(
    world: World, job: str, number: signal.Signals, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("vettr_cron.services.refresh.LONGEST_ANSWER_SECONDS", 1.0)
    add_stocks(world, 60)
    evaluator_of(world)
    (pid,) = second_processes(OWN)
    evaluate = Evaluator.evaluate
    asked: list[Task] = []

    def evaluating(evaluator: Evaluator, task: Task) -> EvaluatedChunk:
        asked.append(task)
        if len(asked) == 2:
            os.kill(pid, number)
        return evaluate(evaluator, task)

    monkeypatch.setattr(Evaluator, "evaluate", evaluating)
    result = whole_cycle(world, job)
    assert (result.status, result.succeeded, result.chunks_run) == (CallStatus.COMPLETED, 60, 6)
    assert [(line["event"], line["reason"]) for line in warnings(caplog)] == [
        ("not_read_ahead", "EvaluatorFailed: it ended")
    ]
    assert len(asked) == 2
    assert not is_alive(pid)
    assert_every_stock_done(world, job, result)
    evaluator_of(world)
    assert second_processes(OWN) != [pid]


def ask_to_stop(world: World, _lease: Lease) -> None:
    world.services.shutdown.ask()


def lose_the_lease(world: World, lease: Lease) -> None:
    lease.lose()


ENDS: dict[str, tuple[Callable[[World, Lease], None], float | None, str]] = {
    "a stop": (ask_to_stop, None, "shutdown"),
    "a lost lease": (lose_the_lease, None, "superseded"),
    "the end of its time": (lambda _world, _lease: None, 1.5, "time_budget"),
}


@pytest.mark.parametrize("what", ENDS)
def test_a_call_that_is_to_end_waits_for_no_process_that_stands_still(
    world: World, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    end, budget, reason = ENDS[what]
    monkeypatch.setattr("vettr_cron.services.refresh.LONGEST_ANSWER_SECONDS", 60.0)
    world.services.refresh._settings = world.services.settings.model_copy(update={"cron_lease_seconds": 3_600})
    add_stocks(world, 60)
    evaluator_of(world)
    (pid,) = second_processes(OWN)
    leases: list[Lease] = []
    acquire, evaluate = Leases.acquire, Evaluator.evaluate

    def acquiring(of: Leases, job: str) -> Lease | Held:
        leases.append(cast(Lease, acquire(of, job)))
        return leases[-1]

    def evaluating(evaluator: Evaluator, task: Task) -> EvaluatedChunk:
        os.kill(pid, signal.SIGSTOP)
        return evaluate(evaluator, task)

    monkeypatch.setattr(Leases, "acquire", acquiring)
    monkeypatch.setattr(Evaluator, "evaluate", evaluating)
    # Only he who waits for the answer is in a hurry.
    monkeypatch.setattr(Evaluator, "hurry", lambda _evaluator: end(world, leases[0]))
    calling = under_way(lambda: refresh(world, JOBS["scores"], chunk_size=10, chunks=None, time_budget=budget))
    assert calling.result(timeout=10).stop_reason == reason
    assert not is_alive(pid)


def test_a_call_that_stops_between_two_chunks_leaves_nothing_under_way(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_stocks(world, 60)
    evaluator_of(world)
    (pid,) = second_processes(OWN)
    evaluate = Evaluator.evaluate

    def evaluating(evaluator: Evaluator, task: Task) -> EvaluatedChunk:
        os.kill(pid, signal.SIGSTOP)
        world.services.shutdown.ask()
        return evaluate(evaluator, task)

    monkeypatch.setattr(Evaluator, "evaluate", evaluating)
    calling = under_way(lambda: whole_cycle(world, "scores"))
    result = calling.result(timeout=10)
    assert (result.stop_reason, result.status, result.succeeded) == ("shutdown", CallStatus.COMPLETED, 10)
    assert not is_alive(pid)


def test_two_calls_at_once_share_it_and_neither_waits_for_the_other(world: World) -> None:
    add_stocks(world, 400)
    evaluator_of(world)
    calls = [under_way(partial(whole_cycle, world, job)) for job in JOBS]
    for job, call in zip(JOBS, calls, strict=True):
        result = call.result(timeout=60)
        assert (result.status, result.succeeded, result.chunks_run) == (CallStatus.COMPLETED, 400, 40)
        assert_every_stock_done(world, job, result)


def test_what_it_cannot_do_it_says_and_goes_on(world: World) -> None:
    add_stocks(world, 20)
    evaluator = evaluator_of(world)
    with pytest.raises(EvaluatorFailed, match="KeyError"):
        evaluator.evaluate(task("no-such-job", None, 10))
    assert len(evaluator.evaluate(task("scores", None, 10)).items) == 10
    world.execute("ALTER TABLE stocks RENAME TO elsewhere")
    with pytest.raises(EvaluatorFailed, match="NotMigrated: The database lacks tables"):
        evaluator.evaluate(task("scores", "T00009", 9))
    world.execute("ALTER TABLE elsewhere RENAME TO stocks")
    assert len(evaluator.evaluate(task("scores", "T00009", 10)).items) == 10


def test_a_call_goes_on_where_no_process_can_be_started(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    add_stocks(world, 1_200)

    def refused(*_arguments: object, **_options: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", refused)
    result = whole_cycle(world, "scores", chunk_size=100)
    assert (result.status, result.succeeded) == (CallStatus.COMPLETED, 1_200)
    assert [(line["event"], line["reason"]) for line in warnings(caplog)] == [
        ("no_second_process", "[Errno 11] Resource temporarily unavailable")
    ]


@pytest.mark.parametrize(
    ("stocks", "query", "starts"),
    [
        (1_200, "chunks=all", True),
        (1_200, "chunks=all&chunk_size=1000", False),  # only 200 are left then
        (1_200, "chunks=5", False),
        (1_200, "chunks=1&chunk_size=1200", False),
        (1_000, "chunks=all", False),
    ],
)
def test_it_is_started_only_for_much_work(world: World, stocks: int, query: str, starts: bool) -> None:
    add_stocks(world, stocks)
    world.data(f"scores?{query}")
    assert bool(second_processes(OWN)) == starts


def test_one_worker_is_one_process(migrated_sqlite_url: str, redis_url: str) -> None:
    world = World.make(migrated_sqlite_url, redis_url, cron_workers=1)
    assert world.evaluator is None
    add_stocks(world, 1_200)
    assert world.data("scores?chunks=all")["succeeded"] == 1_200
    assert not second_processes(OWN)
    world.close()


def test_a_server_does_the_database_s_work_itself(migrated_postgres_url: str, redis_url: str) -> None:
    world = World.make(migrated_postgres_url, redis_url)
    assert world.evaluator is None
    world.close()


def test_it_ends_when_nobody_has_asked_for_a_while(world: World) -> None:
    add_stocks(world, 10)
    evaluator = Evaluator(Setup(world.services.database.engine.url, 1.0, readable_logs=False, idle_seconds=0.2))
    evaluator.start()
    (pid,) = second_processes(OWN)
    wait_until(lambda: not is_alive(pid))
    assert not evaluator.is_ready
    with pytest.raises(EvaluatorFailed):
        evaluator.evaluate(task("scores", None, 10))
    evaluator.start()
    (another,) = second_processes(OWN)
    assert another != pid
    evaluator.kill()
    wait_until(lambda: not is_alive(another))


def test_what_it_read_ahead_counts_for_a_moment_only(world: World) -> None:
    asked = task("scores", "T00009", 10)
    now = asked.occasion.now
    read = _Read("scores", Beyond("T00009", 10), now, Chunk([], ends_universe=True))
    assert read.serves(asked)
    assert not read.serves(replace_now(asked, now + FRESH))
    assert not read.serves(replace_now(asked, now - timedelta(milliseconds=1)))  # it was read for a later moment
    assert not read.serves(asked._replace(job="red-flags"))
    assert not read.serves(asked._replace(selection=Beyond("T00009", 11)))
    assert not read.serves(asked._replace(selection=Beyond("T00010", 10)))


def replace_now(asked: Task, now: Any) -> Task:
    return asked._replace(occasion=replace(asked.occasion, now=now))


@pytest.mark.parametrize("what", MEANWHILE)
@per_job
def test_a_change_while_it_evaluates_makes_nobody_else_skipped_or_done_twice(world: World, job: str, what: str) -> None:
    add_stocks(world, 50)
    evaluator_of(world)
    assert_concerns_nobody_else(world, job, what)
    assert evaluated_ahead(world) >= 3


def test_its_log_lines_tell_of_the_request_that_they_belong_to(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    add_stocks(world, 1)
    seen: list[Mapping[str, Any]] = []
    job = at_stock(JOBS["scores"], 1, lambda: seen.append(structlog.contextvars.get_contextvars()))
    monkeypatch.setitem(JOBS, "scores", job)
    ours, theirs = Pipe()
    with ours, theirs:
        asked = task("scores", None, 10)._replace(log_context={"request_id": "of-this-call"})
        _Evaluating(theirs, world.services.database).answer(asked)
        assert isinstance(ours.recv(), EvaluatedChunk)
    assert seen == [{"request_id": "of-this-call"}]


@per_job
def test_results_are_on_the_disk_before_the_cursor_moves(world: World, job: str) -> None:
    add_stocks(world, 10)
    seen = []

    def save(connection: Connection, occasion: Occasion, results: Any) -> Mapping[str, str]:
        seen.append(connection.exec_driver_sql("PRAGMA synchronous").scalar())
        return JOBS[job].save(connection, occasion, results)

    refresh(world, replace(JOBS[job], save=save))
    assert seen == [2]  # FULL


def test_a_note_waits_for_no_disk_and_what_is_written_does(world: World) -> None:
    database = world.services.database
    seen = []
    for transaction in (database.noting, database.writing, database.noting, database.importing):
        with transaction() as connection:
            seen.append(connection.exec_driver_sql("PRAGMA synchronous").scalar())
    assert seen == [1, 2, 1, 2]  # NORMAL and FULL
