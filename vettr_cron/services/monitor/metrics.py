"""What Prometheus reads: computed from the database and Redis at each scrape, so right with any number of workers."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from vettr_cron.jobs.job import Job
from vettr_cron.services.monitor.coverage import Coverage, ReadCoverage
from vettr_cron.services.monitor.status import ReadStatus, Status


@dataclass(frozen=True, slots=True)
class Metrics:
    """The service now, and how fresh each job's results are, both by the jobs' keys."""

    status: Status
    coverage: Coverage


class ReadMetrics:
    """The use case behind `/metrics`."""

    def __init__(
        self, status: ReadStatus, coverage: ReadCoverage, jobs: Mapping[str, Job], fresh_within: timedelta
    ) -> None:
        self._status = status
        self._coverage = coverage
        self._jobs = jobs
        self._fresh_within = fresh_within

    def read(self) -> Metrics:
        """The service now. Raises ServiceUnavailable."""
        return Metrics(self._status.read(), self._coverage.read(list(self._jobs.values()), self._fresh_within))
