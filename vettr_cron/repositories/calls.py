"""The rows of cron_calls: every call of a job, as it began and as it ended."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, fields, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, exists, func, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite

from vettr_cron.domain.logged_call import LoggedCall, LoggedStatus
from vettr_cron.domain.run import INTERRUPTED, StopReason
from vettr_cron.models.tables import cron_calls as table
from vettr_cron.models.tables import cron_job_runs as runs
from vettr_cron.repositories.runs import shown_as

_INSERT: dict[str, Any] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}
_NEWEST_FIRST = (table.c.started_at.desc(), table.c.id.desc())
_RUNNING = table.c.status == LoggedStatus.RUNNING.value
_BEGINNING = ("id", "job", "along_cursor", "caller", "started_at")
_END = tuple(field.name for field in fields(LoggedCall) if field.name not in _BEGINNING)


def begin(connection: Connection, call: LoggedCall) -> bool:
    """Insert the row of a call that has the job's lease. Returns whether earlier calls of the job are still `running`.

    A repeat after a lost answer changes nothing.
    """
    other = table.alias("other")
    is_left = (other.c.job == call.job) & (other.c.status == LoggedStatus.RUNNING.value) & (other.c.id != call.id)
    inserted = _INSERT[connection.dialect.name](table).values(_row(call)).on_conflict_do_nothing()
    return bool(connection.execute(inserted.returning(exists().where(is_left).label("left"))).scalar())


def end(connection: Connection, call: LoggedCall) -> None:
    """Write how a call ended, whether or not it had begun; one that another caller has closed stays as it is."""
    insert = _INSERT[connection.dialect.name](table).values(_row(call))
    values = {name: insert.excluded[name] for name in _END}
    connection.execute(insert.on_conflict_do_update(index_elements=["id"], set_=values, where=_RUNNING))


def close_interrupted(connection: Connection, own: LoggedCall, run_name: str) -> None:
    """Close what dead calls of the job left `running`, with what their runs did, as of the last sign of life.

    Whoever has the lease is the only one at work, and has not begun a run yet, so the runs since are that call's own:
    but for those of callers of the release before this one, which logs no calls.
    """
    its_runs = (runs.c.job_name == run_name) & (runs.c.started_at >= table.c.started_at)
    oldest_first = select(runs.c.id).where(its_runs).order_by(runs.c.started_at, runs.c.id).limit(1)
    newest_first = select(runs.c.id).where(its_runs).order_by(runs.c.started_at.desc(), runs.c.id.desc()).limit(1)
    last_sign = select(func.max(func.coalesce(runs.c.completed_at, runs.c.started_at))).where(its_runs)

    def total(column: Any) -> Any:
        return select(func.coalesce(func.sum(column), 0)).where(its_runs).scalar_subquery()

    closed = update(table).where(table.c.job == own.job, _RUNNING, table.c.id != own.id)
    connection.execute(
        closed.values(
            status=LoggedStatus.FAILED.value,
            stop_reason=StopReason.ERROR.value,
            error=INTERRUPTED,
            ended_at=func.coalesce(last_sign.scalar_subquery(), table.c.started_at),
            chunks_run=select(func.count()).select_from(runs).where(its_runs).scalar_subquery(),
            stocks_processed=total(runs.c.stocks_processed),
            succeeded=total(runs.c.succeeded),
            failed=total(runs.c.failed_count),
            first_run_id=oldest_first.scalar_subquery(),
            last_run_id=newest_first.scalar_subquery(),
        )
    )


def running(connection: Connection, jobs: Collection[str]) -> list[LoggedCall]:
    """These jobs' calls with the status `running`, oldest first."""
    statement = select(table).where(_RUNNING, table.c.job.in_(jobs)).order_by(table.c.started_at, table.c.id)
    return [LoggedCall(**row._mapping) for row in connection.execute(statement)]


def as_seen(call: LoggedCall, orphans: Collection[UUID]) -> LoggedCall:
    """How readers see a call: one that is `running` although its process is dead has failed."""
    if call.status != LoggedStatus.RUNNING or call.id not in orphans:
        return call
    return replace(call, status=LoggedStatus.FAILED, stop_reason=StopReason.ERROR, error=INTERRUPTED)


def find(connection: Connection, call_id: UUID) -> LoggedCall | None:
    """One call by its id."""
    row = connection.execute(select(table).where(table.c.id == call_id)).one_or_none()
    return None if row is None else LoggedCall(**row._mapping)


def newest(
    connection: Connection,
    limit: int,
    *,
    job: str | None = None,
    along_cursor: bool | None = None,
    status: LoggedStatus | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    before: LoggedCall | None = None,
    orphans: Collection[UUID] = (),
) -> list[LoggedCall]:
    """The newest calls first; a running one among the orphans counts, and is shown, as failed.

    Those that began at `since` or later, and before `until`.
    """
    statement = select(table).order_by(*_NEWEST_FIRST).limit(limit)
    if job is not None:
        statement = statement.where(table.c.job == job)
    if along_cursor is not None:
        statement = statement.where(table.c.along_cursor.is_(along_cursor))
    if status is not None:
        statement = statement.where(shown_as(table, status, orphans))
    if since is not None:
        statement = statement.where(table.c.started_at >= since)
    if until is not None:
        statement = statement.where(table.c.started_at < until)
    if before is not None:
        statement = statement.where(tuple_(table.c.started_at, table.c.id) < (before.started_at, before.id))
    found = [LoggedCall(**row._mapping) for row in connection.execute(statement)]
    return [as_seen(call, orphans) for call in found]


def beginnings(connection: Connection, job: str, since: datetime, until: datetime) -> Sequence[datetime]:
    """When the job's calls along the cursor began, from `since` on and before `until`; newest first."""
    along = (table.c.job == job, table.c.along_cursor.is_(True))
    statement = select(table.c.started_at).where(*along, table.c.started_at >= since, table.c.started_at < until)
    return connection.execute(statement.order_by(table.c.started_at.desc())).scalars().all()


def first_at(connection: Connection, job: str | None = None) -> datetime | None:
    """When the oldest call in the log began, or the oldest one of a job along the cursor; None if there is none."""
    first = select(func.min(table.c.started_at))
    if job is not None:
        first = first.where(table.c.job == job, table.c.along_cursor.is_(True))
    return connection.execute(first).scalar()


def _row(call: LoggedCall) -> dict[str, Any]:
    return {name: str(value) if isinstance(value, StrEnum) else value for name, value in asdict(call).items()}
