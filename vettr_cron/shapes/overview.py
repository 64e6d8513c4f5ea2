"""What one look at the service shows."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, create_model

from vettr_cron.jobs.job import Job
from vettr_cron.services.monitor import overview as service
from vettr_cron.shapes import monitor
from vettr_cron.shapes.engine import Engine
from vettr_cron.shapes.monitor import FreshnessCounts, JobState
from vettr_cron.shapes.shape import JOB_NAMES, Count, Shape, Time, of_jobs


class Verdict(Shape):
    """How it fares."""

    state: Literal["ok", "warning", "problem"] = Field(
        description="ok; warning: it works, but not as well or for as long as it could; problem: calls fail, or stocks "
        "do not stay fresh"
    )
    sentence: str = Field(
        description="The same in words",
        examples=["All 1572 stocks are fresh; the next call is expected at 2026-11-27 18:00 UTC"],
    )
    fix: str | None = Field(description="What to do about it; null if there is nothing to do")


class TimedCounts(FreshnessCounts):
    """A job's stocks, counted by freshness at one time."""

    counted_at: Time = Field(description="When they were counted, UTC")


class JobNow(Shape):
    """One job at a glance."""

    name: str = Field(description="The job's name", examples=["scores"], json_schema_extra={"enum": [JOB_NAMES]})
    verdict: Verdict
    counts: TimedCounts
    status: JobState


@of_jobs
def overview_shape(jobs: tuple[Job, ...]) -> type[Shape]:
    """The overview, with an entry for each job."""
    fields: dict[str, Any] = {job.key: (JobNow, ...) for job in jobs}
    by_key: Any = create_model("JobsNow", __base__=Shape, __doc__="Each job by its key.", **fields)

    class Overview(Shape):
        """The service at a glance."""

        verdict: Verdict
        total_stocks: Count = Field(description="How many stocks there are", examples=[1572])
        calls_since: Time | None = Field(
            description="When the oldest call in the call log began, UTC; null while there is none"
        )
        fresh_within_seconds: Count = Field(
            description="How old the result of a fresh stock may be: CRON_FRESH_WITHIN", examples=[90000]
        )
        engine: Engine
        jobs: by_key

    return Overview


def overview(found: service.Overview, jobs: Mapping[str, Job]) -> Shape:
    """The service now."""
    return overview_shape(jobs).of(
        found,
        verdict=Verdict.of(found.verdict),
        fresh_within_seconds=int(found.fresh_within.total_seconds()),
        engine=monitor.engine_now(found.engine),
        jobs={key: _job(each, found) for key, each in found.jobs.items()},
    )


def _job(job: service.JobOverview, found: service.Overview) -> JobNow:
    return JobNow(
        name=job.name,
        verdict=Verdict.of(job.verdict),
        counts=TimedCounts.of(job.counts, counted_at=found.counted_at),
        status=monitor.job_now(job.state),
    )
