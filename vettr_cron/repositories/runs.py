"""The rows of cron_job_runs: the record of every chunk, and the fence of the running one."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, fields
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    String,
    Table,
    bindparam,
    func,
    select,
    tuple_,
    type_coerce,
    update,
)

from vettr_cron.domain.errors import RunUnknown
from vettr_cron.domain.run import INTERRUPTED, Run, RunStatus, StockFailure
from vettr_cron.models.tables import cron_job_runs as table
from vettr_cron.models.types import in_utc
from vettr_cron.repositories.bulk import upsert

# Counts are written in the same transaction as the rows that they count, so the end of a run leaves them alone.
_COUNTS = ("stocks_processed", "succeeded", "failed_count", "failures", "duration_ms")
_FIELDS = tuple(field.name for field in fields(Run))
_END = ("status", "duration_ms", "completed_at", "error_message")
_ANY_OFFSET = timedelta(days=2)  # more than any time zone, and the time of a day, make of a time as a text
_FENCE = bindparam("fence", type_=BigInteger)
_SHARE_FENCE = select(func.pg_advisory_xact_lock_shared(_FENCE))
_TAKE_FENCE = select(func.pg_advisory_xact_lock(_FENCE))
_STATUS = select(table.c.status).where(table.c.id == bindparam("run_id"))
_NEWEST_FIRST = (table.c.started_at.desc(), table.c.id.desc())


def start(connection: Connection, run: Run) -> None:
    """Insert a new run. A repeat after a lost answer changes nothing, because the run may be closed by now."""
    upsert(connection, table, [_row(run)], replacements=_nothing)


def _nothing(_new: object) -> dict[str, Any]:
    return {}


def record_progress(connection: Connection, run: Run) -> bool:
    """Write the counts of a running run. False if another holder has closed it: this is the fence.

    Whoever gets False rolls back, and with the counts all that the transaction has written.
    """
    return _update_running(connection, run, _COUNTS)


def join(connection: Connection, run_id: UUID) -> bool:
    """Begin to save a group of a run beside its other groups. False if the run is closed: this is their fence.

    It comes first in a transaction, for whose end `shut_out` then waits. PostgreSQL only. Raises RunUnknown.
    """
    connection.execute(_SHARE_FENCE, {"fence": _fence_of(run_id)})
    # Only now: a statement sees what was committed when it began, and the one before may have waited for the closer.
    status = connection.execute(_STATUS, {"run_id": run_id}).scalar()
    if status is None:
        raise RunUnknown(f"its database has no run {run_id}; is DATABASE_URL there that of the service's calls?")
    return bool(status == RunStatus.RUNNING.value)


def shut_out(connection: Connection, run_ids: Collection[UUID]) -> None:
    """Wait until no group of these runs is being saved, and let none begin until this transaction ends.

    Groups that save side by side lock no row of the run, so that whoever closes it need not wait for one after another.
    SQLite has one writer, and so nobody to wait for.
    """
    if connection.dialect.name == "postgresql":
        for run_id in run_ids:  # one run, as a job has
            connection.execute(_TAKE_FENCE, {"fence": _fence_of(run_id)})


def _fence_of(run_id: UUID) -> int:
    return int.from_bytes(run_id.bytes[:8], signed=True)


def record_end(connection: Connection, run: Run) -> bool:
    """Write how a run ended. False if another holder has closed it."""
    # If the answer to the first attempt was lost, the end is already recorded.
    return _update_running(connection, run, _END) or _end(find(connection, run.id)) == _end(run)


def _update_running(connection: Connection, run: Run, names: tuple[str, ...]) -> bool:
    row = _row(run)
    values = {"run_id": run.id, **{f"new_{name}": row[name] for name in names}}
    return connection.execute(_update_of_running(names), values).rowcount == 1


# Built once: building the statement takes longer than running it.
@cache
def _update_of_running(names: tuple[str, ...]) -> Any:
    still_running = (table.c.id == bindparam("run_id"), table.c.status == RunStatus.RUNNING.value)
    return update(table).where(*still_running).values({name: bindparam(f"new_{name}") for name in names})


def _end(run: Run | None) -> list[Any]:
    return [getattr(run, name, None) for name in _END]


def running(connection: Connection, job_names: Collection[str], *, lock: bool = False) -> list[Run]:
    """These jobs' rows with the status `running`; with `lock`, no other transaction can change them."""
    statement = select(table).where(table.c.status == RunStatus.RUNNING.value, table.c.job_name.in_(job_names))
    if lock:
        statement = statement.with_for_update()
    return [_run(row) for row in connection.execute(statement)]


def close_interrupted(connection: Connection, orphans: Sequence[Run]) -> None:
    """Close the running rows that a dead holder left, as of its last sign of life."""
    if not orphans:
        return
    shut_out(connection, [orphan.id for orphan in orphans])
    closed = update(table).where(table.c.id == bindparam("run_id"), table.c.status == RunStatus.RUNNING.value)
    failed = closed.values(status=RunStatus.FAILED.value, error_message=INTERRUPTED)
    values = [{"run_id": orphan.id, "completed_at": as_interrupted(orphan).completed_at} for orphan in orphans]
    connection.execute(failed.values(completed_at=bindparam("completed_at")), values)


def as_interrupted(run: Run) -> Run:
    """How a running row is shown if its holder is dead."""
    last_sign_of_life = run.started_at + timedelta(milliseconds=run.duration_ms or 0)
    return run.finished(last_sign_of_life, run.duration_ms or 0, INTERRUPTED)


def find(connection: Connection, run_id: UUID) -> Run | None:
    """One run by its id."""
    row = connection.execute(select(table).where(table.c.id == run_id)).one_or_none()
    if row is None and connection.dialect.name == "sqlite":
        # Another program may have written the id with dashes, or in capitals.
        digits = func.lower(func.replace(type_coerce(table.c.id, String()), "-", ""))
        row = connection.execute(select(table).where(digits == run_id.hex).limit(1)).one_or_none()
    return None if row is None else _run(row)


def newest(
    connection: Connection,
    limit: int,
    *,
    job_names: Collection[str] | None = None,
    status: RunStatus | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    before: Run | None = None,
    outside_cycle: bool = True,
    orphans: Collection[UUID] = (),
) -> list[Run]:
    """The newest runs first; a running row among the orphans counts, and is shown, as failed.

    Those that began at `since` or later, and before `until`; without `outside_cycle` only those along the cursor.
    """
    statement = select(table).order_by(*_NEWEST_FIRST).limit(limit)
    if job_names is not None:
        statement = statement.where(table.c.job_name.in_(job_names))
    if status is not None:
        statement = statement.where(shown_as(table, status, orphans))
    started = in_utc(table.c.started_at)
    # The first condition of each finds rows by the index, however another program has written their time.
    if since is not None:
        statement = statement.where(table.c.started_at >= since - _ANY_OFFSET, started >= since)
    if until is not None:
        statement = statement.where(table.c.started_at < until + _ANY_OFFSET, started < until)
    if not outside_cycle:
        statement = statement.where(table.c.chunk_offset.is_not(None))
    if before is not None:
        statement = statement.where(tuple_(table.c.started_at, table.c.id) < (before.started_at, before.id))
    found = [_run(row) for row in connection.execute(statement)]
    return [as_interrupted(run) if run.status is RunStatus.RUNNING and run.id in orphans else run for run in found]


def shown_as(log: Table, status: str, orphans: Collection[UUID]) -> ColumnElement[bool]:
    """The condition that a row of the run log, or of the call log, is shown with this status."""
    orphaned = (log.c.status == RunStatus.RUNNING.value) & log.c.id.in_(orphans)
    if status == RunStatus.FAILED.value:
        return (log.c.status == status) | orphaned
    return (log.c.status == status) & ~orphaned


def _row(run: Run) -> dict[str, Any]:
    return {name: getattr(run, name) for name in _FIELDS} | {
        "status": str(run.status),
        "failures": [asdict(failure) for failure in run.failures] if run.failures else None,
    }


def _run(row: Any) -> Run:
    """A row as a run; a row that another program wrote differently must not make the others unreadable."""
    values = dict(row._mapping)
    if values["status"] in list(RunStatus):
        values["status"] = RunStatus(values["status"])
    known = values.get("failures")
    failures = known if isinstance(known, list) else ()
    values["failures"] = tuple(_failure(entry) for entry in failures) or None
    for name in ("stocks_processed", "succeeded", "failed_count"):
        values[name] = values[name] or 0
    return Run(**values)


def _failure(entry: Any) -> StockFailure:
    known = entry if isinstance(entry, dict) else {"error": entry}
    return StockFailure(str(known.get("ticker", "")), str(known.get("error", "")))
