"""Whether the servers that the service needs answer, and the database is migrated."""

from collections.abc import Callable, Sequence
from enum import StrEnum

from redis import Redis
from sqlalchemy import text

from vettr_cron.database.transactions import Database
from vettr_cron.domain.errors import NotMigrated, ServiceUnavailable
from vettr_cron.logs import log_unavailable
from vettr_cron.redis_store.client import redis_errors

_VERSION = text("SELECT version_num FROM cron_alembic_version")


class Migrated(StrEnum):
    """Which release's migrations have run."""

    FULLY = "fully"  # all of this release's, and no others
    BEYOND = "beyond"  # a newer release's too, which stay compatible with the release before it
    PARTLY = "partly"  # not all of this release's


class Readiness:
    """The use case behind `/readyz`. `known_migrations` returns those of this release, the newest first."""

    def __init__(self, database: Database, redis: Redis, known_migrations: Callable[[], Sequence[str]]) -> None:
        self._database = database
        self._redis = redis
        self._known_migrations = known_migrations

    def problems(self) -> dict[str, str]:
        """Which servers are not ready, by name, and why; empty if all is well."""
        checks = {"database": self._check_migration, "redis": self._check_redis}
        found = {}
        for name, check in checks.items():
            try:
                check()
            except ServiceUnavailable as problem:
                log_unavailable(problem, path="/readyz")
                found[name] = str(problem)
        return found

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
