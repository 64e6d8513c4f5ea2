"""Old rows of the tables that only grow, removed piece by piece.

How ten million rows are removed without a statement that reads the whole table, or a lock that others wait for:

1. A piece is the next N rows that are old enough, in the order (time, id), on the table's index on the time. The
   database returns those of them that may go, and where the piece ends, so rows that stay are passed over once.
2. The rows that may go are locked, except those that others have locked: another cleanup, or a user who is just
   acknowledging a flag. No other row is locked. SQLite has one writer at a time, and no such clause.
3. A second statement in the same transaction removes the locked rows for which the conditions still hold. It sees what
   was committed before the lock, such as an acknowledgment; a later one waits, and finds no flag.

A flag or a snapshot may go if the job that writes them has refreshed its stock later: then there are newer ones.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Column,
    ColumnElement,
    Connection,
    FromClause,
    Select,
    String,
    Table,
    Uuid,
    and_,
    any_,
    bindparam,
    delete,
    exists,
    func,
    literal,
    or_,
    select,
    tuple_,
    type_coerce,
    union_all,
)

from vettr_cron.domain.errors import DatabaseUnavailable, RowsRefused
from vettr_cron.domain.logged_call import LoggedStatus
from vettr_cron.domain.run import RunStatus
from vettr_cron.models.tables import cron_calls as calls
from vettr_cron.models.tables import cron_job_runs as runs
from vettr_cron.models.tables import cron_stock_states as states
from vettr_cron.models.tables import red_flag_history as red_flags
from vettr_cron.models.tables import vetr_score_snapshots as snapshots
from vettr_cron.repositories.bulk import check_constraints, refusals
from vettr_cron.repositories.references import referring


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired:
    """The rows of a table that are older than a time, and which of them may go."""

    table: Table
    at: Column[Any]  # the time that says how old a row is; it has an index
    before: datetime
    reads: tuple[Column[Any], ...]  # what else `may_go` reads
    may_go: Callable[[FromClause], ColumnElement[bool]]  # given the table, or what has its columns


class Place(NamedTuple):
    """Where a walk is: at this row, which may no longer exist."""

    at: Any
    id: UUID


class Piece(NamedTuple):
    """The rows of a piece that may go, and its last row; None at the end of the walk."""

    ids: Sequence[UUID]
    end: Place | None


def expired_runs(
    connection: Connection, before: datetime, now: datetime, orphans: Collection[UUID], job_names: Collection[str]
) -> Expired:
    """These jobs' runs, except live ones, and each job's newest and newest completed run, of all and along the cursor.

    Rows of other programs in the same table are left to them. A run that begins after `now` is no job's newest.
    """
    begun = select(runs.c.id).where(runs.c.started_at <= now).order_by(runs.c.started_at.desc(), runs.c.id.desc())
    completed = begun.where(runs.c.status == RunStatus.COMPLETED.value)
    newest = [
        run_id
        for name in job_names
        for chosen in (begun, completed, *(each.where(runs.c.chunk_offset.is_not(None)) for each in (begun, completed)))
        for run_id in connection.execute(chosen.where(runs.c.job_name == name).limit(1)).scalars()
    ]

    def may_go(found: FromClause) -> ColumnElement[bool]:
        is_over = or_(found.c.status != RunStatus.RUNNING.value, found.c.id.in_(orphans))
        return and_(found.c.job_name.in_(job_names), is_over, found.c.id.not_in(newest))

    return Expired(
        table=runs, at=runs.c.started_at, before=before, reads=(runs.c.job_name, runs.c.status), may_go=may_go
    )


def expired_calls(connection: Connection, before: datetime, now: datetime, jobs: Collection[str]) -> Expired:
    """Calls, except each job's newest along the cursor and its newest completed one along the cursor.

    A call that begins after `now` is no job's newest. One that has been `running` for a day is dead, and what is
    expired is older than that.
    """
    begun = select(calls.c.id).where(calls.c.along_cursor.is_(True), calls.c.started_at <= now)
    begun = begun.order_by(calls.c.started_at.desc(), calls.c.id.desc()).limit(1)
    newest = [
        call_id
        for job in jobs
        for chosen in (begun, begun.where(calls.c.status == LoggedStatus.COMPLETED.value))
        for call_id in connection.execute(chosen.where(calls.c.job == job)).scalars()
    ]

    def may_go(found: FromClause) -> ColumnElement[bool]:
        return found.c.id.not_in(newest)

    return Expired(table=calls, at=calls.c.started_at, before=before, reads=(), may_go=may_go)


def expired_snapshots(before: datetime, job: str) -> Expired:
    """Snapshots of a day before that on which this job last refreshed their stock."""

    def may_go(found: FromClause) -> ColumnElement[bool]:
        last_day = func.date(states.c.last_refreshed_at)
        return exists().where(*_state(job, found), last_day > found.c.recorded_at)

    return Expired(
        table=snapshots, at=snapshots.c.recorded_at, before=before, reads=(snapshots.c.stock_ticker,), may_go=may_go
    )


def expired_red_flags(connection: Connection, before: datetime, job: str) -> Expired:
    """Red flags from before this job last refreshed their stock, except those that a row of any other table refers to.

    The latter is the platform's table of acknowledgments, which our own database does not have, and whose rows would be
    removed with the flag. Raises DatabaseUnavailable if there may be such rows that this user cannot see.
    """
    references = referring(connection, red_flags)

    def may_go(found: FromClause) -> ColumnElement[bool]:
        is_outlived = exists().where(*_state(job, found), states.c.last_refreshed_at > found.c.detected_at)
        return and_(is_outlived, *(~exists().where(named == found.c.id) for named in references))

    return Expired(
        table=red_flags, at=red_flags.c.detected_at, before=before, reads=(red_flags.c.stock_ticker,), may_go=may_go
    )


def _state(job: str, found: FromClause) -> tuple[ColumnElement[bool], ...]:
    return states.c.job == job, states.c.ticker == found.c.stock_ticker


def next_piece(connection: Connection, expired: Expired, after: Place | None, size: int) -> Piece:
    """The next rows after that place that are old enough, oldest first."""
    piece = _rows_after(connection, expired, after).limit(size).cte("piece")
    at, row_id = piece.c[expired.at.name], piece.c.id
    last = select(piece).order_by(at, row_id).offset(size - 1).limit(1).subquery()
    # In one statement, so that both parts see the same rows. Rows that stay are not sent, except the last one.
    found = connection.execute(
        union_all(
            select(literal(False).label("is_last"), row_id, _position(connection, at)).where(expired.may_go(piece)),
            select(literal(True), last.c.id, _position(connection, last.c[expired.at.name])),
        )
    ).all()
    ends = [Place(time, row_id) for is_last, row_id, time in found if is_last]
    return Piece([row_id for is_last, row_id, _ in found if not is_last], ends[0] if ends else None)


def _rows_after(connection: Connection, expired: Expired, after: Place | None) -> Select[Any]:
    at, row_id = _position(connection, expired.at), expired.table.c.id
    chosen = select(row_id, expired.at, *expired.reads).where(expired.at < expired.before).order_by(expired.at, row_id)
    if after is None:
        return chosen
    # The time as a value of the column's type, even if it is a text because Python has no datetime for it.
    time = literal(after.at, at.type)
    # The condition on the time alone is for the index.
    return chosen.where(at >= time, tuple_(at, row_id) > tuple_(time, after.id))


def lock(connection: Connection, expired: Expired, ids: Sequence[UUID]) -> Sequence[UUID]:
    """Lock these rows until the transaction ends, except rows that others have locked."""
    chosen = select(expired.table.c.id).where(_among(connection, expired, ids))
    # SQLAlchemy omits the clause on SQLite.
    return connection.execute(chosen.with_for_update(of=expired.table, skip_locked=True)).scalars().all()


def remove(connection: Connection, expired: Expired, ids: Sequence[UUID]) -> int:
    """Remove those rows that may still go, and return their number. Raises DatabaseUnavailable."""
    is_old = expired.at < expired.before
    chosen = delete(expired.table).where(_among(connection, expired, ids), is_old, expired.may_go(expired.table))
    try:
        with refusals(expired.table):
            removed = connection.execute(chosen).rowcount
        check_constraints(connection)
    except RowsRefused as error:
        raise DatabaseUnavailable(str(error)) from error
    return removed


def gone(connection: Connection, expired: Expired, ids: Sequence[UUID]) -> int:
    """How many of these rows no longer exist."""
    there = select(func.count()).select_from(expired.table).where(_among(connection, expired, ids))
    return len(ids) - connection.execute(there).scalar_one()


def _position(connection: Connection, at: ColumnElement[Any]) -> ColumnElement[Any]:
    """The time in the form that says where a walk is: on SQLite, the stored text itself."""
    return type_coerce(at, String()) if connection.dialect.name == "sqlite" else at


def _among(connection: Connection, expired: Expired, ids: Sequence[UUID]) -> ColumnElement[bool]:
    if connection.dialect.name == "postgresql":  # one parameter in place of thousands
        return expired.table.c.id == any_(bindparam("ids", list(ids), type_=ARRAY(Uuid())))
    return expired.table.c.id.in_(ids)
