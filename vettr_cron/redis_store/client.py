"""Access to Redis: one client with bounded waits, and one exception for every way in which Redis can fail."""

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
    # With the one retry, a silent server is waited for twice; a network that swallows everything is tried three times.
    # Both end within the seconds between the default time budget and the time at which a host gives up.
    "socket_timeout": 1.5,
    "socket_connect_timeout": 1,
    # The client's own health checks would double that wait, and detect nothing that the retry does not: it replaces a
    # pooled connection that is closed or leads nowhere.
    "health_check_interval": 0,
    "decode_responses": True,
    # After a failover, the old primary answers with this error; a new connection finds the new primary.
    "retry_on_error": [ReadOnlyError],
    # Another program may have written bytes that are not valid text; they are garbage then, not an exception.
    "encoding_errors": "replace",
}


def connect_redis(settings: Settings, embedded_folder: Path) -> "Redis":
    """A client for REDIS_URL, or for the embedded server if it is not set. Nothing is sent yet."""
    retry = Retry(ExponentialWithJitterBackoff(base=0.05, cap=0.5), retries=1)
    if settings.redis_url is None:
        from vettr_cron.redis_store.embedded import embedded_redis_client  # never imported in production

        return embedded_redis_client(embedded_folder, retry=retry, **_OPTIONS)
    url = settings.redis_url.get_secret_value()
    verify = {"ssl_cert_reqs": "none"} if url.startswith("rediss://") and settings.redis_ssl_cert_reqs == "none" else {}
    return Redis.from_url(url, retry=retry, **_OPTIONS, **verify)


@contextmanager
def redis_errors() -> Iterator[None]:
    """Raise every failure of Redis in this block as RedisUnavailable."""
    try:
        yield
    except RedisError as error:
        raise RedisUnavailable(_reason(error)) from error


def _reason(error: RedisError) -> str | None:
    """Why Redis does not do what it is asked; None if it does not answer."""
    text = str(error)
    if text.startswith("OOM") or "maxmemory" in text:
        return "Redis is out of memory"
    if "read only replica" in text:
        return "Redis is a read-only replica"
    if text.startswith("MISCONF"):
        return "Redis cannot save its data to disk, and refuses writes"
    if isinstance(error, NoPermissionError):
        return "The user in REDIS_URL lacks a permission that the service needs"
    if "AUTH" in text.upper() or "invalid username-password" in text:
        return "Redis refuses the credentials in REDIS_URL"
    return None
