"""What monitoring reads: computed from the database and Redis at the scrape, right with any number of workers."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from vettr_cron.domain.calls import FRESH
from vettr_cron.domain.run import RunStatus
from vettr_cron.jobs import JOBS
from vettr_cron.services.monitor.coverage import Counts, ReadCoverage
from vettr_cron.services.monitor.status import JobState, ReadStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class JobMetrics:
    """One job now; times are None before the first run that has one."""

    stocks: Counts
    progress: float  # of the cycle, from 0 to 1
    last_success: datetime | None
    last_run: datetime | None
    last_run_seconds: float | None
    last_run_failed: bool
    lease_held: bool
    paused: bool
    overdue: bool


@dataclass(frozen=True, slots=True)
class Metrics:
    """The service now, each job by its name."""

    total_stocks: int
    jobs: Mapping[str, JobMetrics]


class ReadMetrics:
    """The use case behind `/metrics`."""

    def __init__(self, status: ReadStatus, coverage: ReadCoverage) -> None:
        self._status = status
        self._coverage = coverage

    def read(self) -> Metrics:
        """The service now. Raises ServiceUnavailable."""
        status = self._status.read()
        coverage = self._coverage.read(list(JOBS.values()), FRESH)
        jobs = {
            job.name: _of(status.jobs[job.key], coverage.jobs[job.key], status.total_stocks) for job in JOBS.values()
        }
        return Metrics(status.total_stocks, jobs)


def _of(state: JobState, counts: Counts, total: int) -> JobMetrics:
    last, success = state.last_run, state.last_success
    return JobMetrics(
        stocks=counts,
        progress=min(state.offset / total, 1.0) if total else 0.0,
        last_success=success.completed_at if success else None,
        last_run=last.started_at if last else None,
        last_run_seconds=(last.duration_ms or 0) / 1000 if last else None,
        last_run_failed=last is not None and last.status is RunStatus.FAILED,
        lease_held=state.lease_held,
        paused=state.paused is not None,
        overdue=state.pace.late,
    )
