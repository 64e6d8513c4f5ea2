"""The way to Redis: one client with bounded waits, and one word for every way in which Redis can fail."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from redis import Redis
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import NoPermissionError, ReadOnlyError, RedisError
from redis.retry import Retry

from vettr_cron.config import Settings
from vettr_cron.domain.errors import RedisUnavailable

_OPTIONS: dict[str, Any] = {
    # A silent server is waited for twice, with the one retry; a way that swallows everything is tried out thrice. Both
    # end within the seconds that lie between the default time budget and the end of a host's patience.
    "socket_timeout": 1.5,
    "socket_connect_timeout": 1,
    # The client's own health checks would double that wait, and find what the retry finds as well: a connection from
    # the pool that is closed, or that leads nowhere any more, is replaced by a new one.
    "health_check_interval": 0,
    "decode_responses": True,
    # A primary that became a replica, as in a failover, answers so; a new connection finds the new primary.
    "retry_on_error": [ReadOnlyError],
    # Another program may have written bytes that are no text; they are garbage then, not an exception.
    "encoding_errors": "replace",
}


def connect_redis(settings: Settings, embedded_folder: Path) -> "Redis":
    """A client for REDIS_URL, or for the embedded server where none is set. Nothing is sent yet."""
    retry = Retry(ExponentialWithJitterBackoff(base=0.05, cap=0.5), retries=1)
    if settings.redis_url is None:
        from vettr_cron.redis_store.embedded import embedded_redis_client  # only where it is used: never in production

        return embedded_redis_client(embedded_folder, retry=retry, **_OPTIONS)
    url = settings.redis_url.get_secret_value()
    verify = {"ssl_cert_reqs": "none"} if url.startswith("rediss://") and settings.redis_ssl_cert_reqs == "none" else {}
    return Redis.from_url(url, retry=retry, **_OPTIONS, **verify)


@contextmanager
def redis_errors() -> Iterator[None]:
    """Every failure of Redis in this block comes out as RedisUnavailable."""
    try:
        yield
    except RedisError as error:
        raise RedisUnavailable(_reason(error)) from error


def _reason(error: RedisError) -> str | None:
    """Why Redis does not do what it is asked; None where it does not answer."""
    text = str(error)
    if text.startswith("OOM") or "maxmemory" in text:
        return "Redis is out of memory"
    if "read only replica" in text:
        return "Redis is a read-only replica"
    if text.startswith("MISCONF"):
        return "Redis cannot save its data to disk, and refuses writes"
    if isinstance(error, NoPermissionError):
        return "Redis forbids what is needed to the user in REDIS_URL"
    if "AUTH" in text.upper() or "invalid username-password" in text:
        return "Redis refuses the credentials in REDIS_URL"
    return None
