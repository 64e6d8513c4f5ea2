"""Asks the database and Redis about themselves."""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import uuid4

from redis import Redis
from redis.exceptions import RedisError

from vettr_cron.database.transactions import Database
from vettr_cron.domain.diagnosis.servers import DatabaseFacts, RedisFacts
from vettr_cron.domain.diagnosis.tables import FoundTable, NeededTable
from vettr_cron.domain.errors import RedisUnavailable
from vettr_cron.domain.lease import Held
from vettr_cron.jobs.job import Job
from vettr_cron.logs import log_unavailable
from vettr_cron.redis_store.client import redis_errors
from vettr_cron.redis_store.cursors import Cursor, Cursors
from vettr_cron.redis_store.leases import Leases
from vettr_cron.repositories import database_server, table_columns
from vettr_cron.repositories.database_server import Right
from vettr_cron.services.monitor.liveness import TIMEOUT_SECONDS

PROBE_SECONDS = 2  # for which a key of a probe lives that could not be removed
CACHED_ANSWERS = ("vetr_score", "red_flags")

Clock = Callable[[], datetime]
Answer = TypeVar("Answer")


def ask_database(database: Database, jobs: Iterable[Job], clock: Clock) -> DatabaseFacts:
    """What the database reports about itself, in a transaction that may write but does not.

    Raises DatabaseUnavailable, including when SQLite cannot begin such a transaction.
    """
    needed = {*database_server.OWN_RIGHTS, *(right for job in jobs for right in _rights(job))}
    with database.writing(TIMEOUT_SECONDS) as connection:
        now, milliseconds, here = _timed(clock, lambda: database_server.answer(connection))
        if not database_server.is_postgresql(connection):
            return DatabaseFacts(round_trip_ms=milliseconds, journal_mode=database_server.journal_mode(connection))
        return DatabaseFacts(
            round_trip_ms=milliseconds,
            read_only=database_server.is_read_only(connection),
            forbidden=database_server.forbidden(connection, needed),
            not_to_delete_from=database_server.not_to_delete_from(connection),
            hidden=[] if database.row_security else database_server.hidden(connection, needed),
            allowed=database_server.allowed_connections(connection),
            ahead=None if now is None else now - here,
        )


def ask_tables(database: Database, jobs: Collection[Job]) -> tuple[Sequence[NeededTable], Mapping[str, FoundTable]]:
    """The tables as calls need them, and as they are. Raises DatabaseUnavailable."""
    needed = needed_tables(jobs)
    with database.reading(TIMEOUT_SECONDS) as connection:
        return needed, table_columns.found(connection, needed)


def needed_tables(jobs: Collection[Job]) -> list[NeededTable]:
    """The tables as these jobs and the service itself need them."""
    reads = [table for job in jobs for table in job.reads]
    inserts = [table for job in jobs for table in job.writes if table not in job.reads]
    return table_columns.needed(reads, inserts)


def _rights(job: Job) -> Iterator[Right]:
    """What the job must be allowed to do: in a table that it also reads, it only updates rows."""
    yield from ((table, "SELECT") for table in (*job.reads, *job.writes))
    yield from ((table, "UPDATE") for table in job.writes)
    yield from ((table, "INSERT") for table in job.writes if table not in job.reads)


def ask_redis(redis: "Redis", clock: Clock) -> RedisFacts:
    """What Redis reports about itself, and whether it does what calls ask of it. Raises RedisUnavailable."""
    with redis_errors():
        _, milliseconds, _ = _timed(clock, redis.ping)
    memory, persistence, replication = (_info(redis, section) for section in ("memory", "persistence", "replication"))
    return RedisFacts(
        round_trip_ms=milliseconds,
        policy=memory.get("maxmemory_policy"),
        maxmemory=memory.get("maxmemory"),
        used_memory=memory.get("used_memory"),
        append_only=_flag(persistence.get("aof_enabled")),
        snapshots=_snapshots(redis),
        is_replica=replication["role"] != "master" if "role" in replication else None,
        refusal=_refusal(redis),
        ahead=_ahead(redis, clock),
    )


def _timed(clock: Clock, ask: Callable[[], Answer]) -> tuple[Answer, float, datetime]:
    """An answer, the milliseconds that it took, and the local time halfway, when it was probably given."""
    asked_at, began = clock(), time.perf_counter()
    answer = ask()
    seconds = time.perf_counter() - began
    return answer, seconds * 1000, asked_at + timedelta(seconds=seconds / 2)


# Some hosts forbid some of these commands: what is not reported is None, and the rest is still asked.


def _info(redis: "Redis", section: str) -> dict[str, Any]:
    try:
        return dict(redis.info(section))
    except RedisError:
        return {}


def _snapshots(redis: "Redis") -> bool | None:
    try:
        return bool(redis.config_get("save")["save"])
    except (RedisError, KeyError):
        return None


def _ahead(redis: "Redis", clock: Clock) -> timedelta | None:
    try:
        (seconds, microseconds), _, here = _timed(clock, redis.time)
    except RedisError:
        return None
    there = datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None) + timedelta(microseconds=microseconds)
    return there - here


def _refusal(redis: "Redis") -> str | None:
    """Why Redis does not do what a call asks of it, tried with a call's own scripts on keys like a call's own."""
    job = f"doctor:{uuid4().hex}"
    answers = {f"{name}:{job}": "" for name in CACHED_ANSWERS}
    try:
        _advance(Leases(redis, PROBE_SECONDS), Cursors(redis, PROBE_SECONDS), job, answers)
    except RedisUnavailable as error:
        log_unavailable(error)
        return str(error)
    finally:
        with suppress(RedisError):
            redis.delete(*answers)
    return None


def _advance(leases: Leases, cursors: Cursors, job: str, answers: Mapping[str, str]) -> None:
    lease, cursor = leases.acquire(job), Cursor(uuid4(), 0, "")
    if isinstance(lease, Held):
        return
    with leases.kept(lease):
        leases.renew(lease, "doctor")
        leases.holder(job)
        cursors.begin(job, lease, cursors.read(job), cursor)
        cursors.move(job, lease, cursor, replace(cursor, offset=1, ticker="doctor"), answers, cycle_ends=False)
        cursors.answer(lease, answers)
    cursors.reset([job])


def _flag(value: Any) -> bool | None:
    return None if value is None else bool(value)
