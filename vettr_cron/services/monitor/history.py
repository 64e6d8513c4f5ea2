"""The newest runs as readers see them: a run whose lease is gone is not running."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from vettr_cron.database.transactions import Database
from vettr_cron.domain.errors import UnknownRun
from vettr_cron.domain.run import Run, RunStatus
from vettr_cron.jobs.job import Job
from vettr_cron.redis_store.leases import Leases
from vettr_cron.repositories import runs
from vettr_cron.services.monitor.liveness import TIMEOUT_SECONDS, liveness


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilter:
    """Which runs to list: those that began at `since` or later and before `until`, and are older than `before`.

    `job` is the name of one of the service's jobs, or any job name in the run log.
    """

    job: str | None = None
    status: RunStatus | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: UUID | None = None


class ReadHistory:
    """The use case behind `history` and `runs`."""

    def __init__(self, database: Database, leases: Leases, jobs: Mapping[str, Job]) -> None:
        self._database = database
        self._leases = leases
        self._jobs = jobs

    def one(self, run_id: UUID) -> Run:
        """One run in full. Raises UnknownRun, ServiceUnavailable."""
        orphans = liveness(self._database, self._leases, self._jobs).orphaned_runs
        with self._database.reading(TIMEOUT_SECONDS) as connection:
            run = runs.find(connection, run_id)
        if run is None:
            raise UnknownRun
        orphaned = run.status is RunStatus.RUNNING and run.id in orphans
        return runs.as_interrupted(run) if orphaned else run

    def read(self, limit: int, wanted: RunFilter) -> Sequence[Run]:
        """The newest of the wanted runs first. Raises UnknownRun, ServiceUnavailable."""
        orphans = liveness(self._database, self._leases, self._jobs).orphaned_runs
        with self._database.reading(TIMEOUT_SECONDS) as connection:
            start = None
            if wanted.before is not None:
                start = runs.find(connection, wanted.before)
                if start is None:
                    raise UnknownRun
            return runs.newest(
                connection,
                limit,
                job_names=self._run_names(wanted.job),
                status=wanted.status,
                since=wanted.since,
                until=wanted.until,
                before=start,
                orphans=orphans,
            )

    def _run_names(self, job: str | None) -> Sequence[str] | None:
        if job is None:
            return None
        return [job, self._jobs[job].run_name] if job in self._jobs else [job]
