"""What may go from the tables that only grow, walked from the oldest row on and removed a piece at a time.

How ten million rows go without a statement that reads the table, or a lock that anybody waits for:

1. A table is walked in the order (time, id) up to the time before which rows may go, on its index over the time. A
   piece is the next so many rows after the place where the piece before it ended, whether they may go or not: so what
   stays is passed over once a walk. What is younger is not read at all, but for point 2.
2. A row may go only while its series has a newer one. That is asked by a scalar subquery with LIMIT 1, which PostgreSQL
   answers row by row through the index on the ticker or the job, as soon as it meets any newer row. An EXISTS it could
   turn into a join with the whole table.
3. PostgreSQL locks the rows that may go and skips those that somebody else has locked: another cleanup, or a user who
   acknowledges a flag just now. A second statement, which therefore sees every acknowledgment that was made before the
   lock, removes them; an acknowledgment after it waits, and finds no flag. Nobody else's rows are locked, and no new
   ones. SQLite has one writer at a time, and the same statements without the lock.

That two cleanups remove at once is no danger to the newest row either: a row goes for a newer one's sake, which goes
only for one newer still.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Select,
    String,
    Table,
    and_,
    column,
    delete,
    exists,
    func,
    inspect,
    literal_column,
    or_,
    select,
    table,
    true,
    tuple_,
    type_coerce,
)

from vettr_cron.domain.run import RunStatus
from vettr_cron.models.tables import cron_job_runs as runs
from vettr_cron.models.tables import red_flag_history as red_flags
from vettr_cron.models.tables import vetr_score_snapshots as snapshots


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired:
    """The rows of a table that are older than a time, and which of them may go."""

    table: Table
    at: Column[Any]  # the time that tells how old a row is; it has an index
    before: datetime
    may_go: ColumnElement[bool]
    unreferenced: ColumnElement[bool]  # what must hold at the moment of removal as well


class Place(NamedTuple):
    """Where a walk is: behind this row, which need not be there any more."""

    at: Any
    id: UUID


class Piece(NamedTuple):
    """Consecutive rows of a walk: those after `start` up to `end`; None is the first, and the last of all."""

    start: Place | None
    end: Place | None


def expired_runs(before: datetime, orphans: Collection[UUID]) -> Expired:
    """Runs but the live ones, each job's newest and each job's newest that is completed."""
    is_completed = runs.c.status == RunStatus.COMPLETED.value
    may_go = and_(
        or_(runs.c.status != RunStatus.RUNNING.value, runs.c.id.in_(orphans)),
        _has_newer(runs, runs.c.started_at, [runs.c.job_name]),
        or_(~is_completed, _has_newer(runs, runs.c.started_at, [runs.c.job_name, runs.c.status])),
    )
    return Expired(table=runs, at=runs.c.started_at, before=before, may_go=may_go, unreferenced=true())


def expired_snapshots(before: datetime) -> Expired:
    """Snapshots but each stock's newest."""
    may_go = _has_newer(snapshots, snapshots.c.recorded_at, [snapshots.c.stock_ticker])
    return Expired(table=snapshots, at=snapshots.c.recorded_at, before=before, may_go=may_go, unreferenced=true())


def expired_red_flags(connection: Connection, before: datetime) -> Expired:
    """Red flags but the newest of its type of each stock, and those that a row of any other table hangs on.

    That is the platform's table of acknowledgments, which a database of our own does not have, and whose rows the
    database would remove with the flag.
    """
    may_go = _has_newer(red_flags, red_flags.c.detected_at, [red_flags.c.stock_ticker, red_flags.c.flag_type])
    unreferenced = and_(true(), *(~exists().where(named == red_flags.c.id) for named in _referring(connection)))
    return Expired(table=red_flags, at=red_flags.c.detected_at, before=before, may_go=may_go, unreferenced=unreferenced)


def next_piece(connection: Connection, expired: Expired, start: Place | None, size: int) -> Piece:
    """The next `size` rows of a walk."""
    at = _position(connection, expired)
    last = select(at, expired.table.c.id).where(*_within(connection, expired, Piece(start, None)))
    row = connection.execute(last.order_by(at, expired.table.c.id).offset(size - 1).limit(1)).one_or_none()
    return Piece(start, None if row is None else Place(*row))


def count(connection: Connection, expired: Expired, piece: Piece) -> int:
    """How many rows of a piece may go."""
    chosen = select(func.count()).select_from(expired.table)
    return connection.execute(chosen.where(*_removable(connection, expired, piece))).scalar_one()


def lock(connection: Connection, expired: Expired, piece: Piece) -> Sequence[UUID]:
    """The ids of the rows of a piece that may go, locked until the transaction ends, but those that others have."""
    chosen = select(expired.table.c.id).where(*_removable(connection, expired, piece))
    # SQLite, which has one writer at a time, knows no such clause, and SQLAlchemy leaves it out there.
    return connection.execute(chosen.with_for_update(of=expired.table, skip_locked=True)).scalars().all()


def remove(connection: Connection, expired: Expired, ids: Sequence[UUID]) -> int:
    """Remove these rows, and say how many they were."""
    if not ids:
        return 0
    return connection.execute(delete(expired.table).where(expired.table.c.id.in_(ids), expired.unreferenced)).rowcount


def gone(connection: Connection, expired: Expired, ids: Collection[UUID]) -> int:
    """How many of these rows are not there."""
    if not ids:
        return 0
    there = select(func.count()).select_from(expired.table).where(expired.table.c.id.in_(ids))
    return len(ids) - connection.execute(there).scalar_one()


def _removable(connection: Connection, expired: Expired, piece: Piece) -> list[ColumnElement[bool]]:
    return [*_within(connection, expired, piece), expired.unreferenced, expired.may_go]


def _within(connection: Connection, expired: Expired, piece: Piece) -> list[ColumnElement[bool]]:
    at = _position(connection, expired)
    place = tuple_(at, expired.table.c.id)
    conditions: list[ColumnElement[bool]] = [expired.at < expired.before]
    # Said of the time alone as well, for the index and for the planner's estimate.
    if piece.start is not None:
        conditions += [at >= piece.start.at, place > tuple(piece.start)]
    if piece.end is not None:
        conditions += [at <= piece.end.at, place <= tuple(piece.end)]
    return conditions


def _position(connection: Connection, expired: Expired) -> ColumnElement[Any]:
    """The time as it comes back to the database to say where a walk is: in SQLite as the text that stands there."""
    return type_coerce(expired.at, String()) if connection.dialect.name == "sqlite" else expired.at


def _has_newer(source: Table, at: Column[Any], series: Sequence[Column[Any]]) -> ColumnElement[bool]:
    """Whether there is a newer row with the same values in these columns."""
    newer = source.alias("newer")
    same = (newer.c[name.name] == name for name in series)
    later = tuple_(newer.c[at.name], newer.c.id) > tuple_(at, source.c.id)
    any_newer: Select[Any] = (
        select(literal_column("1")).select_from(newer).where(*same, newer.c[at.name] >= at, later).limit(1)
    )
    return any_newer.correlate(source).scalar_subquery().is_not(None)


def _referring(connection: Connection) -> list[ColumnElement[Any]]:
    """The columns of other tables that name a red flag by its id."""
    return [
        table(name, column(referring), schema=schema).c[referring]
        for (schema, name), keys in inspect(connection).get_multi_foreign_keys().items()
        for key in keys
        if key["referred_table"] == red_flags.name
        for referring, referred in zip(key["constrained_columns"], key["referred_columns"], strict=True)
        if referred == red_flags.c.id.name
    ]
