"""Whether the servers that the service needs answer, and the database is migrated."""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum

from redis import Redis
from sqlalchemy import text

from vettr_cron.database.transactions import Database
from vettr_cron.domain.errors import NotMigrated, ServiceUnavailable
from vettr_cron.logs import log_unavailable
from vettr_cron.redis_store.client import redis_errors
from vettr_cron.services.monitor.shared import Shared

KEPT_SECONDS = 1.0  # for which an answer is given again
SHARED_SECONDS = 0.5  # from its beginning, for which other callers wait for a check

_NAMES = {"database": "The database", "redis": "Redis"}
_VERSION = text("SELECT version_num FROM cron_alembic_version")


class Migrated(StrEnum):
    """Which release's migrations have run."""

    FULLY = "fully"  # all of this release's, and no others
    BEYOND = "beyond"  # a newer release's too, which stay compatible with the release before it
    PARTLY = "partly"  # not all of this release's


class _Check:
    """A check under way, as far as it has come."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}
        self.asked = "database"  # which has not answered yet


class Readiness:
    """The use case behind `/readyz`. `known_migrations` returns those of this release, the newest first.

    Callers share one check, whose answer is kept for a moment, and do not wait long for it: a server that hangs must
    not keep every thread of the process waiting.
    """

    def __init__(self, database: Database, redis: Redis, known_migrations: Callable[[], Sequence[str]]) -> None:
        self._database = database
        self._redis = redis
        self._known_migrations = known_migrations
        self._check = _Check()  # the newest
        self._answer = Shared(self._find, lambda _took: KEPT_SECONDS)

    def problems(self) -> Mapping[str, str]:
        """Which servers are not ready, by name, and why; empty if all is well."""
        try:
            return self._answer.get(patience=SHARED_SECONDS)
        except TimeoutError:
            check = self._check
            return {**check.found, check.asked: f"{_NAMES[check.asked]} has not answered yet"}

    def _find(self) -> Mapping[str, str]:
        check = self._check = _Check()
        for name, ask in (("database", self._check_migration), ("redis", self._check_redis)):
            check.asked = name
            try:
                ask()
            except ServiceUnavailable as problem:
                log_unavailable(problem, path="/readyz")
                check.found[name] = str(problem)
        return check.found

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
