"""A call that gets no further: seen by all who look, and overtaken by the next; a slow one lives."""

import re
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import pairwise
from threading import Event
from typing import Any

import pytest

from tests.integration.bare_stocks import add_stocks
from tests.integration.commands import run
from tests.integration.doctor.examinations import WARNING, assert_found
from tests.integration.meddling import at_stock, under_way, wait_until
from tests.integration.scraping import scrape
from tests.integration.statements import at_statements
from tests.jobs import THE_TWO
from tests.world import World
from vettr_cron.domain.run import CallStatus, JobResult, StopReason
from vettr_cron.jobs.job import Job
from vettr_cron.pings import Pings
from vettr_cron.redis_store.cursors import Cursors
from vettr_cron.redis_store.leases import Leases, lease_key
from vettr_cron.services.refresh.engine import Threads
from vettr_cron.services.refresh.refresh import Refresh
from vettr_cron.services.refresh.request import Request

KEY = lease_key("scores")
TERM, STALL = 0.5, 3.0
SECONDS_AGO = 130


def refresh_soon_given_up(world: World, job: Job) -> JobResult:
    """A call that counts as stalled after three seconds, and whose lease then ends at once."""
    services = world.services
    leases = Leases(world.redis, TERM, stall_seconds=STALL)
    cursors, pings = Cursors(world.redis, 60), Pings({}, lambda: None)
    refresh = Refresh(services.database, leases, cursors, services.settings, services.shutdown, pings, Threads())
    return refresh.run(job, Request(chunk_size=10, chunks=1, time_budget=None))


@contextmanager
def a_hanging_call(world: World, number: int) -> Iterator[tuple["Future[JobResult]", Event]]:
    """A call whose rules never return for one stock, until the block ends or the event is set."""
    begun, end = Event(), Event()

    def hang() -> None:
        begun.set()
        end.wait()

    call = under_way(lambda: refresh_soon_given_up(world, at_stock(THE_TWO["scores"], number, hang)))
    try:
        assert begun.wait(20)
        yield call, end
    finally:
        end.set()


def test_the_next_call_takes_over_from_one_that_never_ends(world: World, caplog: pytest.LogCaptureFixture) -> None:
    add_stocks(world, 30)
    with a_hanging_call(world, 5) as (call, end):
        assert world.data("scores?chunk_size=10")["stop_reason"] == "already_running"
        wait_until(lambda: not world.redis.exists(KEY))
        second = world.data("scores?chunk_size=10")
        assert (second["status"], second["succeeded"]) == ("completed", 10)
        assert not call.done()
        end.set()
        first = call.result(20)
    assert (first.status, first.stop_reason, first.succeeded) == (CallStatus.FAILED, StopReason.SUPERSEDED, 0)
    assert first.cycle_id is not None
    assert second["cycle_id"] == str(first.cycle_id)
    runs = {run["id"]: run for run in world.data("history")["runs"]}
    assert (runs[str(first.run_id)]["status"], runs[str(first.run_id)]["error_message"]) == ("failed", "interrupted")
    assert len(world.table("vetr_score_history")) == 10
    assert world.data("status")["scores_offset"] == 10
    assert caplog.text.count("lease_not_renewed") == 1


def test_stocks_that_take_long_each_are_progress(sqlite_world: World) -> None:
    """Together they take far longer than a call may be without progress, each alone does not."""
    add_stocks(sqlite_world, 3)
    pause, evaluate = Event(), THE_TWO["scores"].evaluate

    def take_long(*args: Any) -> Any:
        pause.wait(STALL * 0.7)
        return evaluate(*args)

    result = refresh_soon_given_up(sqlite_world, replace(THE_TWO["scores"], evaluate=take_long))
    assert (result.status, result.stop_reason, result.succeeded) == (
        CallStatus.COMPLETED,
        StopReason.CYCLE_COMPLETE,
        3,
    )
    assert result.duration_ms > 2 * STALL * 1000


STEPS = ["SELECT cron_job_runs", "INSERT INTO cron_job_runs", "years_at_company", "the first stock"]


@pytest.mark.parametrize(
    "steps", list(pairwise(STEPS)), ids=["until the run", "until the reading", "until the first stock"]
)
def test_steps_that_take_long_each_are_progress(sqlite_world: World, steps: tuple[str, str]) -> None:
    add_stocks(sqlite_world, 3)
    pause = Event()

    def take_long() -> None:
        pause.wait(STALL * 0.7)

    job = at_stock(THE_TWO["scores"], 1, take_long) if STEPS[-1] in steps else THE_TWO["scores"]
    with ExitStack() as slow:
        for words in steps:
            slow.enter_context(at_statements(sqlite_world, words, act=take_long, only=1))
        result = refresh_soon_given_up(sqlite_world, job)
    assert (result.status, result.succeeded) == (CallStatus.COMPLETED, 3)
    assert result.duration_ms > 1.3 * STALL * 1000


@pytest.fixture
def stalled(sqlite_world: World) -> Iterator[World]:
    """A service in which a call hangs that made its last progress minutes ago, as its lease has it."""
    add_stocks(sqlite_world, 30)
    sqlite_world.data("red-flags?chunks=all")
    begun, end = Event(), Event()

    def hang() -> None:
        begun.set()
        end.wait()

    def refresh() -> JobResult:
        return sqlite_world.services.refresh.run(
            at_stock(THE_TWO["scores"], 5, hang), Request(chunk_size=10, chunks=1, time_budget=None)
        )

    call = under_way(refresh)
    try:
        assert begun.wait(20)
        sqlite_world.redis.hset(KEY, "idle_ms", SECONDS_AGO * 1000)
        yield sqlite_world
    finally:
        end.set()
        call.result(20)


def test_all_who_look_see_how_long_ago_the_last_progress_was(stalled: World) -> None:
    state = stalled.data("status")["jobs"]["scores"]
    assert state["running"] is not None
    assert SECONDS_AGO <= state["seconds_since_progress"] < SECONDS_AGO + 19
    said = "The call at work made its last progress 2 min ago; if it hangs, its lease runs out"
    assert f"{said} and a later call takes over." in state["summary"]
    figures = scrape(stalled)
    age = figures[("last_run_timestamp_seconds", "scores")] - figures[("last_progress_timestamp_seconds", "scores")]
    assert SECONDS_AGO - 60 < age <= SECONDS_AGO + 1
    assert ("last_progress_timestamp_seconds", "red-flags") not in figures
    skipped = stalled.data("scores")
    assert SECONDS_AGO <= skipped["seconds_since_progress"] < SECONDS_AGO + 19
    shown = run(stalled, "cron", "scores")
    assert shown.exit_code == 75
    assert re.search(r"another call is at work; its last progress was 2 min ago", shown.stdout)


def test_doctor_reports_a_call_that_seems_to_hang(stalled: World) -> None:
    assert_found(stalled, "schedule-scores", WARNING, "whose last progress was 2 min ago", "its lease runs out")


def test_a_call_that_gets_on_is_no_trouble(stalled: World) -> None:
    stalled.redis.hset(KEY, "idle_ms", 20_000)
    state = stalled.data("status")["jobs"]["scores"]
    assert re.search(r"made its last progress 2\d s ago\.", state["summary"])
    checks = run(stalled, "cron", "doctor", "--json").stdout
    assert "last progress" not in checks
