"""The cursor's keys: whatever stands in them has a defined outcome, and none is an exception."""

from collections.abc import Callable
from functools import partial
from uuid import UUID, uuid4

import pytest

from tests.integration.bare_stocks import add_stocks
from tests.integration.cursor_keys import OFFSET, POSITION, TTL, cycle_of, ranks_done
from tests.world import World

STOCKS = 30

Meddle = Callable[[World], object]


@pytest.fixture
def world(sqlite_world: World) -> World:
    """A service with 30 stocks, of which a cycle has scored the first 10."""
    add_stocks(sqlite_world, STOCKS)
    assert sqlite_world.data("scores?chunk_size=10")["succeeded"] == 10
    return sqlite_world


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
        *(b"\xff\xfe", b"1\xff", b"10\x00", b"\x0010", b"\xc3(", b"1" * 100_000),
    ],
    ids=lambda offset: repr(offset[:20]),
)
def test_an_invalid_offset_starts_a_new_cycle_with_a_warning(world: World, offset: str | bytes) -> None:
    before = cycle_of(world)
    world.redis.set(OFFSET, offset)
    assert world.data("status")["scores_offset"] == 0
    result = world.data("scores?chunk_size=4")
    assert result["chunk_info"]["current_offset"] == 0
    assert result["cycle_id"] != str(before)
    assert "not a whole number" in result["warning"]
    assert ranks_done(world, result["cycle_id"]) == {0, 1, 2, 3}
    assert (world.redis.get(OFFSET), cycle_of(world)) == ("4", UUID(result["cycle_id"]))


@pytest.mark.parametrize("offset", ["30", "31", "1000000", "9" * 15])
def test_an_offset_beyond_the_end_starts_a_new_cycle_with_a_warning(world: World, offset: str) -> None:
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
def test_an_offset_of_the_wrong_type_starts_a_new_cycle_with_a_warning(world: World, kind: str) -> None:
    world.redis.delete(OFFSET)
    WRONG_TYPES[kind](world, OFFSET)
    assert world.data("status")["scores_offset"] == 0
    result = world.data("scores?chunk_size=4")
    assert result["chunk_info"]["current_offset"] == 0
    assert "not a whole number" in result["warning"]
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
def test_an_offset_without_matching_keys_starts_a_new_cycle_there(world: World, what: str) -> None:
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


def test_keys_that_agree_on_an_invalid_number_do_not_count(world: World) -> None:
    world.redis.set(OFFSET, "010")
    world.redis.hset(POSITION, "offset", "010")
    assert world.data("scores?chunk_size=4")["stop_reason"] == "chunks_done"
    assert world.redis.get(OFFSET) == "14"


def test_companions_beside_an_offset_that_is_gone_do_not_count(world: World) -> None:
    world.redis.delete(OFFSET)
    world.redis.hset(POSITION, "offset", "")
    assert world.data("scores")["chunk_info"]["current_offset"] == 0


def test_a_removed_ticker_still_marks_a_place(world: World) -> None:
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


def test_a_call_that_moves_nothing_renews_nothing(world: World) -> None:
    world.redis.expire(OFFSET, 100)
    world.redis.hset("cron:scores:lease", "token", "another caller's")
    world.redis.expire("cron:scores:lease", 30)
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
