"""Whether the servers that the service needs answer, and the database is migrated."""

import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from enum import StrEnum
from typing import NamedTuple

from redis import Redis
from sqlalchemy import text

from vettr_cron.database.transactions import Database
from vettr_cron.domain.errors import NotMigrated, ServiceUnavailable
from vettr_cron.logs import log_unavailable
from vettr_cron.redis_store.client import redis_errors

KEPT_SECONDS = 1.0  # for which an answer is given again
SHARED_SECONDS = 0.5  # from its beginning, for which other callers wait for a check

_NAMES = {"database": "The database", "redis": "Redis"}
_VERSION = text("SELECT version_num FROM cron_alembic_version")


class Migrated(StrEnum):
    """Which release's migrations have run."""

    FULLY = "fully"  # all of this release's, and no others
    BEYOND = "beyond"  # a newer release's too, which stay compatible with the release before it
    PARTLY = "partly"  # not all of this release's


class _Check(NamedTuple):
    """A check under way, which all callers share."""

    began: float  # monotonic
    answer: "Future[Mapping[str, str]]"
    found: dict[str, str]  # so far
    asked: list[str]  # so far; the last one has not answered yet


class Readiness:
    """The use case behind `/readyz`. `known_migrations` returns those of this release, the newest first.

    Callers share one check, whose answer is kept for a moment, and do not wait long for it: a server that hangs must
    not keep every thread of the process waiting.
    """

    def __init__(self, database: Database, redis: Redis, known_migrations: Callable[[], Sequence[str]]) -> None:
        self._database = database
        self._redis = redis
        self._known_migrations = known_migrations
        self._lock = threading.Lock()
        self._check: _Check | None = None
        self._kept: tuple[float, Mapping[str, str]] = (-math.inf, {})  # when (monotonic), and the answer

    def problems(self) -> Mapping[str, str]:
        """Which servers are not ready, by name, and why; empty if all is well."""
        with self._lock:
            answered_at, answer = self._kept
            if time.monotonic() - answered_at < KEPT_SECONDS:
                return answer
            check, is_first = self._check, self._check is None
            if check is None:
                check = self._check = _Check(time.monotonic(), Future(), {}, [])
        if is_first:
            self._run(check)
        return self._shared(check)

    def _run(self, check: _Check) -> None:
        try:
            self._find(check)
        except BaseException as bug:
            check.answer.set_exception(bug)
        else:
            check.answer.set_result(check.found)
        with self._lock:
            self._check = None
            if check.answer.exception() is None:
                self._kept = time.monotonic(), check.found

    def _find(self, check: _Check) -> None:
        for name, ask in (("database", self._check_migration), ("redis", self._check_redis)):
            check.asked.append(name)
            try:
                ask()
            except ServiceUnavailable as problem:
                log_unavailable(problem, path="/readyz")
                check.found[name] = str(problem)

    def _shared(self, check: _Check) -> Mapping[str, str]:
        try:
            return check.answer.result(max(check.began + SHARED_SECONDS - time.monotonic(), 0))
        except TimeoutError:
            silent = check.asked[-1] if check.asked else "database"
            return {**check.found, silent: f"{_NAMES[silent]} has not answered yet"}

    def migrated(self) -> Migrated:
        """How far the database is migrated. Raises DatabaseUnavailable if it does not say."""
        with self._database.reading(timeout=3) as connection:
            versions = connection.execute(_VERSION).scalars().all()
        known = self._known_migrations()
        if len(versions) == 1 and versions[0] not in known:
            return Migrated.BEYOND
        return Migrated.FULLY if versions == [*known[:1]] else Migrated.PARTLY

    def _check_migration(self) -> None:
        if self.migrated() is Migrated.PARTLY:
            raise NotMigrated

    def _check_redis(self) -> None:
        with redis_errors():
            self._redis.ping()
