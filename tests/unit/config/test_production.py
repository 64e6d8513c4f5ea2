"""Production has no defaults for what it needs, and shows no secret."""

from datetime import timedelta

import pytest

from tests.unit.config.environments import POSTGRES, REDIS, SECRET, Load, refusal


def test_without_variables_development_has_the_documented_defaults(load: Load) -> None:
    assert load(APP_ENV="development").model_dump() == {
        "app_env": "development",
        "cron_secret": None,
        "cron_secret_previous": None,
        "metrics_token": None,
        "database_url": None,
        "redis_url": None,
        "redis_ssl_cert_reqs": "required",
        "cron_engine": "threads",
        "cron_chunk_size": 100,
        "cron_group_size": 500,
        "cron_groups_under_way": 16,
        "cron_batch_size": 10,
        "cron_workers": 4,
        "cron_chunks_per_call": 1,
        "cron_time_budget_seconds": None,
        "cron_lease_seconds": 30,
        "cron_cursor_ttl_seconds": 86_400,
        "cron_tolerated_failure_percent": 50,
        "cron_fresh_within": timedelta(hours=25),
        "cron_keep_runs_days": 35,
        "cron_keep_calls_days": 400,
        "cron_keep_red_flags_days": 100,
        "cron_keep_snapshots_days": 200,
        "cron_row_security": "off",
        "cron_ping_urls": {},
        "cron_schedule": None,
        "cron_schedules": {},
        "cron_schedule_tz": "UTC",
        "cron_schedule_grace_seconds": 900,
        "port": 8000,
        "bind_host": None,
        "web_concurrency": 2,
    }


def test_production_is_the_default_and_requires_its_settings(load: Load) -> None:
    for environment in ({}, {"APP_ENV": "production"}, {"APP_ENV": ""}):
        said = refusal(load, **environment)
        assert said.startswith("CRON_SECRET, DATABASE_URL, REDIS_URL must be set in production")
        assert "APP_ENV=development" in said


@pytest.mark.parametrize("blank", ["", " ", "\t\n"])
@pytest.mark.parametrize("name", ["CRON_SECRET", "DATABASE_URL", "REDIS_URL"])
def test_production_names_the_one_that_is_unset_or_blank(load: Load, name: str, blank: str) -> None:
    complete = {"CRON_SECRET": SECRET, "DATABASE_URL": POSTGRES, "REDIS_URL": REDIS}
    assert load(**complete).app_env == "production"
    said = refusal(load, **complete | {name: blank})
    assert said.startswith(f"{name} must be set in production")


def test_production_does_not_start_with_a_secret_that_can_be_guessed(load: Load) -> None:
    urls = {"DATABASE_URL": POSTGRES, "REDIS_URL": REDIS}
    said = refusal(load, **urls, CRON_SECRET="only-15-letters", CRON_SECRET_PREVIOUS=SECRET)
    assert said.startswith("CRON_SECRET has fewer than 16 characters")
    assert "only-15" not in said
    assert "CRON_SECRET_PREVIOUS" in said
    assert load(**urls, CRON_SECRET="just-16-letters!", CRON_SECRET_PREVIOUS="old").secrets[1] == b"old"
    assert load(APP_ENV="development", CRON_SECRET="short").secrets == (b"short",)


def test_the_previous_secret_does_not_stand_in_for_the_secret(load: Load) -> None:
    said = refusal(load, CRON_SECRET_PREVIOUS=SECRET, DATABASE_URL=POSTGRES, REDIS_URL=REDIS)
    assert said.startswith("CRON_SECRET must be set")


def test_secrets_are_stripped_and_blank_is_unset(load: Load) -> None:
    settings = load(APP_ENV="test", CRON_SECRET=" new\n", CRON_SECRET_PREVIOUS="old ")
    assert settings.secrets == (b"new", b"old")
    assert load(APP_ENV="test", CRON_SECRET="new", CRON_SECRET_PREVIOUS=" ").secrets == (b"new",)
    assert load(APP_ENV="test", CRON_SECRET="  ", CRON_SECRET_PREVIOUS="old").secrets == ()
    assert load(APP_ENV="test", CRON_SECRET="Pässwörd").secrets == ("Pässwörd".encode(),)


def test_settings_show_no_secrets_and_cannot_be_changed(load: Load) -> None:
    urls = {"DATABASE_URL": POSTGRES, "REDIS_URL": REDIS, "CRON_PING_URL_SCORES": f"https://host/{SECRET}"}
    settings = load(CRON_SECRET=SECRET, CRON_SECRET_PREVIOUS=SECRET, **urls)
    for shown in (repr(settings), str(settings), str(settings.model_dump()), settings.model_dump_json()):
        assert SECRET not in shown
    with pytest.raises(ValueError, match="frozen"):
        settings.cron_chunk_size = 5
