"""All use cases in one place, as create_app() wires them; routes and commands find them here."""

from dataclasses import dataclass
from typing import cast

from flask import current_app

from vettr_cron.config import Settings
from vettr_cron.database import Database
from vettr_cron.services.cleanup import Cleanup
from vettr_cron.services.clock import Shutdown
from vettr_cron.services.coverage import ReadCoverage
from vettr_cron.services.doctor import Doctor
from vettr_cron.services.history import ReadHistory
from vettr_cron.services.metrics import ReadMetrics
from vettr_cron.services.overview import ReadOverview
from vettr_cron.services.pause import PauseJobs
from vettr_cron.services.preview import PreviewRefresh
from vettr_cron.services.readiness import Readiness
from vettr_cron.services.refresh import Refresh
from vettr_cron.services.reset import Reset
from vettr_cron.services.status import ReadStatus
from vettr_cron.services.universe import Universe

EXTENSION = "vettr_cron"


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What a caller may ask of the service."""

    settings: Settings
    database: Database
    shutdown: Shutdown
    refresh: Refresh
    status: ReadStatus
    history: ReadHistory
    reset: Reset
    preview: PreviewRefresh
    coverage: ReadCoverage
    pause: PauseJobs
    metrics: ReadMetrics
    cleanup: Cleanup
    readiness: Readiness
    doctor: Doctor
    overview: ReadOverview
    universe: Universe


def services() -> Services:
    """The use cases of the current application."""
    return cast(Services, current_app.extensions[EXTENSION])
