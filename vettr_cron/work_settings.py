"""The settings that say how stocks are worked on; `Settings` has them beside its own."""

from importlib.util import find_spec
from typing import Any, Literal

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings

MAXIMUM_CHUNK_SIZE = 10_000
MAXIMUM_GROUP_SIZE = 500

_OF_CELERY = {"cron_chunk_size": MAXIMUM_CHUNK_SIZE, "cron_group_size": 100}


class WorkSettings(BaseSettings):
    """Where groups of stocks are done, and how many stocks are a chunk, a group and a batch."""

    cron_engine: Literal["threads", "celery"] = Field(
        title="who does a chunk's groups: `threads` of the call's own process, one group after the other, or workers, "
        "many at once, through `celery`; that needs PostgreSQL and what `requirements-celery.txt` has",
        default="threads",
        description="threads or celery",
    )
    cron_chunk_size: int = Field(
        title="stocks per chunk; with celery 10000",
        default=100,
        ge=1,
        le=MAXIMUM_CHUNK_SIZE,
        description=f"a whole number from 1 to {MAXIMUM_CHUNK_SIZE}",
    )
    cron_group_size: int = Field(
        title="stocks per group, which one transaction saves, or fewer so that batches are whole; with celery 100",
        default=MAXIMUM_GROUP_SIZE,
        ge=1,
        le=MAXIMUM_GROUP_SIZE,
        description=f"a whole number from 1 to {MAXIMUM_GROUP_SIZE}",
    )
    cron_groups_under_way: int = Field(
        title="with celery, groups of a call that workers are given at once; twice as many as they have processes",
        default=16,
        ge=1,
        le=10_000,
        description="a whole number from 1 to 10000",
    )
    cron_batch_size: int = Field(
        title="stocks per batch, which one thread evaluates",
        default=10,
        ge=1,
        le=500,
        description="a whole number from 1 to 500",
    )
    cron_workers: int = Field(
        title="batches evaluated at once, by the call or by each process of a worker",
        default=4,
        ge=1,
        le=64,
        description="a whole number from 1 to 64",
    )

    @model_validator(mode="before")
    @classmethod
    def _with_defaults_of_the_engine(cls, values: dict[str, Any]) -> dict[str, Any]:
        return {**_OF_CELERY, **values} if values.get("cron_engine") == "celery" else values

    @property
    def whole_group_size(self) -> int:
        """Stocks per group: as many whole batches as CRON_GROUP_SIZE has room for, but at least one."""
        return max(self.cron_group_size // self.cron_batch_size, 1) * self.cron_batch_size


def check_celery(database_url: str, redis_url: str) -> None:
    """Raise ValueError if CRON_ENGINE=celery is not possible with these servers, or Celery is missing."""
    if not database_url.startswith(("postgres://", "postgresql")):
        raise ValueError(
            "CRON_ENGINE=celery needs PostgreSQL: SQLite has one writer, so that several groups at once gain nothing; "
            "set DATABASE_URL to a PostgreSQL database, or CRON_ENGINE=threads"
        )
    if not redis_url.startswith(("redis://", "rediss://")):
        raise ValueError("CRON_ENGINE=celery needs REDIS_URL, as redis://host:port/number or the same with rediss://")
    if find_spec("celery") is None:
        raise ValueError(
            "CRON_ENGINE=celery needs packages that are not installed: "
            "pip install --require-hashes -r requirements-celery.txt"
        )
