"""The cursor: whatever stands in its keys has a defined outcome, and no move of it is lost or made twice."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from uuid import UUID, uuid4

import pytest

from tests.integration.bare_stocks import add_stocks
from tests.integration.meddling import at_stock, refresh
from tests.world import World
from tests.written_rows import stock_ids, stocks_done
from vettr_cron.cursors import Cursor, CursorKeys, Cursors, Moved
from vettr_cron.domain.run import CallStatus, StopReason
from vettr_cron.jobs import JOBS
from vettr_cron.lease import Lease, Leases

OFFSET, POSITION = "cron:scores:offset", "cron:scores:position"
TTL = 86_400
STOCKS = 30

Meddle = Callable[[World], object]


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


def cycle_of(world: World) -> UUID:
    return UUID(str(world.redis.hget(POSITION, "cycle_id")))


def ranks_done(world: World, cycle: str) -> set[int]:
    """The ranks, from 0, of the stocks that a cycle has scored."""
    stocks = list(stock_ids(world).values())
    return {stocks.index(stock) for stock in stocks_done(world, "scores", cycle, stocks)}


# What other programs may leave in the key that they know, and where the next chunk starts.


@pytest.mark.parametrize(("offset", "start"), [("20", 20), ("5", 5), ("0", 0), ("007", 7), ("29", 29), ("00", 0)])
def test_an_offset_set_by_hand_starts_a_new_cycle_at_that_rank(world: World, offset: str, start: int) -> None:
    before = cycle_of(world)
    world.redis.set(OFFSET, offset)
    result = world.data("scores?chunk_size=4")
    assert result["chunk_info"]["current_offset"] == start
    assert result["cycle_id"] != str(before)
    assert "warning" not in result
    assert ranks_done(world, result["cycle_id"]) == set(range(start, min(start + 4, STOCKS)))
    following = world.data("scores?chunks=all")
    if start < STOCKS - 4:
        assert following["cycle_id"] == result["cycle_id"]
        assert ranks_done(world, result["cycle_id"]) == set(range(start, STOCKS))


@pytest.mark.parametrize(
    "offset",
    [
        *("-5", "-0", "+5", "12.5", "1e1", " 10", "10 ", "10\n", "0x10", "ten", "", "garbage", "null", "1,0"),
        *("9" * 16, "9" * 400, "\u0663", "\uff11\uff10"),
        *(b"\xff\xfe", b"10\x00", b"\x0010", b"\xc3(", b"1" * 100_000),
    ],
    ids=lambda offset: repr(offset[:20]),
)
def test_an_offset_that_is_no_whole_number_starts_a_new_cycle_at_0_with_a_warning(
    world: World, offset: str | bytes
) -> None:
    before = cycle_of(world)
    world.redis.set(OFFSET, offset)
    assert world.data("status")["scores_offset"] == 0
    result = world.data("scores?chunk_size=4")
    assert result["chunk_info"]["current_offset"] == 0
    assert result["cycle_id"] != str(before)
    assert "no whole number" in result["warning"]
    assert ranks_done(world, result["cycle_id"]) == {0, 1, 2, 3}
    assert (world.redis.get(OFFSET), cycle_of(world)) == ("4", UUID(result["cycle_id"]))


@pytest.mark.parametrize("offset", ["30", "31", "1000000", "9" * 15])
def test_an_offset_beyond_the_end_starts_a_new_cycle_at_0_with_a_warning(world: World, offset: str) -> None:
    world.redis.set(OFFSET, offset)
    assert world.data("status")["scores_progress_pct"] == 100
    result = world.data("scores?chunk_size=4")
    assert result["chunk_info"]["current_offset"] == 0
    assert "beyond the end of 30 stocks" in result["warning"]
    assert ranks_done(world, result["cycle_id"]) == {0, 1, 2, 3}


WRONG_TYPES: dict[str, Callable[[World, str], object]] = {
    "list": lambda world, key: world.redis.rpush(key, "10", "20"),
    "hash": lambda world, key: world.redis.hset(key, "offset", "10"),
    "set": lambda world, key: world.redis.sadd(key, "10"),
    "sorted set": lambda world, key: world.redis.zadd(key, {"10": 10}),
    "stream": lambda world, key: world.redis.xadd(key, {"offset": "10"}),
}


@pytest.mark.parametrize("kind", WRONG_TYPES)
def test_an_offset_of_a_wrong_type_starts_a_new_cycle_at_0_with_a_warning(world: World, kind: str) -> None:
    world.redis.delete(OFFSET)
    WRONG_TYPES[kind](world, OFFSET)
    assert world.data("status")["scores_offset"] == 0
    result = world.data("scores?chunk_size=4")
    assert result["chunk_info"]["current_offset"] == 0
    assert "no whole number" in result["warning"]
    assert world.redis.get(OFFSET) == "4"
    assert world.data("scores?chunk_size=4")["chunk_info"]["current_offset"] == 4


def test_an_offset_that_expired_starts_a_new_cycle_without_a_word(world: World) -> None:
    before = cycle_of(world)
    world.redis.delete(OFFSET)
    result = world.data("scores?chunk_size=4")
    assert result["chunk_info"]["current_offset"] == 0
    assert result["cycle_id"] != str(before)
    assert "warning" not in result


# What may have become of the companions while the offset stands: they count only while they agree with it.


def replace_companions(kind: str, world: World) -> None:
    world.redis.delete(POSITION)
    WRONG_TYPES[kind](world, POSITION)


COMPANIONS: dict[str, Meddle] = {
    "are missing": lambda world: world.redis.delete(POSITION),
    "disagree": lambda world: world.redis.hset(POSITION, "offset", "9"),
    "are empty": lambda world: world.redis.hset(POSITION, mapping={"offset": "", "ticker": "", "cycle_id": ""}),
    "lack the offset": lambda world: world.redis.hdel(POSITION, "offset"),
    "lack the ticker": lambda world: world.redis.hdel(POSITION, "ticker"),
    "lack the cycle": lambda world: world.redis.hdel(POSITION, "cycle_id"),
    "have a cycle that is no id": lambda world: world.redis.hset(POSITION, "cycle_id", "the second"),
    "have a cycle in capitals": lambda world: world.redis.hset(POSITION, "cycle_id", str(uuid4()).upper()),
    "have a cycle in braces": lambda world: world.redis.hset(POSITION, "cycle_id", f"{{{uuid4()}}}"),
    "have a cycle of bytes that are no text": lambda world: world.redis.hset(POSITION, "cycle_id", b"\xff" * 36),
    "have a ticker of bytes that are no text": lambda world: world.redis.hset(POSITION, "ticker", b"\xff\xfe"),
    "have a ticker with a zero byte": lambda world: world.redis.hset(POSITION, "ticker", b"T\x00"),
    "have an offset of bytes that are no text": lambda world: world.redis.hset(POSITION, "offset", b"\xff"),
    **{f"are a {kind}": partial(replace_companions, kind) for kind in WRONG_TYPES if kind != "hash"},
    "are a text": lambda world: (world.redis.delete(POSITION), world.redis.set(POSITION, "10")),
}


@pytest.mark.parametrize("what", COMPANIONS)
def test_an_offset_whose_companions_do_not_agree_starts_a_new_cycle_at_its_rank(world: World, what: str) -> None:
    before = cycle_of(world)
    COMPANIONS[what](world)
    assert world.data("status")["jobs"]["scores"]["cycle"]["cycle_id"] is None
    result = world.data("scores?chunk_size=15")
    assert result["chunk_info"]["current_offset"] == 10
    assert result["cycle_id"] != str(before)
    assert "warning" not in result
    assert result["stop_reason"] == "chunks_done"
    assert ranks_done(world, result["cycle_id"]) == set(range(10, 25))
    assert world.data("scores?chunk_size=15")["stop_reason"] == "cycle_complete"


def test_companions_that_agree_on_a_text_that_is_no_plain_number_do_not_count(world: World) -> None:
    world.redis.set(OFFSET, "010")
    world.redis.hset(POSITION, "offset", "010")
    assert world.data("scores?chunk_size=4")["stop_reason"] == "chunks_done"
    assert world.redis.get(OFFSET) == "14"


def test_companions_beside_an_offset_that_is_gone_do_not_count(world: World) -> None:
    world.redis.delete(OFFSET)
    world.redis.hset(POSITION, "offset", "")
    assert world.data("scores")["chunk_info"]["current_offset"] == 0


def test_a_ticker_that_is_no_stock_any_more_is_a_place_all_the_same(world: World) -> None:
    before = cycle_of(world)
    world.redis.hset(POSITION, "ticker", "T00009.5")
    result = world.data("scores?chunk_size=4")
    assert result["cycle_id"] == str(before)
    assert ranks_done(world, result["cycle_id"]) == set(range(14))


# Time to live


@pytest.mark.parametrize("key", [OFFSET, POSITION])
def test_the_time_to_live_is_renewed_with_each_move(world: World, key: str) -> None:
    for _move in range(2):
        world.redis.expire(key, 100)
        world.data("scores?chunk_size=5")
        assert TTL - 10 <= world.redis.ttl(key) <= TTL
    world.redis.expire(key, 100)
    assert world.data("scores")["chunk_info"]["is_complete"]
    assert TTL - 10 <= world.redis.ttl(key) <= TTL


def test_a_call_that_moves_nothing_renews_nothing(world: World, lease: Lease) -> None:
    world.redis.expire(OFFSET, 100)
    assert world.data("scores")["status"] == "skipped"
    world.data("status")
    assert world.redis.ttl(OFFSET) <= 100


def test_the_cursor_lives_as_long_as_the_configuration_says(
    world: World, migrated_sqlite_url: str, redis_url: str
) -> None:
    shorter = World.make(migrated_sqlite_url, redis_url, cron_cursor_ttl_seconds=600)
    shorter.data("scores?chunk_size=5")
    assert 590 <= shorter.redis.ttl(OFFSET) <= 600
    shorter.close()


# Each script may be repeated with the same arguments, as the client does when a reply was lost.


def test_the_start_of_a_cycle_can_be_said_twice(world: World, cursors: Cursors, lease: Lease) -> None:
    world.redis.delete(OFFSET)
    seen, start = cursors.read("scores"), Cursor(uuid4(), 0, "")
    assert cursors.begin("scores", lease, seen, start) is Moved.DONE
    assert cursors.begin("scores", lease, seen, start) is Moved.DONE
    assert cursors.read("scores") == CursorKeys("0", start)


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
    here = cursors.read("scores").cursor
    assert here is not None
    elsewhere = Cursor(here.cycle_id, 5, "T00004")
    other_cycle = Cursor(uuid4(), here.offset, here.ticker)
    for before in (elsewhere, other_cycle):
        after = Cursor(before.cycle_id, 20, "T00019")
        assert cursors.move("scores", lease, before, after, {}, cycle_ends=False) is Moved.CHANGED
        assert cursors.move("scores", lease, before, after, {}, cycle_ends=True) is Moved.CHANGED
        assert cursors.read("scores") == CursorKeys("10", here)


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
    job = at_stock(JOBS["scores"], 3, lambda: world.data(path, method="POST"))
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
    job = at_stock(JOBS["scores"], 30, lambda: world.data("reset"))
    result = refresh(world, job, chunk_size=100, chunks=None)
    assert (result.status, result.stop_reason) == (CallStatus.COMPLETED, StopReason.RESET)
    assert (result.stocks_processed, result.is_complete) == (30, False)


def test_the_answers_of_a_run_that_was_reset_are_those_of_its_rows(world: World) -> None:
    job = at_stock(JOBS["scores"], 3, lambda: world.data("reset"))
    refresh(world, job, chunk_size=10)
    (run, *_) = world.data("history")["runs"]
    for rank in range(10, 20):
        answer = json.loads(world.redis.get(f"vetr_score:T{rank:05}") or "{}")
        assert answer["calculated_at"] == run["started_at"]


def test_a_reset_of_the_other_job_disturbs_no_run(world: World) -> None:
    job = at_stock(JOBS["scores"], 3, lambda: world.data("reset?job=red-flags"))
    result = refresh(world, job, chunk_size=10)
    assert (result.status, result.stop_reason) == (CallStatus.COMPLETED, StopReason.CHUNKS_DONE)


def test_a_reset_leaves_the_lease_alone(world: World) -> None:
    skipped = []

    def reset_and_call() -> None:
        world.data("reset")
        skipped.append(world.data("scores"))

    refresh(world, at_stock(JOBS["scores"], 3, reset_and_call), chunk_size=10)
    assert skipped[0]["status"] == "skipped"


@pytest.mark.parametrize("offset", ["5", "20", "25", "-1", "garbage", b"\xff"])
def test_an_offset_set_during_a_run_wins(world: World, offset: str | bytes) -> None:
    job = at_stock(JOBS["scores"], 3, lambda: world.redis.set(OFFSET, offset))
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

    result = refresh(world, at_stock(JOBS["scores"], 3, meddle), chunk_size=10, chunks=None)
    assert (result.status, result.stop_reason) == (CallStatus.COMPLETED, StopReason.RESET)
    assert world.data("scores")["chunk_info"]["current_offset"] == 0


def test_answers_of_wrong_types_are_replaced(world: World) -> None:
    world.redis.delete("vetr_score:T00012")
    world.redis.rpush("vetr_score:T00012", "not", "an", "answer")
    assert world.data("scores?chunk_size=10")["succeeded"] == 10
    assert json.loads(world.redis.get("vetr_score:T00012") or "{}")["ticker"] == "T00012"
