"""What calls did and how fresh the results were, by time."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, create_model

from vettr_cron.domain.buckets import MOST_BUCKETS
from vettr_cron.jobs.job import Job
from vettr_cron.services.monitor import activity as service
from vettr_cron.shapes.monitor import FreshnessCounts
from vettr_cron.shapes.shape import Count, Shape, Time, absent, of_jobs

Seconds = Annotated[float, Field(ge=0)]


class CallSums(Shape):
    """The calls that began in one bucket."""

    at: Time = Field(description="When the bucket begins, UTC")
    first_at: Time = Field(description="When the first of them began, UTC")
    last_end: Time | None = Field(
        description="When the last of them to end ended, UTC; null while one is running, or if none has an end"
    )
    calls: Count = Field(description="How many there were", examples=[1])
    completed: Count = Field(description="How many completed", examples=[1])
    failed: Count = Field(description="How many failed, those among them whose process died", examples=[0])
    skipped: Count = Field(description="How many were skipped", examples=[0])
    running: Count = Field(description="How many are running", examples=[0])
    by_hand: Count = Field(
        description="How many of all these calls were outside the cycle, for named stocks or for those that had failed",
        examples=[0],
    )
    stocks_processed: Count = Field(description="Stocks that were processed, successfully or not", examples=[100])
    stocks_failed: Count = Field(description="Stocks that failed and kept their earlier results", examples=[1])
    busy_seconds: Seconds = Field(description="How long those took that have ended, together", examples=[0.84])
    longest_seconds: Seconds = Field(description="How long the longest of them took", examples=[0.84])


class Sample(FreshnessCounts):
    """A job's stocks as they were counted at one time."""

    at: Time = Field(description="When they were counted, UTC")
    kinds: dict[str, int] = Field(
        description="What their results counted as, and how often: scores by tens, red flags by severity",
        examples=[{"60": 700, "70": 872}],
    )


class JobActivity(Shape):
    """One job's calls and samples."""

    calls: list[CallSums] = Field(
        max_length=MOST_BUCKETS, description="By bucket, oldest first; those in which no call began are left out"
    )
    missed: list[Time] = Field(
        max_length=service.MOST_MISSED,
        description=f"The expected times at which no call came, the newest {service.MOST_MISSED}; oldest first, UTC",
    )
    samples: list[Sample] = Field(
        max_length=MOST_BUCKETS, description="The last sample of each bucket, oldest first, where there is one"
    )
    now: Sample | None = Field(description="The newest sample of all; null without samples")
    week_ago: Sample | None = Field(
        description="The newest sample that is at least a week older; null if there is none"
    )


@of_jobs
def activity_shape(jobs: tuple[Job, ...]) -> type[Shape]:
    """The activity of the requested jobs."""
    described = "Each requested job, by its key."
    fields: dict[str, Any] = {job.key: (JobActivity, Field(default_factory=absent)) for job in jobs}
    by_key: Any = create_model("ActivityOfJobs", __base__=Shape, __doc__=described, **fields)

    class Activity(Shape):
        """What did calls do, and how fresh were the results?"""

        since: Time = Field(description="When the first bucket begins, UTC")
        until: Time = Field(description="When the last bucket ends, UTC: that of the newest calls")
        bucket_seconds: Count = Field(description="How long a bucket is", examples=[600])
        jobs: by_key

    return Activity


def activity(found: service.Activity, jobs: Mapping[str, Job]) -> Shape:
    """The jobs' activity, by the jobs' keys."""
    size = int(found.buckets.size.total_seconds())
    return activity_shape(jobs).of(found.buckets, bucket_seconds=size, jobs=found.jobs)
