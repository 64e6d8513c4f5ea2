"""When the scheduler calls: for all jobs, for one, and what may not be said about it."""

from datetime import timedelta

import pytest

from tests.unit.config.environments import Load, refusal
from vettr_cron.schedule import Schedule

DAILY = Schedule("0 6 * * *", "UTC", timedelta(minutes=15))
WEEKLY = Schedule("0 6 * * 1", "UTC", timedelta(minutes=15))
EXPRESSION = "a cron expression of five fields, such as 0 */6 * * *, or off"


def test_without_a_schedule_none_is_known_and_none_is_off(load: Load) -> None:
    settings = load(APP_ENV="test")
    assert settings.schedule_of("scores") is None
    assert not settings.schedule_is_off("scores")


def test_a_schedule_is_that_of_all_jobs_but_those_with_their_own(load: Load) -> None:
    settings = load(APP_ENV="test", CRON_SCHEDULE=" 0  6 * *  *\n", CRON_SCHEDULE_RED_FLAGS="0 6 * * 1")
    assert settings.schedule_of("scores") == DAILY
    assert settings.schedule_of("red_flags") == WEEKLY


@pytest.mark.parametrize("off", ["off", "OFF", " Off\n"])
def test_off_is_no_schedule_for_one_job_or_for_all(load: Load, off: str) -> None:
    settings = load(APP_ENV="test", CRON_SCHEDULE="0 6 * * *", CRON_SCHEDULE_SCORES=off)
    assert (settings.schedule_of("scores"), settings.schedule_is_off("scores")) == (None, True)
    assert (settings.schedule_of("red_flags"), settings.schedule_is_off("red_flags")) == (DAILY, False)
    settings = load(APP_ENV="test", CRON_SCHEDULE=off, CRON_SCHEDULE_SCORES="0 6 * * 1")
    assert (settings.schedule_of("scores"), settings.schedule_is_off("scores")) == (WEEKLY, False)
    assert (settings.schedule_of("red_flags"), settings.schedule_is_off("red_flags")) == (None, True)


@pytest.mark.parametrize("blank", ["", " ", "\t\n"])
def test_blank_is_unset(load: Load, blank: str) -> None:
    names = ("CRON_SCHEDULE", "CRON_SCHEDULE_SCORES", "CRON_SCHEDULE_TZ")
    settings = load(**{"APP_ENV": "test"} | dict.fromkeys(names, blank))
    assert (settings.schedule_of("scores"), settings.schedule_is_off("scores")) == (None, False)
    settings = load(APP_ENV="test", CRON_SCHEDULE="0 6 * * *", CRON_SCHEDULE_SCORES=blank)
    assert settings.schedule_of("scores") == DAILY


def test_zone_and_grace_are_those_of_every_job_and_no_jobs(load: Load) -> None:
    settings = load(
        APP_ENV="test",
        CRON_SCHEDULE="0 6 * * *",
        CRON_SCHEDULE_TZ=" Europe/Berlin ",
        CRON_SCHEDULE_GRACE_SECONDS="0",
    )
    assert settings.schedule_of("scores") == Schedule("0 6 * * *", "Europe/Berlin", timedelta(0))
    assert settings.cron_schedules == {}


@pytest.mark.parametrize("name", ["CRON_SCHEDULE", "CRON_SCHEDULE_SCORES", "CRON_SCHEDULE_RED_FLAGS"])
@pytest.mark.parametrize("text", ["61 * * * *", "@daily", "0 0 6 * * *", "none", "off off", "\udcff"])
def test_what_is_no_expression_is_refused(load: Load, name: str, text: str) -> None:
    said = refusal(load, **{"APP_ENV": "test", name: text})
    assert said == f"{name}: {text!r} cannot be read; it may hold {EXPRESSION}"


def test_an_expression_that_never_comes_is_refused(load: Load) -> None:
    said = refusal(load, APP_ENV="test", CRON_SCHEDULE="0 0 31 2 *")
    assert said == f"CRON_SCHEDULE: '0 0 31 2 *' never comes; it may hold {EXPRESSION}"


@pytest.mark.parametrize("text", ["Mars/Base", "America", "../UTC", "\udcff"])
def test_an_unknown_zone_is_refused(load: Load, text: str) -> None:
    said = refusal(load, APP_ENV="test", CRON_SCHEDULE_TZ=text)
    allowed = "the IANA name of a time zone, such as UTC or Europe/Berlin"
    assert said == f"CRON_SCHEDULE_TZ: {text!r} cannot be read; it may hold {allowed}"


@pytest.mark.parametrize("text", ["-1", "86401", "1.5", "15m", "all"])
def test_a_grace_out_of_range_is_refused(load: Load, text: str) -> None:
    said = refusal(load, APP_ENV="test", CRON_SCHEDULE_GRACE_SECONDS=text)
    allowed = "a whole number of seconds from 0 to 86400"
    assert said == f"CRON_SCHEDULE_GRACE_SECONDS: {text!r} cannot be read; it may hold {allowed}"


def test_a_variable_of_the_name_of_all_schedules_together_does_no_harm(load: Load) -> None:
    assert load(APP_ENV="test", CRON_SCHEDULES="0 6 * * *").cron_schedules == {}
