"""The settings that say when the scheduler calls each job; `Settings` has them beside its own."""

from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_settings import BaseSettings, NoDecode

from vettr_cron.job_variables import by_job
from vettr_cron.schedule import Schedule, checked_expression, checked_timezone

SCHEDULE_VARIABLE = "CRON_SCHEDULE_"  # and the job's key
NO_JOBS = ("tz", "grace_seconds")  # what follows CRON_SCHEDULE_ in settings of the schedule itself
LONGEST_GRACE_SECONDS = 86_400
OFF = "off"

_EXPRESSION = "a cron expression of five fields, such as 0 */6 * * *, or off"


def _stripped(value: object) -> object:
    return (value.strip() or None) if isinstance(value, str) else value


def _stripped_or_utc(value: object) -> object:
    return (value.strip() or "UTC") if isinstance(value, str) else value


def _expression_or_off(text: str | None) -> str | None:
    if text is None:
        return None
    return OFF if text.lower() == OFF else checked_expression(text)


ScheduleText = Annotated[str, AfterValidator(_expression_or_off)]
"""A cron expression, or `off`."""


class ScheduleSettings(BaseSettings):
    """When calls are expected: for all jobs, for one job, and how the times are meant."""

    cron_schedule: Annotated[str | None, BeforeValidator(_stripped), AfterValidator(_expression_or_off)] = Field(
        title="when your scheduler calls; status, doctor, metrics and pings then tell which calls did not come",
        default=None,
        description=_EXPRESSION,
    )
    cron_schedules: Annotated[dict[str, ScheduleText], NoDecode] = Field(
        title="the same for one job, in place of the general one", default={}, description=_EXPRESSION
    )
    """By the key of the job, each from a variable of its own: CRON_SCHEDULE_SCORES and the like."""

    cron_schedule_tz: Annotated[str, BeforeValidator(_stripped_or_utc), AfterValidator(checked_timezone)] = Field(
        title="the time zone of the schedules",
        default="UTC",
        description="the IANA name of a time zone, such as UTC or Europe/Berlin",
    )
    cron_schedule_grace_seconds: int = Field(
        title="how late a call may be",
        default=900,
        ge=0,
        le=LONGEST_GRACE_SECONDS,
        description=f"a whole number of seconds from 0 to {LONGEST_GRACE_SECONDS}",
    )

    @model_validator(mode="before")
    @classmethod
    def _with_schedules(cls, values: dict[str, Any]) -> dict[str, Any]:
        known = values.get("cron_schedules")
        known = known if isinstance(known, dict) else {}  # a variable of this name is not ours
        texts = {key: text for key, text in by_job(SCHEDULE_VARIABLE, values).items() if key not in NO_JOBS}
        return values | {"cron_schedules": {**known, **texts}}

    def schedule_of(self, job_key: str) -> Schedule | None:
        """When calls of the job are expected; None if nothing says so, or it is `off`."""
        text = self._schedule_text(job_key)
        if text is None or text == OFF:
            return None
        return Schedule(text, self.cron_schedule_tz, timedelta(seconds=self.cron_schedule_grace_seconds))

    def schedule_is_off(self, job_key: str) -> bool:
        """Whether somebody has said that no calls of the job are expected, rather than nothing."""
        return self._schedule_text(job_key) == OFF

    def _schedule_text(self, job_key: str) -> str | None:
        return self.cron_schedules.get(job_key, self.cron_schedule)
