"""What calls did and how fresh the results were over the last days, by time."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from vettr_cron.config import Settings
from vettr_cron.database.transactions import Database
from vettr_cron.domain.attendance import CLOCK_AHEAD, missed_between, newest_expected_from
from vettr_cron.domain.buckets import Buckets, buckets
from vettr_cron.domain.run import Pause
from vettr_cron.jobs.job import Job
from vettr_cron.redis_store.leases import Leases
from vettr_cron.repositories import activity, calls, marks, pauses
from vettr_cron.repositories.activity import CallSums, TakenSample
from vettr_cron.services.clock import utc_now
from vettr_cron.services.monitor.liveness import TIMEOUT_SECONDS, liveness

DEFAULT_DAYS, MOST_DAYS = 1, 31
MOST_EXPECTED = 3_000  # expected times that are looked at: more than a month of quarters of an hour
MOST_MISSED = 500
WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobActivity:
    """One job's calls by bucket, the expected times without one, and its samples, all of them oldest first.

    `now` is the newest sample of all, `week_ago` the newest one that is at least a week older.
    """

    calls: Sequence[CallSums]
    missed: Sequence[datetime]
    samples: Sequence[TakenSample]
    now: TakenSample | None
    week_ago: TakenSample | None


@dataclass(frozen=True, slots=True)
class Activity:
    """The jobs' activity by their keys, in these buckets."""

    buckets: Buckets
    jobs: Mapping[str, JobActivity]


class ReadActivity:
    """The use case behind `/v1/cron/activity`."""

    def __init__(
        self,
        database: Database,
        leases: Leases,
        jobs: Mapping[str, Job],
        settings: Settings,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._database = database
        self._leases = leases
        self._jobs = jobs
        self._settings = settings
        self._clock = clock

    def read(self, jobs: Sequence[Job], days: int) -> Activity:
        """What calls did in the last days, and how fresh the results were. Raises ServiceUnavailable."""
        orphans = liveness(self._database, self._leases, self._jobs).orphaned_calls
        now, names = self._clock(), [job.name for job in jobs]
        # What a machine with a wrong clock has left counts once its time has come.
        cut, latest = buckets(now, days), now + CLOCK_AHEAD
        with self._database.reading(TIMEOUT_SECONDS) as connection:
            sums = activity.call_sums(connection, names, cut, latest, orphans)
            taken = activity.last_samples(connection, names, cut, latest)
            paused = pauses.every(connection)
            found = {}
            for job in jobs:
                samples = taken.get(job.name, ())
                newest = samples[-1] if samples else activity.newest_sample(connection, job.name, latest)
                found[job.key] = JobActivity(
                    calls=sums.get(job.name, ()),
                    missed=self._missed(connection, job, cut.since, now, paused),
                    samples=samples,
                    now=newest,
                    week_ago=activity.newest_sample(connection, job.name, newest.at - WEEK) if newest else None,
                )
        return Activity(cut, found)

    def _missed(
        self, connection: Connection, job: Job, since: datetime, now: datetime, paused: Mapping[str, Pause]
    ) -> Sequence[datetime]:
        timetable = self._settings.schedule_of(job.key)
        first = calls.first_at(connection, job.name) if timetable else None
        if timetable is None or first is None:
            return ()
        start = newest_expected_from(timetable, max(since, first), now, MOST_EXPECTED)
        begun = calls.beginnings(connection, job.name, start - timetable.grace, now + CLOCK_AHEAD)
        present, last = paused.get(job.name), marks.last_pause(connection, job.name)
        rests = [*([(present.since, now)] if present else []), *([last] if last else [])]
        missed = missed_between(timetable, begun, start, now)
        return [time for time in missed if not any(began <= time <= ended for began, ended in rests)][-MOST_MISSED:]
