"""How far cleanup's walk through each table has come, so that a call continues where the previous one had to stop.

Every row before that place was judged in this walk, whatever age was asked for: it was removed, or had to stay. The
next walk judges anew whether it may be removed; it begins at the first row, as does a walk whose place is lost.
"""

from contextlib import suppress
from datetime import datetime
from uuid import UUID

from redis import Redis
from redis.exceptions import ResponseError

from vettr_cron.redis_store.client import redis_errors

TTL_SECONDS = 2 * 86_400  # so a daily call may come late


class Walks:
    """Keeps a place for each table: a time as text, and a row's id."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def place(self, table: str) -> tuple[str, UUID] | None:
        """Where the walk through this table is; None at its beginning. Raises RedisUnavailable."""
        found = None
        with redis_errors(), suppress(ResponseError):  # the answer if the key does not hold a text
            found = self._redis.get(_key(table))
        return _place(str(found)) if found else None

    def keep(self, table: str, at: object, row_id: UUID) -> None:
        """Continue after this row in the next call. Raises RedisUnavailable."""
        with redis_errors():
            self._redis.set(_key(table), f"{row_id} {at}", ex=TTL_SECONDS)

    def end(self, table: str) -> None:
        """Begin at the first row in the next call. Raises RedisUnavailable."""
        with redis_errors():
            self._redis.delete(_key(table))


def _key(table: str) -> str:
    return f"cron:cleanup:{table}"


def _place(text: str) -> tuple[str, UUID] | None:
    """None for garbage, and for a time outside Python's range, which only the first rows of a table have."""
    row_id, _, at = text.partition(" ")
    try:
        datetime.fromisoformat(at)
        return at, UUID(row_id)
    except ValueError:
        return None
