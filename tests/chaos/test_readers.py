"""What readers are told of a run whose holder is dead, or which begins or ends while they read."""

import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from threading import Event

import pytest

from tests.chaos.arena import MakeArenas
from tests.chaos.caller import calling
from tests.integration.bare_stocks import add_stocks
from tests.integration.meddling import at_stock, refresh, under_way
from tests.jobs import THE_TWO
from tests.world import World
from vettr_cron.domain.lease import Held
from vettr_cron.domain.run import CallStatus, JobResult, Run, RunStatus
from vettr_cron.redis_store.cursors import Cursors
from vettr_cron.redis_store.leases import Leases, lease_key
from vettr_cron.services.monitor.history import ReadHistory, RunFilter
from vettr_cron.services.monitor.status import ReadStatus


@pytest.fixture
def world(migrated_url: str, redis_url: str) -> Iterator[World]:
    world = World.make(migrated_url, redis_url)
    yield world
    world.close()


class WatchedLeases(Leases):
    """Leases beside which something happens, once, just before or just after a reader asks who holds one."""

    def __init__(self, world: World, before: Callable[[], object] = int, after: Callable[[], object] = int) -> None:
        super().__init__(world.redis, 30)
        self._before, self._after = before, after

    def holder(self, job: str) -> Held | None:
        self._before()
        holder = super().holder(job)
        self._after()
        self._before = self._after = int
        return holder


@contextmanager
def a_run(world: World) -> Iterator[tuple[Callable[[], object], Callable[[], object]]]:
    """What starts a run, which then waits, and what lets it come to its end."""
    waits, may_end = Event(), Event()
    calls: list[Future[JobResult]] = []

    def wait() -> None:
        waits.set()
        may_end.wait(60)

    def start() -> None:
        calls.append(under_way(lambda: refresh(world, at_stock(THE_TWO["scores"], 1, wait))))
        assert waits.wait(60)

    def end() -> None:
        may_end.set()
        assert calls[0].result(60).status is CallStatus.COMPLETED

    yield start, end
    end()


def history(world: World, leases: Leases) -> Run:
    (run,) = ReadHistory(world.services.database, leases, THE_TWO).read(50, RunFilter())
    return run


def status(world: World, leases: Leases) -> Run:
    services, cursors = world.services, Cursors(world.redis, 60)
    engine = services.doctor.engine
    found = ReadStatus(services.database, leases, cursors, THE_TWO, services.settings, engine).read()
    run = found.jobs["scores"].last_run
    assert run is not None
    return run


read_by = pytest.mark.parametrize("read", [history, status])


@read_by
def test_a_run_that_begins_while_somebody_reads_is_not_taken_for_dead(
    world: World, read: Callable[[World, Leases], Run]
) -> None:
    add_stocks(world, 5)
    with a_run(world) as (start, _end):
        assert read(world, WatchedLeases(world, after=start)).status is RunStatus.RUNNING


@read_by
def test_a_run_that_ends_while_somebody_reads_is_not_taken_for_dead(
    world: World, read: Callable[[World, Leases], Run]
) -> None:
    add_stocks(world, 5)
    with a_run(world) as (start, end):
        start()
        assert read(world, WatchedLeases(world)).status is RunStatus.RUNNING
        assert read(world, WatchedLeases(world, before=end)).status is RunStatus.COMPLETED


@pytest.mark.parametrize("moment", ["after lease taken 1", "before orphans closed 1"])
def test_a_dead_run_is_not_running_although_another_has_taken_its_lease(
    postgres_arenas: MakeArenas, moment: str
) -> None:
    (arena,) = postgres_arenas(1, lambda world: add_stocks(world, 5), job="scores", chunk_size=5)
    with calling(arena.call("before results committed 1")) as dead:
        dead.wait_until_killed()
    arena.wait_for_the_lease_to_end()
    call = replace(arena, lease_seconds=30).call(moment, signal=signal.SIGSTOP)
    with calling(call) as successor:
        successor.wait_until_stopped()
        assert arena.world.redis.exists(lease_key("scores"))
        assert arena.running()
        arena.assert_readers_see_nothing_running()
        successor.go_on()
        assert successor.answer().status == 200
    assert not arena.running()


def test_a_run_is_running_from_the_first_moment_of_its_row(postgres_arenas: MakeArenas) -> None:
    (arena,) = postgres_arenas(1, lambda world: add_stocks(world, 5), job="scores", chunk_size=5, lease_seconds=30)
    with calling(arena.call("after run row inserted 1", signal=signal.SIGSTOP)) as caller:
        caller.wait_until_stopped()
        assert arena.world.data("status")["jobs"]["scores"]["running"]["status"] == "running"
        (run,) = arena.world.data("history?status=running")["runs"]
        assert arena.world.data("history?status=failed")["total"] == 0
        caller.go_on()
        assert caller.answer().json["data"]["run_id"] == run["id"]
