"""Clients of an embedded Redis."""

from pathlib import Path

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from vettr_cron.redis_store.embedded import (
    embedded_redis_client,
)


def client_of(folder: Path) -> Redis:
    return embedded_redis_client(folder, decode_responses=True, retry=Retry(NoBackoff(), 2))


def pid_of(client: Redis) -> int:
    return int(client.info("server")["process_id"])
