"""Which rows that say `running` are those of processes that died."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from vettr_cron.database.transactions import Database
from vettr_cron.domain.lease import Held
from vettr_cron.jobs.job import Job
from vettr_cron.redis_store.leases import Leases
from vettr_cron.repositories import calls, runs

TIMEOUT_SECONDS = 5.0  # for monitoring, which should soon report that a server does not answer


@dataclass(frozen=True, slots=True)
class Liveness:
    """The runs and calls that are marked as running although their holders are dead; who holds the lease of which job.

    A row counts as an orphan only where it is still marked as running when it is read again.
    """

    orphaned_runs: set[UUID]
    orphaned_calls: set[UUID]
    holders: Mapping[str, Held]  # by the job's name


def liveness(database: Database, leases: Leases, jobs: Mapping[str, Job]) -> Liveness:
    """Who is at work, and who only seems to be. Raises ServiceUnavailable.

    A holder names its call and its run in Redis before it inserts their rows, and until their ends are written. So a
    row that was running before Redis was asked, is not named there and is still running afterwards has no holder.
    """
    with database.reading(TIMEOUT_SECONDS) as connection:
        running = runs.running(connection, [job.run_name for job in jobs.values()])
        calling = calls.running(connection, list(jobs))
    asked = {name: leases.holder(name) for name in jobs}
    holders = {name: holder for name, holder in asked.items() if holder is not None}
    named = {name for holder in holders.values() for name in (holder.call_id, holder.run_id)}
    return Liveness(
        {run.id for run in running if str(run.id) not in named},
        {call.id for call in calling if str(call.id) not in named},
        holders,
    )
