"""The newest calls as readers see them: one whose process is dead is not running."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from vettr_cron.database.transactions import Database
from vettr_cron.domain.errors import UnknownCall
from vettr_cron.domain.logged_call import LoggedCall, LoggedStatus
from vettr_cron.jobs.job import Job
from vettr_cron.redis_store.leases import Leases
from vettr_cron.repositories import calls
from vettr_cron.services.monitor.liveness import TIMEOUT_SECONDS, liveness


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFilter:
    """Which calls to list: those that began at `since` or later and before `until`, and are older than `before`."""

    job: str | None = None
    status: LoggedStatus | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: UUID | None = None


@dataclass(frozen=True, slots=True)
class CallPage:
    """Calls, newest first; `calls_since` is when the oldest one in the log began, None while it is empty."""

    calls: Sequence[LoggedCall]
    calls_since: datetime | None


class ReadCalls:
    """The use case behind `calls`."""

    def __init__(self, database: Database, leases: Leases, jobs: Mapping[str, Job]) -> None:
        self._database = database
        self._leases = leases
        self._jobs = jobs

    def read(self, limit: int, wanted: CallFilter) -> CallPage:
        """The newest of the wanted calls first. Raises UnknownCall, ServiceUnavailable."""
        orphans = liveness(self._database, self._leases, self._jobs).orphaned_calls
        with self._database.reading(TIMEOUT_SECONDS) as connection:
            start = None
            if wanted.before is not None:
                start = calls.find(connection, wanted.before)
                if start is None:
                    raise UnknownCall
            found = calls.newest(
                connection,
                limit,
                job=wanted.job,
                status=wanted.status,
                since=wanted.since,
                until=wanted.until,
                before=start,
                orphans=orphans,
            )
            return CallPage(found, calls.first_at(connection))
