"""Whether the servers that the service needs are there, and the database is at the newest migration."""

from collections.abc import Callable

from redis import Redis
from sqlalchemy import text

from vettr_cron.database import Database
from vettr_cron.domain.errors import NotMigrated, ServiceUnavailable
from vettr_cron.redis_client import redis_errors

_VERSION = text("SELECT version_num FROM cron_alembic_version")


class Readiness:
    """The use case behind `/readyz`."""

    def __init__(self, database: Database, redis: Redis, newest_migration: Callable[[], str | None]) -> None:
        self._database = database
        self._redis = redis
        self._newest_migration = newest_migration

    def problems(self) -> dict[str, str]:
        """What does not answer, by its name, and why; empty when all is well."""
        checks = {"database": self.check_migration, "redis": self._check_redis}
        found = {}
        for name, check in checks.items():
            try:
                check()
            except ServiceUnavailable as problem:
                found[name] = str(problem)
        return found

    def check_migration(self) -> None:
        """Raise NotMigrated unless the database is at the newest migration, DatabaseUnavailable if it does not say."""
        with self._database.reading(timeout=3) as connection:
            versions = connection.execute(_VERSION).scalars().all()
        if versions != [self._newest_migration()]:
            raise NotMigrated("The database is not at the newest migration; run `flask --app wsgi db upgrade`")

    def _check_redis(self) -> None:
        with redis_errors():
            self._redis.ping()
