"""The two jobs that the tests run, whatever other jobs the service has."""

from vettr_cron.jobs.job import Job
from vettr_cron.jobs.red_flags import RED_FLAGS
from vettr_cron.jobs.scores import SCORES

THE_TWO: dict[str, Job] = {job.name: job for job in (SCORES, RED_FLAGS)}
"""By name, in the order in which refresh-all runs them."""
