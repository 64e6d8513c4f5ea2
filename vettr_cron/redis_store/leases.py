"""At most one caller advances a job at a time, across every thread, process and machine."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import structlog
from redis import Redis

from vettr_cron.domain.errors import RedisUnavailable
from vettr_cron.domain.lease import Held
from vettr_cron.redis_store.client import redis_errors

log = structlog.get_logger(__name__)

RELEASE_SECONDS = 0.5
STALL_SECONDS = 300.0

# Each script is idempotent, because the client repeats one whose reply was lost. Anything else that another program has
# put in the key is not a lease, nor is a lease that would never expire.
# A lease names its own term, since two callers may have different ones. Its key lives longer than that if Redis' clock
# was set back. The release before this one wrote no term, but it had none of more than an hour.
_PRELUDE = """
local function token_at(key)
  return redis.call('TYPE', key).ok == 'hash' and redis.call('HGET', key, 'token')
end
local function holder_at(key)
  return redis.call('PTTL', key) >= 0 and token_at(key)
end
local function term_at(key)
  local text = redis.call('HGET', key, 'term_ms') or ''
  return #text <= 7 and string.match(text, '^[1-9]%d*$') and math.min(tonumber(text), 3600000) or 3600000
end
local function held_at(key)
  local left, term = redis.call('PTTL', key), term_at(key)
  local idle = redis.call('HGET', key, 'idle_ms') or ''
  -- What is gone of the term is the time since the renewal, by no clock that could be set.
  idle = #idle <= 15 and string.match(idle, '^%d+$') and tonumber(idle) + math.max(term - left, 0) or -1
  local run, call = unpack(redis.call('HMGET', key, 'run_id', 'call_id'))
  return {run or '', math.min(left, term), math.max(left - term, 0), idle, call or ''}
end
"""
_ACQUIRE = """
local token = holder_at(KEYS[1])
if token and token ~= ARGV[1] then
  local held = held_at(KEYS[1])
  if held[3] > 0 then redis.call('PEXPIRE', KEYS[1], held[2]) end
  return held
end
-- When Redis is out of memory, a script that has already written may go on writing. So delete only an existing key.
if not token and redis.call('EXISTS', KEYS[1]) == 1 then redis.call('DEL', KEYS[1]) end
redis.call('HSET', KEYS[1], 'token', ARGV[1], 'term_ms', ARGV[2], 'idle_ms', 0, 'call_id', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return {}
"""
_RENEW = """
if token_at(KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[3] ~= '' then redis.call('HSET', KEYS[1], 'run_id', ARGV[3]) end
redis.call('HSET', KEYS[1], 'idle_ms', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
"""
_RELEASE = """
if token_at(KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
"""
_HOLDER = """
return holder_at(KEYS[1]) and held_at(KEYS[1]) or {}
"""


def lease_key(job: str) -> str:
    """The hash that holds the job's holder's token, its term, call and run, and how long it shows no progress."""
    return f"cron:{job}:lease"


class Lease:
    """The right to advance one job's cursor, for as long as it is renewed."""

    def __init__(self, job: str, token: str) -> None:
        self.job = job
        self.key = lease_key(job)
        self.token = token
        self.database = ""  # the id of the database that its holder works on, once that is known
        self._lost = threading.Event()
        self.note_progress()

    def note_progress(self) -> None:
        """Record that the work gets on. Whoever only tries something again has not got on."""
        self._progressed = time.monotonic()

    @property
    def idle_seconds(self) -> float:
        """For how long there was no progress."""
        return time.monotonic() - self._progressed

    @property
    def lost(self) -> bool:
        """Whether the lease is lost: Redis has said so, or has been silent for a whole term."""
        return self._lost.is_set()

    def lose(self) -> None:
        """Record that the lease is lost, for good."""
        self._lost.set()


class Leases:
    """Acquires, renews and releases leases of `term` seconds.

    A holder without progress for `stall_seconds`, or for two terms if these are longer, does not renew its lease.
    """

    def __init__(self, redis: Redis, term: float, stall_seconds: float = STALL_SECONDS) -> None:
        self._redis = redis
        self._term = term
        self._stall = max(stall_seconds, 2 * term)
        self._acquire = redis.register_script(_PRELUDE + _ACQUIRE)
        self._renew = redis.register_script(_PRELUDE + _RENEW)
        self._release = redis.register_script(_PRELUDE + _RELEASE)
        self._holder = redis.register_script(_PRELUDE + _HOLDER)

    def acquire(self, job: str, call_id: str = "") -> Lease | Held:
        """The job's lease for a call, or what is known of its current holder, whose lease is cut to its own term.

        Raises RedisUnavailable.
        """
        lease = Lease(job, uuid4().hex)
        with redis_errors():
            # A server that hangs must not later grant the lease to a caller that is gone.
            self._redis.ping()
            held = self._acquire(keys=[lease.key], args=[lease.token, self._milliseconds, call_id])
        return _held(*held) if held else lease

    @contextmanager
    def kept(self, lease: Lease) -> Iterator[Lease]:
        """Renew the lease every third of its term while the block runs and gets on, then release it."""
        done = threading.Event()
        keeper = threading.Thread(target=self._keep, args=(lease, done), name=f"lease-{lease.job}", daemon=True)
        keeper.start()
        try:
            yield lease
        finally:
            done.set()
            # Do not keep the caller waiting for a silent Redis: the lease will expire.
            keeper.join(RELEASE_SECONDS)

    def renew(self, lease: Lease, run_id: str = "") -> bool:
        """Renew the lease now, and record its run. False if another caller has the lease. Raises RedisUnavailable."""
        with redis_errors():
            idle = int(lease.idle_seconds * 1000)
            ours = bool(self._renew(keys=[lease.key], args=[lease.token, self._milliseconds, run_id, idle]))
        if not ours:
            lease.lose()
        return ours

    def holder(self, job: str) -> Held | None:
        """The holder of the job's lease, if there is one; changes nothing. Raises RedisUnavailable."""
        with redis_errors():
            held = self._holder(keys=[lease_key(job)])
        return _held(*held) if held else None

    @property
    def _milliseconds(self) -> int:
        return int(self._term * 1000)

    def _keep(self, lease: Lease, done: threading.Event) -> None:
        last_renewal = time.monotonic()
        has_stalled = False
        while not done.wait(self._term / 3):
            if lease.idle_seconds > self._stall:
                # Another caller gets on then, and the fence stops this one, should it ever go on.
                if not has_stalled:
                    log.error("lease_not_renewed", job=lease.job, reason=f"no progress for {self._stall:g} s")
                has_stalled = True
                continue
            has_stalled = False
            try:
                if not self.renew(lease):
                    return
                last_renewal = time.monotonic()
            except RedisUnavailable as error:
                log.warning("lease_not_renewed", job=lease.job, reason=str(error))
                if time.monotonic() - last_renewal > self._term:
                    lease.lose()
                    return
        self._release_quietly(lease)

    def _release_quietly(self, lease: Lease) -> None:
        try:
            with redis_errors():
                self._release(keys=[lease.key], args=[lease.token])
        except RedisUnavailable as error:
            # It expires soon; the work itself is done, and its result must not be lost over this.
            log.warning("lease_not_released", job=lease.job, reason=str(error))


def _held(run_id: str, left: int, beyond: int, idle: int, call_id: str) -> Held:
    since_progress = None if idle < 0 else idle // 1000
    return Held(run_id or None, max(left, 0) / 1000, beyond / 1000, since_progress, call_id or None)
