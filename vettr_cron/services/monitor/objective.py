"""For which share of the last days every stock was fresh, by the samples that calls have taken."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from vettr_cron.database.transactions import Database
from vettr_cron.domain.attendance import CLOCK_AHEAD
from vettr_cron.domain.objective import MOST_SPANS, Objective, objective
from vettr_cron.jobs.job import Job
from vettr_cron.repositories import samples
from vettr_cron.services.clock import utc_now
from vettr_cron.services.monitor.liveness import TIMEOUT_SECONDS

__all__ = ["MOST_SPANS", "JobObjective", "Objectives", "ReadObjective"]

DEFAULT_DAYS, MOST_DAYS = 30, 400


@dataclass(frozen=True, slots=True)
class JobObjective:
    """One job's objective; `since` is when its first sample was taken, None without samples."""

    since: datetime | None
    found: Objective


@dataclass(frozen=True, slots=True)
class Objectives:
    """The jobs' objectives over so many days, by their keys."""

    days: int
    fresh_within: timedelta
    jobs: Mapping[str, JobObjective]


class ReadObjective:
    """The use case behind `objective`."""

    def __init__(self, database: Database, fresh_within: timedelta) -> None:
        self._database = database
        self._fresh_within = fresh_within

    def read(self, jobs: Sequence[Job], days: int) -> Objectives:
        """For which share of the last days every stock was fresh. Raises DatabaseUnavailable."""
        now = utc_now()
        with self._database.reading(TIMEOUT_SECONDS) as connection:
            found = {job.key: self._of(connection, job, now, now - timedelta(days=days)) for job in jobs}
        return Objectives(days, self._fresh_within, found)

    def _of(self, connection: Connection, job: Job, now: datetime, start: datetime) -> JobObjective:
        # What a machine with a wrong clock has left counts once its time has come.
        latest = now + CLOCK_AHEAD
        since = samples.oldest_at(connection, job.name, latest)
        taken = samples.between(connection, job.name, start, latest)
        return JobObjective(since, objective(taken, start, now, self._fresh_within))
