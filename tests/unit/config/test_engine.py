"""CRON_ENGINE: what it needs, what it changes, and what is said if it cannot be."""

import pytest

from tests.unit.config.environments import Load, refusal

POSTGRES = "postgresql://user@host/name"
CELERY = {"APP_ENV": "test", "CRON_ENGINE": "celery", "DATABASE_URL": POSTGRES, "REDIS_URL": "redis://host/0"}


def test_with_celery_chunks_and_groups_have_sizes_that_spread(load: Load) -> None:
    settings = load(**CELERY)
    assert (settings.cron_chunk_size, settings.cron_group_size, settings.cron_groups_under_way) == (10_000, 100, 16)


def test_sizes_that_are_set_stand(load: Load) -> None:
    settings = load(**CELERY, CRON_CHUNK_SIZE="700", CRON_GROUP_SIZE="70")
    assert (settings.cron_chunk_size, settings.cron_group_size) == (700, 70)


@pytest.mark.parametrize("url", ["", "sqlite:////tmp/vettr.db"])
def test_sqlite_is_refused_in_words(load: Load, url: str) -> None:
    said = refusal(load, **{**CELERY, "DATABASE_URL": url})
    assert said.startswith("CRON_ENGINE=celery needs PostgreSQL: SQLite has one writer")
    assert "CRON_ENGINE=threads" in said


@pytest.mark.parametrize("url", ["", "unix:///run/redis.sock"])
def test_a_redis_that_other_machines_do_not_reach_is_refused(load: Load, url: str) -> None:
    assert "needs REDIS_URL, as redis://" in refusal(load, **{**CELERY, "REDIS_URL": url})


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_form_of_postgresql_will_do(load: Load, scheme: str) -> None:
    assert load(**{**CELERY, "DATABASE_URL": f"{scheme}://user@host/name"}).cron_engine == "celery"


def test_what_is_not_installed_is_named(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vettr_cron.work_settings.find_spec", lambda _name: None)
    assert "requirements-celery.txt" in refusal(load, **CELERY)


def test_another_engine_is_refused(load: Load) -> None:
    assert "CRON_ENGINE: 'dask' cannot be read; it may hold threads or celery" in refusal(
        load, **{**CELERY, "CRON_ENGINE": "dask"}
    )
