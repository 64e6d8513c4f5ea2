"""The service's settings: read once from the environment, checked, frozen."""

import re
from datetime import timedelta
from typing import Annotated, Any, Literal
from urllib.parse import unquote

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import NoDecode, SettingsConfigDict

from vettr_cron.addresses import check_ping_url, check_redis_url, sqlalchemy_url
from vettr_cron.domain.ages import AGE_FORM, parse_age
from vettr_cron.domain.diagnosis.settings import SHORTEST_SECRET
from vettr_cron.job_variables import by_job
from vettr_cron.schedule import NeverComes
from vettr_cron.schedule_settings import SCHEDULE_VARIABLE, ScheduleSettings
from vettr_cron.web_settings import WebSettings
from vettr_cron.work_settings import WorkSettings, check_celery

HTTP_TIME_BUDGET_SECONDS = 25.0  # Heroku's router gives up on a request after 30 s
MAXIMUM_CHUNKS = 1_000_000
MAXIMUM_DAYS = 36_500
WEB_THREADS = 8  # in each process of the web server: the number of calls that it accepts at once


class ConfigError(Exception):
    """The environment does not describe a service that can run."""


_SECRETS = ("cron_secret", "cron_secret_previous", "metrics_token", "database_url", "redis_url")
PING_VARIABLE = "CRON_PING_URL_"  # and the job's key
_VARIABLES_OF_JOBS = {"cron_ping_urls": PING_VARIABLE, "cron_schedules": SCHEDULE_VARIABLE}
_PING_URL = "http://host/path or https://host/path in ASCII, with no user and no space in it"
_ENCODED = "in the password, write % as %25, @ as %40, / as %2F, : as %3A, # as %23 and ? as %3F"
_DAYS = f"a whole number of days from 1 to {MAXIMUM_DAYS}"


def _all_or_number(value: object) -> object:
    return None if isinstance(value, str) and value.strip().lower() == "all" else value


Chunks = Annotated[Annotated[int, Field(ge=1, le=MAXIMUM_CHUNKS)] | None, BeforeValidator(_all_or_number)]
"""How many chunks one call takes; None means `all`, to the end of the cycle."""


def _age(value: object) -> object:
    return parse_age(value.strip()) if isinstance(value, str) else value


Age = Annotated[timedelta, BeforeValidator(_age)]
"""How old something may be: a number and its unit."""


def _checked_ping_url(url: SecretStr) -> SecretStr:
    check_ping_url(url.get_secret_value())
    return url


PingUrl = Annotated[SecretStr, AfterValidator(_checked_ping_url)]


class Settings(WorkSettings, ScheduleSettings, WebSettings):
    """One field per variable; its title says what for, its description what the variable may hold."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    app_env: Literal["production", "development", "test"] = Field(
        title="in `development` and `test` nothing must be set; `production` has no defaults for secrets and servers",
        default="production",
        description="production, development or test",
    )
    cron_secret: SecretStr | None = Field(
        title="the bearer secret of every call under `/v1/cron`; at least 16 characters in production",
        default=None,
        description="any text that is not blank",
    )
    cron_secret_previous: SecretStr | None = Field(
        title="the previous secret, accepted too while you rotate",
        default=None,
        description="any text that is not blank",
    )
    metrics_token: SecretStr | None = Field(
        title="a bearer secret that opens `/metrics` and nothing else",
        default=None,
        description="any text that is not blank",
    )
    database_url: SecretStr | None = Field(
        title="the database; `postgres://` means the same as `postgresql://`",
        default=None,
        description="postgresql://user:password@host/name, with no options but libpq's, or sqlite:///path/to/file.db; "
        + _ENCODED,
    )
    redis_url: SecretStr | None = Field(
        title="Redis, which must keep its keys (`maxmemory-policy noeviction`) and not be in cluster mode",
        default=None,
        description="redis://host:port/number, the same with rediss://, or unix:///path/to/socket; " + _ENCODED,
    )
    redis_ssl_cert_reqs: Literal["required", "none"] = Field(
        title="whether the certificate of a `rediss://` server is checked",
        default="required",
        description="required, or none for a rediss:// server with a self-signed certificate",
    )
    cron_chunks_per_call: Chunks = Field(
        title="chunks per call; `all` is the rest of the cycle",
        default=1,
        description=f"a whole number from 1 to {MAXIMUM_CHUNKS}, or all",
    )
    cron_time_budget_seconds: float | None = Field(
        title="when it is spent, a call starts no new work; by default 25 over HTTP, none for commands",
        default=None,
        gt=0,
        le=86_400,
        allow_inf_nan=False,
        description="a number of seconds above 0, at most 86400",
    )
    cron_lease_seconds: float = Field(
        title="how long a caller that died keeps others out",
        default=30,
        ge=2,
        le=3_600,
        allow_inf_nan=False,
        description="a number of seconds from 2 to 3600",
    )
    cron_cursor_ttl_seconds: int = Field(
        title="a cursor that does not move for this long expires, and the next call starts a new cycle",
        default=86_400,
        ge=60,
        le=31_536_000,
        description="a whole number of seconds from 60 to 31536000",
    )
    cron_tolerated_failure_percent: float = Field(
        title="if more than this share of a chunk's stocks fail, its run is `failed`",
        default=50,
        ge=0,
        le=100,
        allow_inf_nan=False,
        description="a number from 0 to 100",
    )
    # An hour more than a day, so that a daily schedule keeps everything fresh although no scheduler is on the minute.
    cron_fresh_within: Age = Field(
        title="how old the result of a fresh stock may be, everywhere",
        default=timedelta(hours=25),
        gt=timedelta(),
        description=AGE_FORM,
    )
    # Over five weeks, what one month's calls did can be compared with the next one's.
    cron_keep_runs_days: int = Field(
        title="how long cleanup keeps runs", default=35, ge=1, le=MAXIMUM_DAYS, description=_DAYS
    )
    # A year and a month, so that a month can be compared with the same month of the year before.
    cron_keep_calls_days: int = Field(
        title="how long cleanup keeps calls, and the samples of `objective`",
        default=400,
        ge=1,
        le=MAXIMUM_DAYS,
        description=_DAYS,
    )
    # The platform's pages show 90 days of flags and 180 of snapshots; a few days more leave no gap there.
    cron_keep_red_flags_days: int = Field(
        title="how long cleanup keeps red flags; the platform's pages show 90 days",
        default=100,
        ge=1,
        le=MAXIMUM_DAYS,
        description=_DAYS,
    )
    cron_keep_snapshots_days: int = Field(
        title="how long cleanup keeps snapshots; the platform's pages show 180 days",
        default=200,
        ge=1,
        le=MAXIMUM_DAYS,
        description=_DAYS,
    )
    cron_row_security: Literal["off", "on"] = Field(
        title="whether PostgreSQL's row security policies apply; if `off`, a call fails where they might hide rows",
        default="off",
        description="off, or on if the row security policies let through every row that counts",
    )
    cron_ping_urls: Annotated[dict[str, PingUrl], NoDecode] = Field(
        title="pinged, as Healthchecks has it, when a call of the job starts (`/start`), succeeds, or fails (`/fail`)",
        default={},
        description=_PING_URL,
    )
    """By the key of the job, each from a variable of its own: CRON_PING_URL_SCORES and the like."""

    @model_validator(mode="before")
    @classmethod
    def _with_ping_urls(cls, values: dict[str, Any]) -> dict[str, Any]:
        known = values.get("cron_ping_urls")
        known = known if isinstance(known, dict) else {}  # a variable of this name is not ours
        return values | {"cron_ping_urls": {**known, **by_job(PING_VARIABLE, values)}}

    @field_validator(*_SECRETS, mode="before")
    @classmethod
    def _blank_is_unset(cls, value: object) -> object:
        return (value.strip() or None) if isinstance(value, str) else value

    @field_validator("database_url")
    @classmethod
    def _database_is_known(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            sqlalchemy_url(value.get_secret_value())
        return value

    @field_validator("redis_url")
    @classmethod
    def _redis_is_known(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            check_redis_url(value.get_secret_value())
        return value

    @model_validator(mode="after")
    def _production_is_complete(self) -> "Settings":
        if self.app_env == "production":
            needed = {"CRON_SECRET": self.cron_secret, "DATABASE_URL": self.database_url, "REDIS_URL": self.redis_url}
            unset = [name for name, value in needed.items() if value is None]
            if unset:
                raise ValueError(
                    f"{', '.join(unset)} must be set in production; "
                    "for a trial on this machine set APP_ENV=development, which needs none of them"
                )
        return self

    @model_validator(mode="after")
    def _secret_is_long_enough(self) -> "Settings":
        secret = self.cron_secret.get_secret_value() if self.cron_secret else ""
        if self.app_env == "production" and 0 < len(secret) < SHORTEST_SECRET:
            raise ValueError(
                f"CRON_SECRET has fewer than {SHORTEST_SECRET} characters, and can be guessed; set it to a long random "
                "text, such as `openssl rand -hex 32` prints, and CRON_SECRET_PREVIOUS to this one until every caller "
                "sends the new one"
            )
        return self

    @model_validator(mode="after")
    def _engine_has_its_servers(self) -> "Settings":
        if self.cron_engine == "celery":
            texts = [url.get_secret_value() if url else "" for url in (self.database_url, self.redis_url)]
            check_celery(*texts)
        return self

    @property
    def secrets(self) -> tuple[bytes, ...]:
        """The bearer secrets that let a caller in; if empty, every caller on this machine is let in."""
        return () if self.cron_secret is None else _bytes_of(self.cron_secret, self.cron_secret_previous)

    @property
    def bind(self) -> str:
        """Where the web server listens, as host:port; without a secret on 127.0.0.1 alone, unless told otherwise."""
        host = self.bind_host or ("" if self.secrets else "127.0.0.1")
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"

    @property
    def hidden(self) -> list[str]:
        """The secrets as texts, for the log to leave out: those of callers, and the passwords of both servers."""
        given = [getattr(self, name) for name in _SECRETS]
        texts = [secret.get_secret_value() for secret in given if secret]
        passwords = [password for text in texts for password in _passwords(text)]
        return [*passwords, *map(unquote, passwords), *(text for text in texts if "://" not in text)]

    @property
    def metrics_secrets(self) -> tuple[bytes, ...]:
        """The bearer secrets that let a caller read the metrics; if empty, every caller on this machine may."""
        return self.secrets + _bytes_of(self.metrics_token)


def settings_for_help() -> Settings:
    """Settings for showing how commands are used: not the environment's, and good for nothing else."""
    database_url, redis_url = SecretStr("sqlite:////dev/null/none"), SecretStr("unix:///dev/null/none")
    return Settings.model_construct(database_url=database_url, redis_url=redis_url)


def _bytes_of(*secrets: SecretStr | None) -> tuple[bytes, ...]:
    # The environment's own bytes, even if they are not valid text.
    return tuple(secret.get_secret_value().encode(errors="surrogateescape") for secret in secrets if secret)


def _passwords(url: str) -> list[str]:
    """The passwords in a URL, longest first, and the parts of one whose `/`, `?` or `#` may be taken for its end."""
    found = re.findall(r"://[^:/?#@]*:(.*)@", url) + re.findall(r"[?&][a-z_]*password=([^&#]*)", url)
    return sorted({part for password in found for part in (password, *re.split("[/?#]", password))}, key=len)[::-1]


def load_settings(**values: Any) -> Settings:
    """The settings from the environment. Raises ConfigError, which names each variable and what it may hold."""
    try:
        return Settings(**values)
    except ValidationError as error:
        raise ConfigError("\n".join(_explain(problem) for problem in error.errors())) from None


def _explain(problem: Any) -> str:
    if not problem["loc"]:
        return str(problem["ctx"]["error"])
    field, *job = map(str, problem["loc"])
    allowed = Settings.model_fields[field].description
    name = f"{_VARIABLES_OF_JOBS[field]}{job[0].upper()}" if job else field.upper()
    # A URL or a secret is never shown, not even a broken one.
    shown = "its value" if field in (*_SECRETS, "cron_ping_urls") else repr(problem["input"])
    never_comes = isinstance(problem.get("ctx", {}).get("error"), NeverComes)
    return f"{name}: {shown} {'never comes' if never_comes else 'cannot be read'}; it may hold {allowed}"
