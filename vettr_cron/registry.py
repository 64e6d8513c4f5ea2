"""All use cases in one place, as create_app() wires them; routes and commands find them here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from flask import current_app
from redis import Redis

from vettr_cron.config import Settings
from vettr_cron.database.transactions import Database
from vettr_cron.jobs.job import Job
from vettr_cron.services.clock import Shutdown
from vettr_cron.services.doctor.doctor import Doctor
from vettr_cron.services.monitor.activity import ReadActivity
from vettr_cron.services.monitor.calls import ReadCalls
from vettr_cron.services.monitor.coverage import ReadCoverage
from vettr_cron.services.monitor.history import ReadHistory
from vettr_cron.services.monitor.metrics import ReadMetrics
from vettr_cron.services.monitor.objective import ReadObjective
from vettr_cron.services.monitor.overview import ReadOverview
from vettr_cron.services.monitor.readiness import Readiness
from vettr_cron.services.monitor.results import ReadResults
from vettr_cron.services.monitor.status import ReadStatus
from vettr_cron.services.monitor.stocks import ReadStocks
from vettr_cron.services.operate.cleanup import Cleanup
from vettr_cron.services.operate.imports import Universe
from vettr_cron.services.operate.pause import PauseJobs
from vettr_cron.services.operate.reset import Reset
from vettr_cron.services.refresh.preview import PreviewRefresh
from vettr_cron.services.refresh.refresh import Refresh

EXTENSION = "vettr_cron"


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The use cases, and what they share."""

    settings: Settings
    jobs: Mapping[str, Job]  # by name, in the order in which refresh-all runs them
    database: Database
    redis: Redis
    shutdown: Shutdown
    refresh: Refresh
    status: ReadStatus
    history: ReadHistory
    calls: ReadCalls
    reset: Reset
    preview: PreviewRefresh
    coverage: ReadCoverage
    objective: ReadObjective
    overview: ReadOverview
    activity: ReadActivity
    stocks: ReadStocks
    pause: PauseJobs
    metrics: ReadMetrics
    cleanup: Cleanup
    readiness: Readiness
    doctor: Doctor
    results: ReadResults
    universe: Universe

    def jobs_named(self, name: str | None) -> list[Job]:
        """The job with this name; None means all jobs."""
        return list(self.jobs.values()) if name is None else [self.jobs[name]]

    def close_connections(self) -> None:
        """Close the connections that this process keeps to both servers; what comes next opens new ones."""
        self.database.engine.dispose()
        self.redis.connection_pool.disconnect()


def services() -> Services:
    """The use cases of the current application."""
    return cast(Services, current_app.extensions[EXTENSION])
