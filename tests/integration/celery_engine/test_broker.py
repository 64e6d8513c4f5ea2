"""The broker is the Redis of REDIS_URL, whatever else is set."""

import time

import pytest

from tests.world import World, make_settings
from vettr_cron.celery_engine.broker import celery_app
from vettr_cron.celery_engine.worker import run_worker
from vettr_cron.domain.errors import CronError
from vettr_cron.redis_store.groups import Groups

POSTGRES = "postgresql://user@host/name"


def broker(redis_url: str, **values: str) -> tuple[str | None, str | None, str | None, str]:
    settings = make_settings(POSTGRES, redis_url, cron_engine="celery", **values)
    connection = celery_app(settings, ["scores"]).connection_for_write()
    return connection.userid, connection.password, connection.hostname, str(connection.virtual_host)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://host", (None, None, "host", "/")),
        ("redis://host:6380/3", (None, None, "host", "3")),
        ("redis://me:a%40b@host/1", ("me", "a@b", "host", "1")),
        ("redis://host/0?username=me&password=a%40b", ("me", "a@b", "host", "0")),
        ("redis://host?db=4", (None, None, "host", "4")),
        ("rediss://:secret@host/0", ("", "secret", "host", "0")),
    ],
)
def test_it_is_reached_as_redis_py_reaches_it(url: str, expected: tuple[str | None, ...]) -> None:
    found = broker(url)
    assert (found[0] or None, *found[1:3], found[3].strip("/") or "0") == (
        expected[0] or None,
        *expected[1:3],
        str(expected[3]).strip("/") or "0",
    )


def test_variables_of_celery_lead_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://elsewhere/0")
    assert broker("redis://host/0")[2] == "host"


def test_a_worker_whose_clock_differs_is_refused_in_words(
    postgres_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = postgres_world.services
    monkeypatch.setattr(Groups, "now", lambda _groups: time.time() - 60)
    settings = make_settings(postgres_world.database_url, postgres_world.redis_url, cron_engine="celery")
    with pytest.raises(CronError, match=r"clock is 60 s ahead of Redis' machine's.*NTP"):
        run_worker(celery_app(settings, ["scores"]), services.database, services.redis, services.jobs, 1, 1)
