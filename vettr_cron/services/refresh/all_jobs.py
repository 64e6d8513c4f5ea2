"""All jobs in one call, one after the other; if one fails, the next still runs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import structlog

from vettr_cron.domain.errors import CronError, ServiceUnavailable, unexpected
from vettr_cron.domain.run import CallStatus, JobResult, StopReason
from vettr_cron.jobs.job import Job
from vettr_cron.logs import cause_of, log_unavailable
from vettr_cron.services.clock import Limits, Stopwatch, utc_now
from vettr_cron.services.refresh.call import Progress, unwatched
from vettr_cron.services.refresh.refresh import Refresh
from vettr_cron.services.refresh.request import Request

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class AllResults:
    """Each job's result by job key, in the order in which the jobs ran."""

    results: dict[str, JobResult]
    total_duration_ms: int


def no_watcher(_job: Job) -> Progress:
    """Ignores the progress of every job."""
    return unwatched


def refresh_all(
    refresh: Refresh,
    jobs: Mapping[str, Job],
    request: Request,
    progress_of: Callable[[Job], Progress] = no_watcher,
) -> AllResults:
    """Advance every job by one call; each may use its share of the remaining time. Raises UnknownTickers."""
    stopwatch, limits = Stopwatch(), Limits(request.time_budget)
    if request.only is not None:
        refresh.check(request)
    request = replace(request, came_at=utc_now())  # the schedule expects every job's call then
    results: dict[str, JobResult] = {}
    logged: set[str | None] = set()
    for place, job in enumerate(jobs.values()):
        left = limits.seconds_left
        share = None if left is None else left / (len(jobs) - place)
        results[job.key] = _run(refresh, job, replace(request, time_budget=share), progress_of(job), logged)
    return AllResults(results, stopwatch.milliseconds)


def _run(refresh: Refresh, job: Job, request: Request, progress: Progress, logged: set[str | None]) -> JobResult:
    stopwatch = Stopwatch()
    try:
        return refresh.run(job, request, progress)
    except CronError as problem:
        error, unavailable = str(problem), isinstance(problem, ServiceUnavailable)
        if isinstance(problem, ServiceUnavailable) and cause_of(problem) not in logged:
            logged.add(cause_of(problem))  # one outage keeps every job from working
            log_unavailable(problem, job=job.run_name)
    except Exception as bug:
        log.exception("job_failed", job=job.run_name)
        error, unavailable = unexpected(bug).error, False
    return JobResult(
        job=job.run_name,
        duration_ms=stopwatch.milliseconds,
        completed_at=utc_now(),
        current_offset=0,
        chunk_size=request.chunk_size,
        total_stocks=0,
        status=CallStatus.FAILED,
        stop_reason=StopReason.ERROR,
        error=error,
        unavailable=unavailable,
    )
