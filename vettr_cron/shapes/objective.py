"""For which share of the time every stock was fresh."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, create_model

from vettr_cron.jobs.job import Job
from vettr_cron.services.monitor import objective as service
from vettr_cron.shapes.shape import Count, Shape, Time, absent, of_jobs


class NotFresh(Shape):
    """A time in which not every stock was known to be fresh."""

    start: Time = Field(description="Since when, UTC")
    end: Time = Field(description="Until when, UTC")


class JobObjective(Shape):
    """How much of the time every stock had a fresh result of this job."""

    share: Annotated[float, Field(ge=0, le=1)] | None = Field(
        description="fresh_seconds as a share of counted_seconds; null if no time was counted, as without samples",
        examples=[0.9975],
    )
    since: Time | None = Field(description="When the first sample was taken, UTC; null without samples")
    fresh_seconds: Count = Field(description="For how long every stock was fresh", examples=[2585520])
    counted_seconds: Count = Field(
        description="How much time counts: not that before the first sample, nor that without any stock",
        examples=[2592000],
    )
    not_fresh: list[NotFresh] = Field(
        max_length=service.MOST_SPANS,
        description=f"When not every stock was fresh, the newest time first; at most {service.MOST_SPANS}",
    )


@of_jobs
def objective_shape(jobs: tuple[Job, ...]) -> type[Shape]:
    """The objective of the requested jobs."""
    described = "Each requested job, by its key."
    fields: dict[str, Any] = {job.key: (JobObjective, Field(default_factory=absent)) for job in jobs}
    by_key: Any = create_model("ObjectiveOfJobs", __base__=Shape, __doc__=described, **fields)

    class Objective(Shape):
        """For which share of the time was every stock fresh?"""

        days: Count = Field(description="How many days back the objective reaches", examples=[30])
        fresh_within_seconds: Count = Field(
            description="How old the result of a fresh stock may be: CRON_FRESH_WITHIN", examples=[90000]
        )
        jobs: by_key

    return Objective


def objective(found: service.Objectives, jobs: Mapping[str, Job]) -> Shape:
    """The jobs' objectives, by the jobs' keys."""
    within = int(found.fresh_within.total_seconds())
    of_each = {key: _of_job(each) for key, each in found.jobs.items()}
    return objective_shape(jobs).of(found, fresh_within_seconds=within, jobs=of_each)


def _of_job(job: service.JobObjective) -> JobObjective:
    return JobObjective(
        share=job.found.share,
        since=job.since,
        fresh_seconds=int(job.found.fresh.total_seconds()),
        counted_seconds=int(job.found.counted.total_seconds()),
        not_fresh=[NotFresh.of(span) for span in job.found.not_fresh],
    )
