"""Calls that do nothing tell nothing."""

import threading
import time

import pytest

from tests.integration.bare_stocks import add_stocks
from tests.integration.meddling import wait_until
from tests.integration.ping_hosts import Recorder
from tests.integration.pings.worlds import SCORES, MakeWorld
from tests.integration.replies import error_of
from tests.world import World
from vettr_cron.domain.run import CallStatus, StopReason
from vettr_cron.redis_store.leases import Leases
from vettr_cron.services.refresh.request import Request


def assert_only_the_next_call_tells(world: World, host: Recorder) -> None:
    """Pings arrive in the order in which they were sent: nothing came before those of the next call."""
    world.data("scores")
    assert host.paths() == ["/start", ""]


def test_a_call_that_another_holder_keeps_out_tells_nothing(world: World, host: Recorder) -> None:
    add_stocks(world, 2)
    Leases(world.redis, 30).acquire("scores")
    assert world.data("scores")["stop_reason"] == "already_running"
    error_of(world.call("scores?on_conflict=error"), 409, "CONFLICT")
    world.redis.delete("cron:scores:lease")
    assert_only_the_next_call_tells(world, host)


def test_a_paused_job_tells_nothing(world: World, host: Recorder) -> None:
    add_stocks(world, 2)
    world.data("pause?job=scores", method="POST")
    assert world.data("scores")["stop_reason"] == "paused"
    world.data("resume?job=scores", method="POST")
    assert_only_the_next_call_tells(world, host)


def test_work_outside_the_cycle_tells_nothing(world: World, host: Recorder) -> None:
    add_stocks(world, 12, unscorable=11)
    assert world.data("scores?tickers=T00011")["succeeded"] == 1
    assert world.call("scores?tickers=" + ",".join(f"T{number:05}" for number in range(11))).status_code == 500
    world.data("scores?chunk_size=1")
    assert host.paths() == ["/start", ""]


def test_nothing_that_was_asked_for_tells_nothing(world: World, host: Recorder) -> None:
    add_stocks(world, 2)
    error_of(world.call("scores?tickers=NONE"), 422, "VALIDATION_ERROR")
    assert world.data("scores?only=failed")["stop_reason"] == "stocks_done"
    world.data("scores?dry_run=1")
    assert_only_the_next_call_tells(world, host)


def test_a_spent_budget_that_let_nothing_be_done_tells_nothing(world: World, host: Recorder) -> None:
    add_stocks(world, 2)
    ends = time.monotonic() + 0.5

    def spend(_done: int, _total: int) -> None:
        wait_until(lambda: time.monotonic() > ends)

    result = world.services.refresh.run(SCORES, Request(chunk_size=1, chunks=1, time_budget=0.5), spend)
    assert (result.status, result.stop_reason) == (CallStatus.COMPLETED, StopReason.TIME_BUDGET)
    assert_only_the_next_call_tells(world, host)


@pytest.mark.parametrize("begun", [False, True])
def test_a_process_that_stops_before_anything_is_done_tells_nothing(
    make_world: MakeWorld, host: Recorder, begun: bool
) -> None:
    stopping = make_world()
    add_stocks(stopping, 2)
    if not begun:
        stopping.services.shutdown.ask()
    request = Request(chunk_size=1, chunks=1, time_budget=None)
    result = stopping.services.refresh.run(SCORES, request, lambda *_: stopping.services.shutdown.ask())
    assert (result.status, result.stop_reason) == (CallStatus.COMPLETED, StopReason.SHUTDOWN)
    assert_only_the_next_call_tells(make_world(), host)


def test_a_thread_is_made_only_when_there_is_something_to_tell(make_world: MakeWorld) -> None:
    before = set(threading.enumerate())
    silent, telling = make_world(cron_ping_url_scores=None), make_world()
    add_stocks(silent, 2)
    silent.data("refresh-all")
    telling.data("red-flags")
    assert "pings" not in {thread.name for thread in set(threading.enumerate()) - before}
    telling.data("scores")
    assert "pings" in {thread.name for thread in set(threading.enumerate()) - before}
