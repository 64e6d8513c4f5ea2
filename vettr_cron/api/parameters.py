"""The parameters of each endpoint: what each is for, and which values it allows."""

from datetime import datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from vettr_cron.config import MAXIMUM_CHUNKS, MAXIMUM_DAYS
from vettr_cron.domain.ages import AGE_FORM, AGE_PATTERN, parse_age
from vettr_cron.domain.logged_call import LoggedStatus
from vettr_cron.domain.run import RunStatus
from vettr_cron.domain.timestamps import parsed
from vettr_cron.registry import services
from vettr_cron.services.monitor import activity
from vettr_cron.services.monitor.coverage import Freshness
from vettr_cron.services.monitor.objective import DEFAULT_DAYS, MOST_DAYS
from vettr_cron.services.operate.pause import MAXIMUM_REASON
from vettr_cron.services.refresh.request import MAXIMUM_TICKERS
from vettr_cron.shapes.shape import JOB_NAMES
from vettr_cron.work_settings import MAXIMUM_CHUNK_SIZE


def _known_job(name: str) -> str:
    if name not in services().jobs:
        raise ValueError("not a job")
    return name


JobName = Annotated[str, AfterValidator(_known_job), Field(json_schema_extra={"enum": [JOB_NAMES]})]


def _digits(value: object) -> object:
    """Accepts only plain digits: not 1e3, 1_000 or 5.0."""
    text = str(value) if isinstance(value, str | int) else ""
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise ValueError("not a whole number")
    return int(text)


WholeNumber = Annotated[int, BeforeValidator(_digits)]
# Outside a field, bounds must come before the validator; otherwise pydantic leaves them out of the schema.
_ChunkSize = Annotated[int, Field(ge=1, le=MAXIMUM_CHUNK_SIZE), BeforeValidator(_digits)]
_Chunks = Annotated[int, Field(ge=1, le=MAXIMUM_CHUNKS), BeforeValidator(_digits)]
_Days = Annotated[int, Field(ge=1, le=MAXIMUM_DAYS), BeforeValidator(_digits)]


def _yes_or_no(value: object) -> object:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if text not in ("0", "1", "true", "false"):
        raise ValueError("neither yes nor no")
    return text in ("1", "true")


YesOrNo = Annotated[bool, BeforeValidator(_yes_or_no)]


class _Parameters(BaseModel):
    # A title says what the parameter is for, a description which values it allows.
    model_config = ConfigDict(extra="forbid", frozen=True)


def _tickers(value: object) -> object:
    names = [name.strip() for name in str(value).split(",")]
    if not 1 <= len(names) <= MAXIMUM_TICKERS or "" in names or len(set(names)) < len(names):
        raise ValueError("not a list of tickers")
    if any("\0" in name or "\ufffd" in name for name in names):
        raise ValueError("not a ticker")
    return tuple(names)


Tickers = Annotated[
    tuple[str, ...],
    BeforeValidator(_tickers),
    WithJsonSchema({"type": "string", "pattern": r"^[^\s,\x00\ufffd]+(,[^\s,\x00\ufffd]+)*$"}),
]


def _age(value: object) -> object:
    return parse_age(str(value))


Age = Annotated[timedelta, BeforeValidator(_age), WithJsonSchema({"type": "string", "pattern": f"^{AGE_PATTERN}$"})]
_RUN_NAME = Annotated[str, Field(min_length=1, pattern=r"^[^\x00\ufffd]*$")]
_TICKER = Annotated[str, Field(max_length=100, pattern=r"^[^\x00\ufffd]*$")]


def _moment(value: object) -> object:
    return parsed(str(value))


_MOMENT = "a time in ISO 8601, in UTC unless it says otherwise, such as 2026-11-23T12:00:00Z"
Moment = Annotated[
    datetime,
    BeforeValidator(_moment),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-11-23T12:00:00Z"]}),
]

LONGEST_REASON = 500
LONGEST_SEARCH = 100
_REASON = Annotated[str, Field(min_length=1, max_length=LONGEST_REASON, pattern=r"^[^\x00\ufffd]*$")]


class RefreshParameters(_Parameters):
    """The parameters of the refresh paths."""

    chunk_size: _ChunkSize | None = Field(
        default=None,
        title="Stocks per chunk; if not given, CRON_CHUNK_SIZE",
        description=f"a whole number from 1 to {MAXIMUM_CHUNK_SIZE}",
        examples=[50],
    )
    chunks: Literal["all"] | _Chunks | None = Field(
        default=None,
        title="Chunks that this call runs, or all to the end of the cycle; if not given, CRON_CHUNKS_PER_CALL",
        description=f"a whole number from 1 to {MAXIMUM_CHUNKS}, or all",
        examples=["all"],
    )
    only: Literal["failed"] | None = Field(
        default=None,
        title="Only the stocks that failed last time, all of them unless chunks is given; the cursor does not move",
        description="failed",
    )
    tickers: Tickers | None = Field(
        default=None,
        title="Only these stocks; the cursor does not move",
        description=f"1 to {MAXIMUM_TICKERS} different tickers, separated by commas",
        examples=["ACME,FOO"],
    )
    dry_run: YesOrNo = Field(
        default=False, title="Only show which stocks the call would take", description="0, 1, true or false"
    )
    on_conflict: Literal["skip", "error"] = Field(
        default="skip",
        title="What to answer while another caller is running the job: 200 with the status skipped, or 409",
        description="skip or error",
    )


class HistoryParameters(_Parameters):
    """The parameters of history."""

    limit: WholeNumber = Field(
        default=50, ge=1, le=200, title="How many runs to return at most", description="a whole number from 1 to 200"
    )
    job: _RUN_NAME | None = Field(
        default=None,
        title="Only this job's runs; it may be any name in the run log",
        description=f"{JOB_NAMES}, or any other name",
        examples=["scores"],
    )
    status: RunStatus | None = Field(
        default=None, title="Only runs with this status", description="running, completed or failed"
    )
    since: Moment | None = Field(default=None, title="Only runs that began then or later", description=_MOMENT)
    until: Moment | None = Field(default=None, title="Only runs that began before then", description=_MOMENT)
    before: UUID | None = Field(
        default=None, title="Only runs older than this one: the next page", description="a run's id"
    )


class CallsParameters(_Parameters):
    """The parameters of calls."""

    limit: WholeNumber = Field(
        default=50, ge=1, le=200, title="How many calls to return at most", description="a whole number from 1 to 200"
    )
    job: JobName | None = Field(default=None, title="Only this job's calls", description=JOB_NAMES)
    status: LoggedStatus | None = Field(
        default=None, title="Only calls with this status", description="running, completed, failed or skipped"
    )
    since: Moment | None = Field(default=None, title="Only calls that began then or later", description=_MOMENT)
    until: Moment | None = Field(default=None, title="Only calls that began before then", description=_MOMENT)
    before: UUID | None = Field(
        default=None, title="Only calls older than this one: the next page", description="a call's id"
    )


class JobParameters(_Parameters):
    """The parameters of reset and resume."""

    job: JobName | None = Field(default=None, title="Only this job; if not given, all", description=JOB_NAMES)


class FailuresParameters(JobParameters):
    """The parameters of failures."""

    limit: WholeNumber = Field(
        default=100,
        ge=1,
        le=1_000,
        title="How many stocks to list per job at most",
        description="a whole number from 1 to 1000",
    )
    after: _TICKER | None = Field(
        default=None, title="Only stocks after this ticker: the next page", description="a ticker"
    )
    reason: _REASON | None = Field(
        default=None,
        title="Only stocks that failed last time for this reason, as in last_reason",
        description=f"text of 1 to {LONGEST_REASON} characters",
        examples=["financial_data.cash not finite"],
    )


class CoverageParameters(FailuresParameters):
    """The parameters of coverage."""

    max_age: Age | None = Field(
        default=None,
        title="How old the last result of a fresh stock may be; if not given, CRON_FRESH_WITHIN",
        description=AGE_FORM,
        examples=["7d"],
    )
    stocks: Freshness | None = Field(
        default=None,
        title="List the job's stocks in this state, by ticker; requires job",
        description="fresh, stale or never",
    )


class ObjectiveParameters(JobParameters):
    """The parameters of objective."""

    days: WholeNumber = Field(
        default=DEFAULT_DAYS,
        ge=1,
        le=MOST_DAYS,
        title="How many days back to look",
        description=f"a whole number of days from 1 to {MOST_DAYS}",
    )


class ActivityParameters(JobParameters):
    """The parameters of activity."""

    days: WholeNumber = Field(
        default=activity.DEFAULT_DAYS,
        ge=1,
        le=activity.MOST_DAYS,
        title="How many days back to look",
        description=f"a whole number of days from 1 to {activity.MOST_DAYS}",
    )


class StocksParameters(_Parameters):
    """The parameters of the search for stocks."""

    search: Annotated[str, Field(min_length=1, max_length=LONGEST_SEARCH, pattern=r"^[^\x00\ufffd]*$")] = Field(
        title="The beginning of a ticker, or a part of a name, in any case",
        description=f"text of 1 to {LONGEST_SEARCH} characters",
        examples=["gold"],
    )
    limit: WholeNumber = Field(
        default=20, ge=1, le=100, title="How many stocks to return at most", description="a whole number from 1 to 100"
    )


class PauseParameters(JobParameters):
    """The parameters of pause."""

    reason: Annotated[str, Field(max_length=MAXIMUM_REASON, pattern=r"^[^\x00]*$")] | None = Field(
        default=None, title="Why the job is paused", description=f"text of at most {MAXIMUM_REASON} characters"
    )


_DAYS = f"a whole number of days from 1 to {MAXIMUM_DAYS}"


class CleanupParameters(_Parameters):
    """The parameters of cleanup."""

    runs_days: _Days | None = Field(
        default=None,
        title="How long runs are kept; if not given, CRON_KEEP_RUNS_DAYS",
        description=_DAYS,
    )
    calls_days: _Days | None = Field(
        default=None,
        title="How long calls and samples are kept; if not given, CRON_KEEP_CALLS_DAYS",
        description=_DAYS,
    )
    red_flags_days: _Days | None = Field(
        default=None,
        title="How long red flags are kept; if not given, CRON_KEEP_RED_FLAGS_DAYS",
        description=_DAYS,
    )
    snapshots_days: _Days | None = Field(
        default=None,
        title="How long snapshots are kept; if not given, CRON_KEEP_SNAPSHOTS_DAYS",
        description=_DAYS,
    )
    dry_run: YesOrNo | None = Field(
        default=None, title="Only count what would be removed", description="0, 1, true or false"
    )


class NoParameters(_Parameters):
    """The parameters of paths that have none."""
