"""The cursor's moves: none is lost or made twice, and whoever else moves it during a run wins."""

import json
from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest

from tests.integration.bare_stocks import add_stocks
from tests.integration.cursor_keys import OFFSET, POSITION, TTL, cycle_of, ranks_done
from tests.integration.meddling import at_stock, refresh
from tests.jobs import THE_TWO
from tests.world import World
from vettr_cron.domain.run import CallStatus, StopReason
from vettr_cron.redis_store.cursors import Cursor, CursorKeys, Cursors, Moved
from vettr_cron.redis_store.leases import Lease, Leases

STOCKS = 30


@pytest.fixture
def world(sqlite_world: World) -> World:
    """A service with 30 stocks, of which a cycle has scored the first 10."""
    add_stocks(sqlite_world, STOCKS)
    assert sqlite_world.data("scores?chunk_size=10")["succeeded"] == 10
    return sqlite_world


@pytest.fixture
def lease(world: World) -> Iterator[Lease]:
    """The lease of the scores job."""
    leases = Leases(world.redis, 30)
    taken = leases.acquire("scores")
    assert isinstance(taken, Lease)
    with leases.kept(taken):
        yield taken


@pytest.fixture
def cursors(world: World) -> Cursors:
    """Cursors in the service's own Redis."""
    return Cursors(world.redis, TTL)


# Each script may be repeated with the same arguments, as the client does when a reply was lost.


def test_the_start_of_a_cycle_can_be_said_twice(world: World, cursors: Cursors, lease: Lease) -> None:
    world.redis.delete(OFFSET)
    seen, start = cursors.read("scores"), Cursor(uuid4(), 0, "")
    assert cursors.begin("scores", lease, seen, start) is Moved.DONE
    assert cursors.begin("scores", lease, seen, start) is Moved.DONE
    assert cursors.read("scores") == CursorKeys("0", start)


def test_a_move_is_progress_and_renews_the_lease(world: World, cursors: Cursors, lease: Lease) -> None:
    before = cursors.read("scores").cursor
    assert before is not None
    moves: list[Callable[[], Moved]] = [
        lambda: cursors.move("scores", lease, before, Cursor(before.cycle_id, 12, "T00011"), {}, cycle_ends=False),
        lambda: cursors.answer(lease, {"vetr_score:T00001": "{}"}),
    ]
    for move in moves:
        world.redis.hset(lease.key, "idle_ms", 100_000)
        world.redis.expire(lease.key, 10)
        assert move() is Moved.DONE
        assert world.redis.hget(lease.key, "idle_ms") == "0"
        assert 25 < world.redis.ttl(lease.key) <= 30


def test_a_move_can_be_said_twice(world: World, cursors: Cursors, lease: Lease) -> None:
    before = cursors.read("scores").cursor
    assert before is not None
    after = Cursor(before.cycle_id, 12, "T00011")
    for _time in range(2):
        assert cursors.move("scores", lease, before, after, {"answer": "new"}, cycle_ends=False) is Moved.DONE
        assert cursors.read("scores") == CursorKeys("12", after)
        assert world.redis.get("answer") == "new"


def test_the_end_of_a_cycle_can_be_said_twice(world: World, cursors: Cursors, lease: Lease) -> None:
    before = cursors.read("scores").cursor
    assert before is not None
    after = Cursor(before.cycle_id, 30, "T00029")
    for _time in range(2):
        assert cursors.move("scores", lease, before, after, {}, cycle_ends=True) is Moved.DONE
        assert cursors.read("scores") == CursorKeys("0", None)


def test_the_end_of_a_cycle_that_was_empty_can_be_said_twice(world: World, cursors: Cursors, lease: Lease) -> None:
    world.redis.delete(OFFSET)
    start = Cursor(uuid4(), 0, "")
    assert cursors.begin("scores", lease, cursors.read("scores"), start) is Moved.DONE
    for _time in range(2):
        assert cursors.move("scores", lease, start, start, {}, cycle_ends=True) is Moved.DONE
        assert cursors.read("scores") == CursorKeys("0", None)


@pytest.mark.parametrize("cycle_ends", [False, True])
def test_a_repeat_of_a_move_that_was_made_leaves_an_offset_that_another_program_has_set_since(
    world: World, cursors: Cursors, lease: Lease, cycle_ends: bool
) -> None:
    before = cursors.read("scores").cursor
    assert before is not None
    after = Cursor(before.cycle_id, 30, "T00029")
    assert cursors.move("scores", lease, before, after, {}, cycle_ends=cycle_ends) is Moved.DONE
    for offset in ("5", "10", "garbage"):
        world.redis.set(OFFSET, offset)
        assert cursors.move("scores", lease, before, after, {}, cycle_ends=cycle_ends) is Moved.DONE
        assert cursors.read("scores") == CursorKeys(offset, None)


def test_a_repeat_of_a_move_after_a_reset_moves_nothing(cursors: Cursors, lease: Lease) -> None:
    before = cursors.read("scores").cursor
    assert before is not None
    after = Cursor(before.cycle_id, 12, "T00011")
    for cycle_ends in (False, True):
        cursors.reset(["scores"])
        assert cursors.move("scores", lease, before, after, {}, cycle_ends=cycle_ends) is Moved.CHANGED
        assert cursors.read("scores") == CursorKeys("", None)


def test_a_start_that_is_repeated_after_the_first_move_changes_nothing(
    world: World, cursors: Cursors, lease: Lease
) -> None:
    world.redis.delete(OFFSET)
    seen, start = cursors.read("scores"), Cursor(uuid4(), 0, "")
    cursors.begin("scores", lease, seen, start)
    after = Cursor(start.cycle_id, 5, "T00004")
    cursors.move("scores", lease, start, after, {}, cycle_ends=False)
    cursors.begin("scores", lease, seen, start)
    assert cursors.read("scores") == CursorKeys("5", after)


def test_a_move_from_a_place_that_the_cursor_has_left_changes_nothing(
    world: World, cursors: Cursors, lease: Lease
) -> None:
    before_all = cursors.read("scores")
    here = before_all.cursor
    assert here is not None
    elsewhere = Cursor(here.cycle_id, 5, "T00004")
    other_cycle = Cursor(uuid4(), here.offset, here.ticker)
    elsewhere_in_other_cycle = Cursor(other_cycle.cycle_id, 5, "T00004")
    for before, after in (
        (elsewhere, Cursor(elsewhere.cycle_id, 20, "T00019")),
        (other_cycle, Cursor(other_cycle.cycle_id, 20, "T00019")),
        (elsewhere_in_other_cycle, other_cycle),  # to where the cursor is
    ):
        assert cursors.move("scores", lease, before, after, {}, cycle_ends=False) is Moved.CHANGED
        assert cursors.move("scores", lease, before, after, {}, cycle_ends=True) is Moved.CHANGED
        assert cursors.read("scores") == before_all


def test_a_start_is_refused_when_the_offset_is_not_what_was_seen(world: World, cursors: Cursors, lease: Lease) -> None:
    seen = cursors.read("scores")
    world.redis.set(OFFSET, "20")
    assert cursors.begin("scores", lease, seen, Cursor(uuid4(), 0, "")) is Moved.CHANGED
    assert world.redis.get(OFFSET) == "20"


def test_nobody_moves_a_cursor_without_the_lease(world: World, cursors: Cursors) -> None:
    seen = cursors.read("scores")
    assert seen.cursor is not None
    stranger = Lease("scores", "a token that nobody gave out")
    after = Cursor(seen.cursor.cycle_id, 12, "T00011")
    for cycle_ends in (False, True):
        moved = cursors.move("scores", stranger, seen.cursor, after, {"answer": "new"}, cycle_ends=cycle_ends)
        assert moved is Moved.LOST
    assert cursors.begin("scores", stranger, seen, Cursor(uuid4(), 0, "")) is Moved.LOST
    assert cursors.read("scores") == seen
    assert world.redis.get("answer") is None


# Others move the cursor while a run is under way


@pytest.mark.parametrize("path", ["reset", "reset?job=scores"])
def test_a_reset_during_a_run_wins(world: World, path: str) -> None:
    before = cycle_of(world)
    job = at_stock(THE_TWO["scores"], 3, lambda: world.data(path, method="POST"))
    result = refresh(world, job, chunk_size=10, chunks=None)
    assert (result.status, result.stop_reason) == (CallStatus.COMPLETED, StopReason.RESET)
    assert (result.stocks_processed, result.succeeded, result.chunks_run, result.is_complete) == (10, 10, 1, False)
    assert ranks_done(world, str(before)) == set(range(20))
    newest = world.data("history")["runs"][0]
    assert (newest["status"], newest["succeeded"], newest["error_message"]) == ("completed", 10, None)
    assert world.redis.get(OFFSET) is None
    assert world.data("status")["scores_offset"] == 0

    following = world.data("scores?chunk_size=4")
    assert following["chunk_info"]["current_offset"] == 0
    assert following["cycle_id"] != str(before)


def test_a_reset_during_a_cycles_first_and_only_chunk_wins(world: World) -> None:
    world.data("reset")
    job = at_stock(THE_TWO["scores"], 30, lambda: world.data("reset"))
    result = refresh(world, job, chunk_size=100, chunks=None)
    assert (result.status, result.stop_reason) == (CallStatus.COMPLETED, StopReason.RESET)
    assert (result.stocks_processed, result.is_complete) == (30, False)


def test_the_answers_of_a_run_that_was_reset_are_those_of_its_rows(world: World) -> None:
    job = at_stock(THE_TWO["scores"], 3, lambda: world.data("reset"))
    refresh(world, job, chunk_size=10)
    (run, *_) = world.data("history")["runs"]
    for rank in range(10, 20):
        answer = json.loads(world.redis.get(f"vetr_score:T{rank:05}") or "{}")
        assert answer["calculated_at"] == run["started_at"]


def test_a_reset_of_the_other_job_disturbs_no_run(world: World) -> None:
    job = at_stock(THE_TWO["scores"], 3, lambda: world.data("reset?job=red-flags"))
    result = refresh(world, job, chunk_size=10)
    assert (result.status, result.stop_reason) == (CallStatus.COMPLETED, StopReason.CHUNKS_DONE)


def test_a_reset_leaves_the_lease_alone(world: World) -> None:
    skipped = []

    def reset_and_call() -> None:
        world.data("reset")
        skipped.append(world.data("scores"))

    refresh(world, at_stock(THE_TWO["scores"], 3, reset_and_call), chunk_size=10)
    assert skipped[0]["status"] == "skipped"


@pytest.mark.parametrize("offset", ["5", "20", "25", "-1", "garbage", b"\xff"])
def test_an_offset_set_during_a_run_wins(world: World, offset: str | bytes) -> None:
    job = at_stock(THE_TWO["scores"], 3, lambda: world.redis.set(OFFSET, offset))
    result = refresh(world, job, chunk_size=10, chunks=None)
    assert (result.status, result.stop_reason) == (CallStatus.COMPLETED, StopReason.RESET)
    following = world.data("scores?chunk_size=5")
    number = str(offset).isdigit()
    assert following["chunk_info"]["current_offset"] == (int(offset) if number else 0)
    assert ("warning" in following) is not number
    assert following["cycle_id"] != str(result.cycle_id)


def test_a_key_of_a_wrong_type_during_a_run_stops_it_in_order(world: World) -> None:
    def meddle() -> None:
        for key in (OFFSET, POSITION):
            world.redis.delete(key)
            world.redis.rpush(key, "10")

    result = refresh(world, at_stock(THE_TWO["scores"], 3, meddle), chunk_size=10, chunks=None)
    assert (result.status, result.stop_reason) == (CallStatus.COMPLETED, StopReason.RESET)
    assert world.data("scores")["chunk_info"]["current_offset"] == 0


def test_answers_of_wrong_types_are_replaced(world: World) -> None:
    world.redis.delete("vetr_score:T00012")
    world.redis.rpush("vetr_score:T00012", "not", "an", "answer")
    assert world.data("scores?chunk_size=10")["succeeded"] == 10
    assert json.loads(world.redis.get("vetr_score:T00012") or "{}")["ticker"] == "T00012"
