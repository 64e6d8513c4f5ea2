"""Which jobs an operator has paused."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, delete, select

from vettr_cron.domain.errors import DatabaseUnavailable, RowsRefused, UnknownCharacters
from vettr_cron.domain.run import Pause
from vettr_cron.models.tables import cron_pauses
from vettr_cron.repositories.bulk import not_kept, upsert


def find(connection: Connection, job: str) -> Pause | None:
    """Why and since when a job is paused; None when it is not."""
    return every(connection).get(job)


def every(connection: Connection) -> dict[str, Pause]:
    """All pauses by the name of the job."""
    return {job: Pause(reason, since) for job, reason, since in connection.execute(_EVERY)}


_EVERY = select(cron_pauses.c.job, cron_pauses.c.reason, cron_pauses.c.paused_at)  # built once, used by each chunk


def put(connection: Connection, jobs: Sequence[str], pause: Pause) -> None:
    """Pause jobs; one that is already paused gets the new reason and keeps its time. Raises DatabaseUnavailable."""
    rows = [{"job": job, "reason": pause.reason, "paused_at": pause.since} for job in jobs]
    try:
        lost = upsert(connection, cron_pauses, rows, ("job",), _new_reason)
    except RowsRefused as error:  # only a reason can be refused, for a character that the database's encoding lacks
        raise UnknownCharacters(str(error)) from error
    if lost:
        raise DatabaseUnavailable(not_kept(cron_pauses).error)


def _new_reason(new: Any) -> dict[str, Any]:
    return {"reason": new.reason}


def remove(connection: Connection, jobs: Sequence[str]) -> None:
    """Let jobs continue."""
    connection.execute(delete(cron_pauses).where(cron_pauses.c.job.in_(jobs)))
