"""Access to Redis: one client with bounded waits, and one exception for every way in which Redis can fail."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from redis import Redis
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import (
    AskError,
    BusyLoadingError,
    ClusterCrossSlotError,
    ClusterDownError,
    InvalidResponse,
    NoPermissionError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)
from redis.retry import Retry

from vettr_cron.config import Settings
from vettr_cron.domain.errors import RedisUnavailable
from vettr_cron.domain.printable import printable

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
_CLUSTER = (AskError, ClusterCrossSlotError, ClusterDownError)  # MOVED is an AskError too
_IN_SCRIPT = "user executing the script"  # what it may not do, the script may not do for it
_LONGEST_QUOTED = 300


class _Client(Redis):
    """A client whose errors know which command was refused."""

    def execute_command(self, *args: Any, **options: Any) -> Any:
        try:
            return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
        except ResponseError as error:
            error.command = args[0]  # type: ignore[attr-defined]
            raise


def connect_redis(settings: Settings, embedded_folder: Path) -> "Redis":
    """A client for REDIS_URL, or for the embedded server if it is not set. Nothing is sent yet."""
    retry = Retry(ExponentialWithJitterBackoff(base=0.05, cap=0.5), retries=1)
    if settings.redis_url is None:
        from vettr_cron.redis_store.embedded import embedded_redis_client  # never imported in production

        return embedded_redis_client(embedded_folder, _Client, retry=retry, **_OPTIONS)
    url = settings.redis_url.get_secret_value()
    verify = {"ssl_cert_reqs": "none"} if url.startswith("rediss://") and settings.redis_ssl_cert_reqs == "none" else {}
    return _Client.from_url(url, retry=retry, **_OPTIONS, **verify)


@contextmanager
def redis_errors() -> Iterator[None]:
    """Raise every failure of Redis in this block as RedisUnavailable."""
    try:
        yield
    except RedisError as error:
        raise RedisUnavailable(_reason(error)) from error


def _reason(error: RedisError) -> str | None:
    """Why Redis does not do what it is asked; None if it does not answer."""
    said, refusal = str(error), _refusal(error)
    reasons = {
        "Redis is out of memory": said.startswith("OOM") or "maxmemory" in said,
        "Redis is a read-only replica": "read only replica" in said,
        "Redis cannot save its data to disk, and refuses writes": said.startswith("MISCONF"),
        "Redis is still loading its data": isinstance(error, BusyLoadingError),
        "Redis does not have the database whose number is in REDIS_URL": "DB index" in said,
        f"Redis is in cluster mode, which the service does not support; {refusal}": isinstance(error, _CLUSTER),
        f"The user in REDIS_URL lacks a permission that the service needs; {refusal}": isinstance(
            error, NoPermissionError
        )
        or _IN_SCRIPT in said,
        "Redis refuses the credentials in REDIS_URL": "AUTH" in said.upper() or "invalid username-password" in said,
        "The server at REDIS_URL does not answer as Redis does": isinstance(error, InvalidResponse),
        refusal: isinstance(error, ResponseError),
    }
    return next((reason for reason, applies in reasons.items() if applies), None)


def _refusal(error: RedisError) -> str:
    """What Redis said, and of which command; it contains no value that was sent."""
    return f"Redis refuses {getattr(error, 'command', 'a command')}: {_quoted(str(error))}"


def _quoted(text: str) -> str:
    return printable(re.sub(",? script: [0-9a-f]{40}.*", "", text)[:_LONGEST_QUOTED])
