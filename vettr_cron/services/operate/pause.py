"""Pauses jobs, and lets them go on."""

from collections.abc import Mapping, Sequence

import structlog

from vettr_cron.database.transactions import Database
from vettr_cron.domain.run import Pause
from vettr_cron.domain.timestamps import iso_milliseconds
from vettr_cron.jobs.job import Job
from vettr_cron.repositories import marks, pauses
from vettr_cron.services.clock import utc_now

MAXIMUM_REASON = 500  # characters

log = structlog.get_logger(__name__)


class PauseJobs:
    """The use case behind `pause` and `resume`: in the database, so that it outlives Redis and restarts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def pause(self, jobs: Sequence[Job], reason: str | None) -> Mapping[str, Pause]:
        """Pause jobs: a call under way stops before its next chunk, others are skipped. All pauses afterwards.

        Raises DatabaseUnavailable.
        """
        names = [job.name for job in jobs]
        with self._database.writing() as connection:
            pauses.put(connection, names, Pause(reason, utc_now()))
            paused = pauses.every(connection)
        log.info("jobs_paused", jobs=names, reason=reason)
        return paused

    def resume(self, jobs: Sequence[Job]) -> Mapping[str, Pause]:
        """Let jobs go on. All pauses that are left. Raises DatabaseUnavailable."""
        names = [job.name for job in jobs]
        with self._database.writing() as connection:
            # While a job was paused, no call of it was expected.
            for name, ended in pauses.every(connection).items():
                if name in names:
                    marks.put(connection, marks.paused(name), iso_milliseconds(ended.since))
                    marks.put(connection, marks.resumed(name), iso_milliseconds(utc_now()))
            pauses.remove(connection, names)
            paused = pauses.every(connection)
        log.info("jobs_resumed", jobs=names)
        return paused
