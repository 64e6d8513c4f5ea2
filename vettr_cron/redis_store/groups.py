"""The groups that workers have been given: which are still wanted, how often each was begun, and their outcomes."""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple, cast

from redis import Redis

from vettr_cron.domain.engine import Worker
from vettr_cron.redis_store.client import redis_errors
from vettr_cron.redis_store.leases import lease_key

MOST_DELIVERIES = 3  # of a group; whoever begins it once more is told to leave it
CALL_TTL_SECONDS = 60  # after which nothing of a caller that died is worked on any more
OUTCOME_TTL_SECONDS = 600
WORKER_TTL_SECONDS = 8.0  # a worker that was not seen for so long is not alive
QUEUE_PREFIX = "cron:celery:"  # of all keys of the broker; each job has a queue of its own
WORKERS_KEY = "cron:workers"
REDELIVERIES_KEY = "cron:redeliveries"

# A job has one caller at a time, so one hash holds its groups: `call`, the caller's id, `stop` once it asks to stop,
# and for each group under its id `at:` (when it was given out or, once begun, last heard of, by Redis' clock), `n:`
# (how often it was begun), `e:` (how many stocks are evaluated). A group that is not in it is not wanted any more: its
# outcome was taken, or its caller is gone or has been superseded.
_BEGIN = """
if redis.call('HGET', KEYS[3], 'call_id') ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1], KEYS[2])
redis.call('HSET', KEYS[1], 'call', ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
"""
_NOW = "local time = redis.call('TIME'); local now = time[1] + time[2] / 1000000\n"
_ADD = (
    _NOW
    + """
if redis.call('HGET', KEYS[1], 'call') ~= ARGV[1] then return 0 end
for i = 2, #ARGV do redis.call('HSET', KEYS[1], 'at:' .. ARGV[i], tostring(now), 'n:' .. ARGV[i], 0) end
return 1
"""
)
_TAKE = (
    _NOW
    + """
if redis.call('HGET', KEYS[1], 'call') ~= ARGV[1] or redis.call('HEXISTS', KEYS[1], 'n:' .. ARGV[2]) == 0 then
  return 0
end
redis.call('HSET', KEYS[1], 'at:' .. ARGV[2], tostring(now))
local times = redis.call('HINCRBY', KEYS[1], 'n:' .. ARGV[2], 1)
if times > 1 and times <= tonumber(ARGV[4]) then redis.call('HINCRBY', KEYS[2], ARGV[3], 1) end
return times
"""
)
_GIVE_BACK = """
if tonumber(redis.call('HGET', KEYS[1], 'n:' .. ARGV[1]) or 0) > 0 then
  return redis.call('HINCRBY', KEYS[1], 'n:' .. ARGV[1], -1)
end
return 0
"""
_REPORT = (
    _NOW
    + """
if redis.call('HGET', KEYS[1], 'call') ~= ARGV[1] or redis.call('HEXISTS', KEYS[1], 'n:' .. ARGV[2]) == 0 then
  return {0, 0}
end
redis.call('HSET', KEYS[1], 'at:' .. ARGV[2], tostring(now), 'e:' .. ARGV[2], ARGV[3])
if tonumber(redis.call('HGET', KEYS[1], 'n:' .. ARGV[2])) > tonumber(ARGV[4]) then
  redis.call('HINCRBY', KEYS[1], 'n:' .. ARGV[2], -1)
end
return {1, redis.call('HEXISTS', KEYS[1], 'stop')}
"""
)
_LEAVE = """
if redis.call('HEXISTS', KEYS[1], 'n:' .. ARGV[1]) == 0 then return 0 end
redis.call('SET', KEYS[2], ARGV[2], 'EX', ARGV[3])
return 1
"""
_STOP = """
if redis.call('HGET', KEYS[1], 'call') ~= ARGV[1] then return {} end
redis.call('HSET', KEYS[1], 'stop', 1)
local withdrawn = {}
for i = 2, #ARGV do
  local begun = redis.call('HGET', KEYS[1], 'n:' .. ARGV[i])
  if not begun or begun == '0' then
    redis.call('HDEL', KEYS[1], 'at:' .. ARGV[i], 'n:' .. ARGV[i])
    withdrawn[#withdrawn + 1] = ARGV[i]
  end
end
return withdrawn
"""
_DROP = """
if redis.call('HGET', KEYS[1], 'call') ~= ARGV[1] then return 0 end
for i = 2, #ARGV do redis.call('HDEL', KEYS[1], 'at:' .. ARGV[i], 'n:' .. ARGV[i], 'e:' .. ARGV[i]) end
return 1
"""
_LOOK = """
if redis.call('HGET', KEYS[1], 'call') ~= ARGV[1] then return {} end
redis.call('EXPIRE', KEYS[1], ARGV[2])
return redis.call('HGETALL', KEYS[1])
"""
_END = """
if redis.call('HGET', KEYS[1], 'call') ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
"""


class Group(NamedTuple):
    """A group that was given to workers, and whose outcome is not taken yet."""

    heard_of_at: float  # when it was given out or, once begun, last heard of; Unix time, by Redis' clock
    deliveries: int  # how often a worker began it; 0: it waits
    evaluated: int  # stocks, by the worker that has it


def groups_key(job: str) -> str:
    """The hash of the job's groups that are under way."""
    return f"cron:{job}:groups"


def _outcome_key(group: str) -> str:
    return f"cron:outcome:{group}"


class Groups:
    """What callers and workers tell each other beside the queue. Every function raises RedisUnavailable."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._scripts = {
            name: redis.register_script(text)
            for name, text in {
                "begin": _BEGIN,
                "add": _ADD,
                "give back": _GIVE_BACK,
                "take": _TAKE,
                "report": _REPORT,
                "leave": _LEAVE,
                "stop": _STOP,
                "drop": _DROP,
                "look": _LOOK,
                "end": _END,
            }.items()
        }

    def begin(self, job: str, call: str) -> bool:
        """Begin a call: what callers before it have given out or queued is not wanted any more.

        False if the call does not hold the job's lease.
        """
        keys = [groups_key(job), QUEUE_PREFIX + job, lease_key(job)]
        with redis_errors():
            return bool(self._scripts["begin"](keys=keys, args=[call, CALL_TTL_SECONDS]))

    def end(self, job: str, call: str) -> None:
        """End the call: none of its groups is wanted any more."""
        self._run("end", job, call)

    def add(self, job: str, call: str, groups: Sequence[str]) -> bool:
        """Note groups that are given out. False if another caller has begun."""
        return bool(self._run("add", job, call, *groups))

    def drop(self, job: str, call: str, groups: Collection[str]) -> None:
        """Forget groups and their outcomes, which are taken or not wanted any more."""
        if groups:
            self._run("drop", job, call, *groups)
            with redis_errors():
                self._redis.unlink(*map(_outcome_key, groups))

    def stop(self, job: str, call: str, groups: Collection[str]) -> set[str]:
        """Ask the workers to stop soon. Returns those of the groups that none has begun: they are withdrawn.

        Those that Redis does not know are among them, as the answer to a first attempt may be lost.
        """
        return set(self._run("stop", job, call, *groups))

    def look(self, job: str, call: str) -> Mapping[str, Group] | None:
        """The call's groups by id, which are kept for a while longer; None if another caller has begun."""
        fields = self._run("look", job, call, CALL_TTL_SECONDS)
        return _groups(dict(zip(fields[::2], fields[1::2], strict=True))) if fields else None

    def queued(self, job: str) -> int:
        """How many of the job's groups are in the queue."""
        with redis_errors():
            return int(self._redis.llen(QUEUE_PREFIX + job))

    def under_way(self, job: str) -> Sequence[Group]:
        """The job's groups, whosever they are."""
        with redis_errors():
            return list(_groups(self._hash(groups_key(job))).values())

    def take(self, job: str, call: str, group: str) -> int:
        """Begin a group, as a worker. Returns how often it was begun, this time too; 0 if it is not wanted any more."""
        keys = [groups_key(job), REDELIVERIES_KEY]
        with redis_errors():
            return int(self._scripts["take"](keys=keys, args=[call, group, job, MOST_DELIVERIES]))

    def give_back(self, job: str, group: str) -> None:
        """Say that a worker that is stopped has not done a group, so that this beginning does not count."""
        self._run("give back", job, group)

    def report(self, job: str, call: str, group: str, evaluated: int, times: int) -> tuple[bool, bool]:
        """Say how far a group is. Returns whether it is still wanted, and whether its caller asks to stop soon.

        `times` is what `take` has returned: if another worker has begun the group since, as if this one were dead, that
        beginning does not count.
        """
        wanted, stop = self._run("report", job, call, group, evaluated, times)
        return bool(wanted), bool(stop)

    def leave_outcome(self, job: str, group: str, outcome: str) -> None:
        """Leave a group's outcome for the caller, if it is still wanted."""
        with redis_errors():
            self._scripts["leave"](
                keys=[groups_key(job), _outcome_key(group)], args=[group, outcome, OUTCOME_TTL_SECONDS]
            )

    def outcomes(self, groups: Sequence[str]) -> Mapping[str, str]:
        """The outcomes that are there, by the ids of their groups."""
        with redis_errors():
            texts = self._redis.mget([_outcome_key(group) for group in groups])
        return {group: str(text) for group, text in zip(groups, texts, strict=True) if text is not None}

    def redeliveries(self) -> Mapping[str, int]:
        """How many times groups were begun again, by job, since Redis was last emptied."""
        with redis_errors():
            return {job: int(times) for job, times in self._hash(REDELIVERIES_KEY).items()}

    def seen(self, worker: Worker) -> None:
        """Say that a worker is alive, and forget those that have been dead for an hour."""
        now = self.now()
        with redis_errors():
            text = json.dumps({**worker._asdict(), "at": now})
            self._redis.hset(WORKERS_KEY, worker.name, text)
            dead = [name for name, (_worker, at) in self._all_workers().items() if at < now - 3_600]
            if dead:
                self._redis.hdel(WORKERS_KEY, *dead)

    def gone(self, worker: Worker) -> None:
        """Say that a worker has ended."""
        with redis_errors():
            self._redis.hdel(WORKERS_KEY, worker.name)

    def workers(self) -> Sequence[Worker]:
        """The workers that are alive, by name."""
        since = self.now() - WORKER_TTL_SECONDS
        with redis_errors():
            found = sorted(self._all_workers().items())
        return [worker for _name, (worker, at) in found if at >= since]

    def now(self) -> float:
        """Unix time by Redis' clock, as machines' own clocks differ."""
        with redis_errors():
            seconds, microseconds = self._redis.time()
        return float(seconds) + float(microseconds) / 1_000_000

    def _all_workers(self) -> dict[str, tuple[Worker, float]]:
        """By name, each worker and when it was last seen."""
        found = {name: _worker(name, text) for name, text in self._hash(WORKERS_KEY).items()}
        return {name: each for name, each in found.items() if each}

    def _hash(self, key: str) -> dict[str, str]:
        return cast(dict[str, str], self._redis.hgetall(key))

    def _run(self, script: str, job: str, *arguments: Any) -> Any:
        with redis_errors():
            return self._scripts[script](keys=[groups_key(job)], args=list(arguments))


def _worker(name: str, text: str) -> tuple[Worker, float] | None:
    """What a worker says of itself, and when; None for what another program has written."""
    try:
        said = json.loads(text)
        worker = Worker(name, str(said["release"]), int(said["processes"]), tuple(map(str, said["jobs"])))
        return worker, float(said["at"])
    except (KeyError, TypeError, ValueError):
        return None


def _groups(fields: Mapping[str, str]) -> dict[str, Group]:
    ids = [name[3:] for name in fields if name.startswith("at:")]
    return {
        each: Group(float(fields[f"at:{each}"]), int(fields.get(f"n:{each}", 0)), int(fields.get(f"e:{each}", 0)))
        for each in ids
    }
