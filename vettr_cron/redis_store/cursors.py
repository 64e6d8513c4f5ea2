"""Where each job's next chunk starts: a plain integer that other programs know, and its companion fields."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, cast
from uuid import UUID

from redis import Redis

from vettr_cron.redis_store.client import redis_errors

CACHE_TTL_SECONDS = 86_400

# Other programs may have left anything behind, of any type, with any bytes: these functions alone judge it.
_PRELUDE = """
local function offset_at(key)
  local kind = redis.call('TYPE', key).ok
  if kind == 'none' then return '' end
  if kind ~= 'string' then return 'garbage' end
  local text = redis.call('GET', key)
  if #text <= 15 and string.match(text, '^%d+$') then return text end
  return 'garbage'
end
local function is_held(key, token)
  if redis.call('TYPE', key).ok ~= 'hash' or redis.call('HGET', key, 'token') ~= token then return false end
  -- What follows is progress, and the lease says so; it is renewed because that time counts from its renewal.
  local term = redis.call('HGET', key, 'term_ms')
  if term then
    redis.call('HSET', key, 'idle_ms', 0)
    redis.pcall('PEXPIRE', key, term)
  end
  return true
end
local function position_at(key)
  if redis.call('TYPE', key).ok ~= 'hash' then return {} end
  return redis.call('HMGET', key, 'offset', 'ticker', 'cycle_id', 'finished', 'database')
end
local function place(offset_key, position_key, ttl, offset, ...)
  redis.call('SET', offset_key, offset, 'EX', ttl)
  redis.call('DEL', position_key)
  redis.call('HSET', position_key, ...)
  redis.call('EXPIRE', position_key, ttl)
  return 'done'
end
"""
_READ = """
local position = position_at(KEYS[2])
local offset, database = offset_at(KEYS[1]), position[5] or ''
if not (position[1] and position[2] and position[3]) then return {offset, '', '', '', database} end
return {offset, position[1], position[2], position[3], database}
"""
# ARGV: token, offset seen, new offset, ticker, cycle id, TTL, database. If the offset has changed since it was seen,
# the caller reads it again. A repeat after a lost reply finds its own cycle id and answers 'done'.
_BEGIN = """
if not is_held(KEYS[1], ARGV[1]) then return 'lost' end
if position_at(KEYS[3])[3] == ARGV[5] then return 'done' end
if offset_at(KEYS[2]) ~= ARGV[2] then return 'changed' end
local fields = {'offset', ARGV[3], 'ticker', ARGV[4], 'cycle_id', ARGV[5]}
return place(KEYS[2], KEYS[3], ARGV[6], ARGV[3], 'database', ARGV[7], unpack(fields))
"""
# ARGV: token, cycle id, offset before, offset after, ticker after, '1' if the cycle ends, TTL, cache TTL, database;
# then one value for each cache key from KEYS[4] on. The answers are replaced even if the cursor was reset meanwhile,
# because their rows are committed; but not if the lease is another caller's, which may have written newer ones.
# Only a holder of the lease writes the position. So if it names this cycle and the place after the move, the move was
# made, and this is a repeat, whatever offset another program has set since: the next move finds that.
_MOVE = """
if not is_held(KEYS[1], ARGV[1]) then return 'lost' end
for i = 4, #KEYS do redis.call('SET', KEYS[i], ARGV[i + 6], 'EX', ARGV[8]) end
local position = position_at(KEYS[3])
if ARGV[6] == '1' then
  if position[4] == ARGV[2] then return 'done' end
elseif position[1] == ARGV[4] and position[3] == ARGV[2] then
  return 'done'
end
if offset_at(KEYS[2]) ~= ARGV[3] or position[3] ~= ARGV[2] then return 'changed' end
local fields = {'offset', ARGV[4], 'ticker', ARGV[5], 'cycle_id', ARGV[2]}
if ARGV[6] == '1' then fields = {'finished', ARGV[2]} end
return place(KEYS[2], KEYS[3], ARGV[7], ARGV[6] == '1' and '0' or ARGV[4], 'database', ARGV[9], unpack(fields))
"""
# ARGV: token, cache TTL, then one value for each cache key from KEYS[2] on.
_ANSWER = """
if not is_held(KEYS[1], ARGV[1]) then return 'lost' end
for i = 2, #KEYS do redis.call('SET', KEYS[i], ARGV[i + 1], 'EX', ARGV[2]) end
return 'done'
"""


class Moved(StrEnum):
    """The outcome of an attempt to move a cursor."""

    DONE = "done"
    CHANGED = "changed"  # a reset, or another program, moved the cursor meanwhile
    LOST = "lost"  # another caller has the lease


@dataclass(frozen=True, slots=True)
class Cursor:
    """The place in the universe that a cycle has reached: `offset` stocks are done, and the last one was `ticker`."""

    cycle_id: UUID
    offset: int
    ticker: str

    @property
    def after(self) -> str | None:
        """The ticker after which the next chunk starts; None at the start of the universe."""
        return self.ticker if self.offset else None


@dataclass(frozen=True, slots=True)
class CursorKeys:
    """What is in Redis: the offset ("" for none, or "garbage"), and the cursor if its other fields agree with it.

    `database` is the id of the database whose stocks the cursor was last moved through; "" if that is not known.
    """

    offset: str
    cursor: Cursor | None
    database: str = ""

    def is_of_another(self, database: str | None) -> bool:
        """Whether the cursor was last moved through the stocks of another database than this one."""
        return self.database not in ("", database)

    @property
    def rank(self) -> int | None:
        """The offset as a number of stocks; None when it is absent or garbage."""
        return int(self.offset) if self.offset.isdigit() else None


class Lease(Protocol):
    """What a cursor needs to know about a lease: the key that holds its token, the token, and who moves the cursor."""

    @property
    def key(self) -> str:
        """The key that holds the token."""

    @property
    def token(self) -> str:
        """The secret that only the holder knows."""

    @property
    def database(self) -> str:
        """The id of the database that the holder works on; "" if it is not known."""


class Cursors:
    """Reads, starts, moves and resets cursors, which expire `ttl` seconds after the last move."""

    def __init__(self, redis: Redis, ttl: int) -> None:
        self._redis = redis
        self._ttl = ttl
        self._read = redis.register_script(_PRELUDE + _READ)
        self._begin = redis.register_script(_PRELUDE + _BEGIN)
        self._move = redis.register_script(_PRELUDE + _MOVE)
        self._answer = redis.register_script(_PRELUDE + _ANSWER)

    def read(self, job: str) -> CursorKeys:
        """What is in Redis now. Raises RedisUnavailable."""
        with redis_errors():
            offset, companion_offset, ticker, cycle_id, database = self._read(keys=_keys(job))
        cursor = _cursor(companion_offset, ticker, cycle_id) if offset == companion_offset else None
        return CursorKeys(offset, cursor, database)

    def begin(self, job: str, lease: Lease, seen: CursorKeys, cursor: Cursor) -> Moved:
        """Write the start of a cycle, unless the offset is no longer the one seen. Raises RedisUnavailable."""
        arguments: list[str | int] = [
            lease.token,
            seen.offset,
            cursor.offset,
            cursor.ticker,
            str(cursor.cycle_id),
            self._ttl,
            lease.database,
        ]
        with redis_errors():
            return Moved(self._begin(keys=[lease.key, *_keys(job)], args=arguments))

    def move(
        self,
        job: str,
        lease: Lease,
        before: Cursor,
        after: Cursor,
        answers: Mapping[str, str],
        *,
        cycle_ends: bool,
    ) -> Moved:
        """Replace the cached answers and move the cursor, in one step. Raises RedisUnavailable."""
        place: list[str | int] = [before.offset, after.offset, after.ticker, "1" if cycle_ends else "0"]
        arguments: list[str | int] = [
            lease.token,
            str(before.cycle_id),
            *place,
            self._ttl,
            CACHE_TTL_SECONDS,
            lease.database,
            *answers.values(),
        ]
        with redis_errors():
            return Moved(self._move(keys=[lease.key, *_keys(job), *answers], args=arguments))

    def answer(self, lease: Lease, answers: Mapping[str, str]) -> Moved:
        """Replace cached answers and leave every cursor where it is. Raises RedisUnavailable."""
        arguments: list[str | int] = [lease.token, CACHE_TTL_SECONDS, *answers.values()]
        with redis_errors():
            return Moved(self._answer(keys=[lease.key, *answers], args=arguments))

    def answers(self, keys: Sequence[str]) -> list[str | None]:
        """The cached answers, None where there is none, or something else than a text. Raises RedisUnavailable."""
        with redis_errors():
            return cast(list[str | None], self._redis.mget(keys))

    def reset(self, jobs: Sequence[str]) -> None:
        """Delete these jobs' cursors, so that the next call starts a new cycle. Raises RedisUnavailable."""
        with redis_errors():
            # A server that hangs must not carry out the command later, after the caller was told that it failed.
            self._redis.ping()
            self._redis.delete(*(key for job in jobs for key in _keys(job)))


def _keys(job: str) -> list[str]:
    return [f"cron:{job}:offset", f"cron:{job}:position"]


def _cursor(offset: str, ticker: str, cycle_id: str) -> Cursor | None:
    try:
        cursor = Cursor(UUID(cycle_id), int(offset), ticker)
    except ValueError:
        return None
    # An offset or id in a form other than ours would never compare equal again; no universe has such a ticker.
    ours = (str(cursor.offset), str(cursor.cycle_id)) == (offset, cycle_id) and not {"\0", "\ufffd"} & set(ticker)
    return cursor if ours else None
