"""What a page that shows the service needs at one look, however many look at once."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from vettr_cron.domain.engine import EngineState
from vettr_cron.domain.job_state import JobState
from vettr_cron.domain.verdict import Verdict, overall, verdict, with_engine
from vettr_cron.jobs.job import Job
from vettr_cron.services.monitor.coverage import Counts, Coverage, ReadCoverage
from vettr_cron.services.monitor.liveness import TIMEOUT_SECONDS
from vettr_cron.services.monitor.shared import Shared
from vettr_cron.services.monitor.status import ReadStatus

KEPT_SECONDS = 1.0  # for which an answer is given again
COUNTS_KEPT = 100  # times as long as they took: counting 100 000 stocks takes up to 80 ms a job
LONGEST_KEPT_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class JobOverview:
    """One job now."""

    name: str
    verdict: Verdict
    counts: Counts
    state: JobState


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The service now, each job by its key; `calls_since` is when the oldest call in the log began."""

    verdict: Verdict
    engine: EngineState
    total_stocks: int
    calls_since: datetime | None
    fresh_within: timedelta
    counted_at: datetime
    jobs: Mapping[str, JobOverview]


class ReadOverview:
    """The use case behind `/v1/cron/overview`.

    Callers share one answer, which is kept for a moment. What it counts is kept longer, so that counting takes at most
    a hundredth of the time, but never for more than a quarter of a minute.
    """

    def __init__(
        self, status: ReadStatus, coverage: ReadCoverage, jobs: Mapping[str, Job], fresh_within: timedelta
    ) -> None:
        self._status = status
        self._coverage = coverage
        self._jobs = jobs
        self._fresh_within = fresh_within
        self._counts = Shared(self._count, lambda took: min(COUNTS_KEPT * took, LONGEST_KEPT_SECONDS))
        self._answer = Shared(self._read, lambda _took: KEPT_SECONDS)

    def read(self, *, anew: bool = False) -> Overview:
        """The service now; with `anew`, nothing that was asked for before this call. Raises ServiceUnavailable."""
        asked_since = time.monotonic() if anew else -math.inf
        if anew:
            self._counts.get(asked_since=asked_since)
        return self._answer.get(asked_since=asked_since)

    def _count(self) -> Coverage:
        return self._coverage.read(list(self._jobs.values()), self._fresh_within, timeout=TIMEOUT_SECONDS)

    def _read(self) -> Overview:
        status, coverage = self._status.read(), self._counts.get()
        if any(counts.total != status.total_stocks for counts in coverage.jobs.values()):
            # The universe has changed since: the sentences must not speak of two of them.
            coverage = self._counts.get(asked_since=time.monotonic())
        jobs = {
            key: JobOverview(state.name, verdict(state, coverage.results(key)), coverage.jobs[key], state)
            for key, state in status.jobs.items()
        }
        return Overview(
            verdict=with_engine(overall({job.name: job.verdict for job in jobs.values()}), status.engine),
            engine=status.engine,
            total_stocks=status.total_stocks,
            calls_since=status.calls_since,
            fresh_within=self._fresh_within,
            counted_at=coverage.counted_at,
            jobs=jobs,
        )
