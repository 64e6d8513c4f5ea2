"""`cron scheduler` as a process of its own: it makes up for what was missed, waits without connections, and stops."""

import json
import re
import select
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.e2e.programs import PATIENCE, environment, finished, flask, started
from tests.integration.bare_stocks import add_stocks
from tests.integration.meddling import locked_table, wait_until
from tests.servers.postgres_server import PrivatePostgres
from tests.world import World
from vettr_cron.domain.timestamps import parsed
from vettr_cron.jobs import JOBS
from vettr_cron.redis_store.leases import Leases
from vettr_cron.services.clock import utc_now

# Its next time is months away, so that all calls are those that it makes up for, whenever the tests run.
SCHEDULE = f"0 0 1 {(utc_now().month + 5) % 12 + 1} *"
GRACE = 30  # seconds that a stop may take on a machine that has other work as well
RUN_NAMES = [job.run_name for job in JOBS.values()]

Process = subprocess.Popen[str]


@pytest.fixture
def world(migrated_postgres_url: str, redis_url: str) -> Iterator[World]:
    world = World.make(migrated_postgres_url, redis_url)
    yield world
    world.close()


@contextmanager
def a_scheduler(world: World, *words: str, **variables: str) -> Iterator[Process]:
    with started(
        flask("cron", "scheduler", *words), environment(world, CRON_SCHEDULE=SCHEDULE, **variables)
    ) as process:
        yield process


def shown_until(process: Process, text: str) -> list[str]:
    """The lines that it prints, up to one with the text."""
    assert process.stdout is not None
    shown: list[str] = []
    for line in process.stdout:
        shown.append(line)
        if text in line:
            return shown
    raise AssertionError(f"it ended: {shown}")


def ready(processes: Sequence[Process]) -> Process:
    """Which of them is the first to print something."""
    outputs = [process.stdout for process in processes if process.stdout]
    readable, _, _ = select.select(outputs, [], [], PATIENCE)
    return processes[outputs.index(readable[0])]


def stopped(process: Process, number: signal.Signals = signal.SIGTERM) -> tuple[str, list[Any]]:
    """Stop it, in order; what it then still printed, and its log."""
    process.send_signal(number)
    output, log = process.communicate(timeout=GRACE)
    assert process.returncode == 0, log
    return output, [json.loads(line) for line in log.splitlines()]


def connections(process: Process) -> int:
    """How many sockets it has: those to the database and to Redis."""
    opened = Path(f"/proc/{process.pid}/fd").iterdir()
    return sum(str(file.readlink()).startswith("socket:") for file in opened)


def a_call(world: World, job: str, ago: timedelta) -> None:
    began = utc_now() - ago
    counts = dict.fromkeys(("chunks_run", "stocks_processed", "succeeded", "failed"), 0)
    kinds = {"along_cursor": True, "caller": "http", "status": "completed", "is_complete": False}
    times = {"started_at": began, "ended_at": began}
    world.add("cron_calls", {"id": uuid4(), "job": job, **counts, **kinds, **times})


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_calls_what_was_never_called_and_waits_without_connections_until_it_is_stopped(
    world: World, number: signal.Signals
) -> None:
    add_stocks(world, 30)
    with a_scheduler(world, CRON_CHUNK_SIZE="10", CRON_CHUNKS_PER_CALL="2") as process:
        *calls, wait = shown_until(process, "next call: ")
        assert connections(process) == 0
        rest, log = stopped(process, number)
    for line, name in zip(calls, RUN_NAMES, strict=True):
        assert re.search(rf" {name}: completed \(chunks_done\), 20 stocks, 0 failed, \d+ ms$", line)
    at, names = re.findall(r"next call: (\S+), (.*)\n", wait)[0]
    assert (parsed(at) > utc_now(), names) == (True, ", ".join(RUN_NAMES))
    assert [event["job"] for event in log if event["event"] == "run"] == [name for name in RUN_NAMES for _ in range(2)]
    assert rest == ""
    assert {(call["caller"], call["along_cursor"]) for call in world.table("cron_calls")} == {("command", True)}
    scores, red_flags = world.table("cron_calls")
    assert scores["started_at"] == red_flags["started_at"]


def test_it_makes_up_for_the_calls_of_the_jobs_that_missed_theirs_and_no_others(world: World) -> None:
    add_stocks(world, 3)
    a_call(world, "scores", ago=timedelta(days=800))
    a_call(world, "red-flags", ago=timedelta(minutes=1))
    with a_scheduler(world, "--chunks", "all") as process:
        call, _wait = shown_until(process, "next call: ")
        stopped(process)
    assert " refresh-scores: completed (cycle_complete), 3 stocks" in call
    assert [run["job_name"] for run in world.table("cron_job_runs")] == ["refresh-scores"]


def test_only_a_job_with_a_schedule_is_called(world: World) -> None:
    add_stocks(world, 3)
    with a_scheduler(world, CRON_SCHEDULE_SCORES="off") as process:
        call, wait = shown_until(process, "next call: ")
        stopped(process)
    assert " refresh-red-flags: completed" in call
    assert wait.endswith("Z, refresh-red-flags\n")


def test_a_stop_during_a_call_ends_it_in_order_and_the_next_start_goes_on(world: World) -> None:
    tickers = add_stocks(world, 40)
    with a_scheduler(world, "--chunks", "all", CRON_CHUNK_SIZE="10") as process:
        with locked_table(world, "vetr_score_history") as waited_for:
            wait_until(waited_for, PATIENCE)
            process.send_signal(signal.SIGTERM)
        output, log = process.communicate(timeout=GRACE)
    assert process.returncode == 0, log
    assert " refresh-scores: completed (shutdown), 10 stocks" in output
    assert "next call" not in output
    assert [run["status"] for run in world.table("cron_job_runs")] == ["completed"]
    with a_scheduler(world, "--chunks", "all") as process:
        scores, red_flags, _wait = shown_until(process, "next call: ")
        stopped(process)
    assert " refresh-scores: completed (cycle_complete), 30 stocks" in scores
    assert " refresh-red-flags: completed (cycle_complete), 40 stocks" in red_flags
    assert [row["stock_ticker"] for row in world.table("vetr_score_history")] == tickers


def test_a_call_that_another_caller_holds_up_is_skipped_and_asked_about_again(world: World) -> None:
    add_stocks(world, 3)
    Leases(world.redis, 30).acquire("scores")
    with a_scheduler(world) as process:
        scores, _red_flags, wait = shown_until(process, "trying again: ")
        stopped(process)
    assert " refresh-scores: skipped (already_running), 0 stocks" in scores
    assert wait.startswith("another call of refresh-scores is running; trying again: ")
    assert wait.endswith("Z, refresh-scores\n")


def test_a_call_whose_process_died_is_made_again(world: World) -> None:
    add_stocks(world, 3)
    world.data("refresh-all")
    world.execute(
        "UPDATE cron_calls SET status = 'running', ended_at = NULL, stop_reason = NULL WHERE job LIKE '%scores'"
    )
    with a_scheduler(world) as process:
        scores, *_ = shown_until(process, "next call: ")
        stopped(process)
    assert " refresh-scores: completed (cycle_complete), 3 stocks" in scores


def test_without_its_database_it_says_so_with_the_cause_and_waits(
    stoppable_postgres: PrivatePostgres, redis_url: str
) -> None:
    url = stoppable_postgres.create_database()
    world = World.make(url, redis_url)
    stoppable_postgres.stop()
    with a_scheduler(world) as process:
        (line,) = shown_until(process, "trying again: ")
        at = re.findall(r"^The database does not answer; trying again: (\S+), refresh-scores, ", line)
        assert timedelta() < parsed(at[0]) - utc_now() <= timedelta(minutes=1)
        _rest, log = stopped(process)
    (warning,) = [event for event in log if event["event"] == "service_unavailable"]
    assert "Is the server running" in warning["cause"]


def test_without_redis_its_jobs_are_called_again_soon(migrated_sqlite_url: str) -> None:
    world = World.make(migrated_sqlite_url, "redis://127.0.0.1:1")
    with a_scheduler(world) as process:
        (line,) = shown_until(process, "trying again: ")
        stopped(process)
    assert line.startswith("Redis does not answer; trying again: ")


def test_two_at_once_do_every_stock_once(world: World) -> None:
    tickers = add_stocks(world, 60)
    with ExitStack() as both:
        with locked_table(world, "vetr_score_history") as waited_for:
            one, other = (
                both.enter_context(a_scheduler(world, "--chunks", "all", CRON_SCHEDULE_RED_FLAGS="off"))
                for _ in range(2)
            )
            wait_until(waited_for, PATIENCE)
            idle = ready([one, other])
            shown_until(idle, ", refresh-scores\n")  # it knows of the call, or was skipped
        busy = other if idle is one else one
        assert " refresh-scores: completed (cycle_complete), 60 stocks" in shown_until(busy, "next call: ")[0]
        for process in (one, other):
            stopped(process)
    assert sorted(row["stock_ticker"] for row in world.table("vetr_score_history")) == sorted(tickers)


@pytest.mark.parametrize("schedule", ["", "off"])
def test_without_a_schedule_it_is_refused_in_a_sentence(schedule: str) -> None:
    nowhere = {"APP_ENV": "test", "DATABASE_URL": "sqlite:////nowhere/x.db", "REDIS_URL": "redis://127.0.0.1:1"}
    done = finished(flask("cron", "scheduler"), {**nowhere, "CRON_SCHEDULE": schedule})
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1] == (
        "Error: no job has a schedule; set CRON_SCHEDULE to when to call them, such as 0 */6 * * *"
    )
