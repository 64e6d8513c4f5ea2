"""The rows of cron_job_runs: the record of every chunk, and the fence of the one that runs."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, bindparam, or_, select, tuple_, update

from vettr_cron.domain.run import INTERRUPTED, Run, RunStatus, StockFailure
from vettr_cron.models.tables import cron_job_runs as runs
from vettr_cron.repositories.bulk import upsert

_CHANGING = (
    "status",
    "stocks_processed",
    "succeeded",
    "failed_count",
    "failures",
    "duration_ms",
    "completed_at",
    "error_message",
)


def start(connection: Connection, run: Run) -> None:
    """Insert a run that begins; again after an answer that was lost, it is the same row."""
    upsert(connection, runs, [_row(run)])


def record(connection: Connection, run: Run) -> bool:
    """Write what a running run has come to. False when it runs no more: another holder has closed it."""
    row = _row(run)
    statement = update(runs).where(runs.c.id == run.id, runs.c.status == RunStatus.RUNNING.value)
    if connection.execute(statement.values({name: row[name] for name in _CHANGING})).rowcount == 1:
        return True
    # An end that is told again, as the answer to the first time was lost, is there already.
    return run.status is not RunStatus.RUNNING and find(connection, run.id) == run


def running(connection: Connection, job_name: str) -> list[Run]:
    """The job's rows that say that they run."""
    statement = select(runs).where(runs.c.job_name == job_name, runs.c.status == RunStatus.RUNNING.value)
    return [_run(row) for row in connection.execute(statement)]


def close_interrupted(connection: Connection, orphans: Sequence[Run]) -> None:
    """Close the running rows that a dead holder left, at its last sign of life."""
    if not orphans:
        return
    closed = update(runs).where(runs.c.id == bindparam("run_id"), runs.c.status == RunStatus.RUNNING.value)
    failed = closed.values(status=RunStatus.FAILED.value, error_message=INTERRUPTED)
    values = [{"run_id": orphan.id, "completed_at": as_interrupted(orphan).completed_at} for orphan in orphans]
    connection.execute(failed.values(completed_at=bindparam("completed_at")), values)


def as_interrupted(run: Run) -> Run:
    """How a running row reads once nobody holds its lease."""
    last_sign_of_life = run.started_at + timedelta(milliseconds=run.duration_ms or 0)
    return run.finished(last_sign_of_life, run.duration_ms or 0, INTERRUPTED)


def find(connection: Connection, run_id: UUID) -> Run | None:
    """One run by its id."""
    row = connection.execute(select(runs).where(runs.c.id == run_id)).one_or_none()
    return None if row is None else _run(row)


def newest(
    connection: Connection,
    limit: int,
    *,
    job_name: str | None = None,
    status: RunStatus | None = None,
    before: Run | None = None,
    jobs_without_holder: Sequence[str] = (),
) -> list[Run]:
    """The newest runs first; a running row of a job that nobody holds counts, and is shown, as failed."""
    statement = select(runs).order_by(runs.c.started_at.desc(), runs.c.id.desc()).limit(limit)
    if job_name is not None:
        statement = statement.where(runs.c.job_name == job_name)
    if status is not None:
        statement = statement.where(_shown_as(status, jobs_without_holder))
    if before is not None:
        statement = statement.where(tuple_(runs.c.started_at, runs.c.id) < (before.started_at, before.id))
    found = [_run(row) for row in connection.execute(statement)]
    return [as_shown(run, jobs_without_holder) for run in found]


def as_shown(run: Run, jobs_without_holder: Sequence[str]) -> Run:
    """The run as a reader may see it: nothing is running whose lease is gone."""
    orphaned = run.status is RunStatus.RUNNING and run.job_name in jobs_without_holder
    return as_interrupted(run) if orphaned else run


def _shown_as(status: RunStatus, jobs_without_holder: Sequence[str]) -> ColumnElement[bool]:
    orphaned = (runs.c.status == RunStatus.RUNNING.value) & runs.c.job_name.in_(jobs_without_holder)
    if status is RunStatus.FAILED:
        return or_(runs.c.status == status.value, orphaned)
    if status is RunStatus.RUNNING:
        return (runs.c.status == status.value) & ~orphaned
    return runs.c.status == status.value


def _row(run: Run) -> dict[str, Any]:
    return asdict(run) | {
        "status": run.status.value,
        "failures": [asdict(failure) for failure in run.failures] if run.failures else None,
    }


def _run(row: Any) -> Run:
    """A row as a run; what another program may have written differently must not hide the others."""
    values = dict(row._mapping)
    if values["status"] not in list(RunStatus):
        values |= {"status": RunStatus.FAILED, "error_message": f"unknown status {values['status']!r}"}
    values["status"] = RunStatus(values["status"])
    failures = values["failures"] if isinstance(values["failures"], list) else ()
    values["failures"] = tuple(_failure(entry) for entry in failures) or None
    for name in ("stocks_processed", "succeeded", "failed_count"):
        values[name] = values[name] or 0
    return Run(**values)


def _failure(entry: Any) -> StockFailure:
    known = entry if isinstance(entry, dict) else {"error": entry}
    return StockFailure(str(known.get("ticker", "")), str(known.get("error", "")))
