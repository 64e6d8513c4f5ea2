"""Old rows of the tables that only grow: walked from the oldest row on, and removed piece by piece.

How ten million rows are removed without a statement that reads the whole table, or a lock that others wait for:

1. The walk goes through a table in the order (time, id), on its index on the time, up to the time before which rows
   may be removed. A piece is the next N rows after the end of the previous piece, whether they may be removed or not.
   So rows that stay are passed over once per walk, and younger rows are not read, except in step 2.
2. A row may be removed only while its series has a newer one. red_flag_history has no index on ticker, type and time,
   so checking this row by row would read all rows of the stock each time. But the newest rows of the table, read
   backwards on the index on the time, soon name every series that is still written to. Only the rows of the other
   series, of stocks that are gone, are read by ticker: some stocks per statement, and once per walk.
3. PostgreSQL locks the rows that may be removed, and skips those that others have locked: another cleanup, or a user
   who is just acknowledging a flag. A second statement removes the locked rows; it sees every acknowledgment made
   before the lock. A later acknowledgment waits, and finds no flag. No other rows are locked, and no new ones. SQLite
   has one writer at a time, and uses the same statements without the lock.

Two cleanups at once do not endanger the newest row either: a row is removed because of a newer one, which is removed
only because of one that is newer still.
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
    true,
    tuple_,
    type_coerce,
)

from vettr_cron.domain.errors import DatabaseUnavailable, RowsRefused
from vettr_cron.domain.run import RunStatus
from vettr_cron.models.tables import cron_job_runs
from vettr_cron.models.tables import red_flag_history as red_flags
from vettr_cron.models.tables import vetr_score_snapshots as snapshots
from vettr_cron.repositories.bulk import check_constraints, refusals
from vettr_cron.repositories.references import referring

Series = tuple[str, ...]


def _alone(values: Series) -> list[Series]:
    return [values]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired:
    """The rows of a table that are older than a time, and which of them may be removed.

    `series_of` takes a row's values in the columns `names` and returns the series that it belongs to. A row that is the
    newest of the last of these series must stay.
    """

    table: Table
    at: Column[Any]  # the time that says how old a row is; it has an index
    before: datetime
    names: tuple[Column[Any], ...]  # the first of them has an index
    series_of: Callable[[Series], list[Series]] = _alone
    is_free: ColumnElement[bool]  # what else must hold, at the moment of removal


class Place(NamedTuple):
    """Where a walk is: at this row, which may no longer exist."""

    at: Any
    id: UUID


class Passed(NamedTuple):
    """A row that a walk passes, with its values in the columns `names`."""

    place: Place
    values: Series


def expired_runs(before: datetime, orphans: Collection[UUID], job_names: Collection[str]) -> Expired:
    """These jobs' runs, except live ones, each job's newest run and each job's newest completed run.

    Rows of other programs in the same table are left to them.
    """
    is_over = or_(cron_job_runs.c.status != RunStatus.RUNNING.value, cron_job_runs.c.id.in_(orphans))
    return Expired(
        table=cron_job_runs,
        at=cron_job_runs.c.started_at,
        before=before,
        names=(cron_job_runs.c.job_name, cron_job_runs.c.status),
        series_of=_series_of_run,
        is_free=and_(cron_job_runs.c.job_name.in_(job_names), is_over),
    )


def _series_of_run(values: Series) -> list[Series]:
    job, status = values
    return [(job,), values] if status == RunStatus.COMPLETED.value else [(job,)]


def expired_snapshots(before: datetime) -> Expired:
    """Snapshots, except each stock's newest."""
    names = (snapshots.c.stock_ticker,)
    return Expired(table=snapshots, at=snapshots.c.recorded_at, before=before, names=names, is_free=true())


def expired_red_flags(connection: Connection, before: datetime) -> Expired:
    """Red flags, except each stock's newest of each type, and those that a row of any other table refers to.

    The latter is the platform's table of acknowledgments, which our own database does not have, and whose rows would be
    removed with the flag. Raises DatabaseUnavailable if there may be such rows that this user cannot see.
    """
    names = (red_flags.c.stock_ticker, red_flags.c.flag_type)
    is_free = and_(true(), *(~exists().where(named == red_flags.c.id) for named in referring(connection, red_flags)))
    return Expired(table=red_flags, at=red_flags.c.detected_at, before=before, names=names, is_free=is_free)


def oldest(connection: Connection, expired: Expired, after: Place | None, limit: int) -> list[Passed]:
    """The next rows after that place that are old enough, oldest first."""
    at, row_id = _position(connection, expired), expired.table.c.id
    chosen = select(at, row_id, *expired.names).where(expired.at < expired.before).order_by(expired.at, row_id)
    if after is not None:
        # The condition on the time alone is for the index.
        chosen = chosen.where(at >= _time(at, after), tuple_(at, row_id) > tuple_(_time(at, after), after.id))
    return _read(connection, chosen.limit(limit))


def newest(connection: Connection, expired: Expired, before: Place | None, limit: int) -> list[Passed]:
    """The next rows of the whole table before that place, newest first."""
    at, row_id = _position(connection, expired), expired.table.c.id
    chosen = select(at, row_id, *expired.names).order_by(expired.at.desc(), row_id.desc())
    if before is not None:
        chosen = chosen.where(at <= _time(at, before), tuple_(at, row_id) < tuple_(_time(at, before), before.id))
    return _read(connection, chosen.limit(limit))


def newest_of(connection: Connection, expired: Expired, firsts: Collection[str]) -> list[Passed]:
    """The newest row of each combination of `names` whose first value is among those given."""
    at, row_id = _position(connection, expired), expired.table.c.id
    rank = func.row_number().over(partition_by=expired.names, order_by=(expired.at.desc(), row_id.desc()))
    ranked = select(at.label("at"), row_id, *expired.names, rank.label("rank")).where(expired.names[0].in_(firsts))
    found = ranked.subquery()
    return _read(connection, select(*list(found.c)[:-1]).where(found.c.rank == 1))


def count(connection: Connection, expired: Expired, ids: Sequence[UUID]) -> int:
    """How many of these rows exist and may be removed."""
    chosen = select(func.count()).select_from(expired.table).where(_among(connection, expired, ids), expired.is_free)
    return connection.execute(chosen).scalar_one()


def lock(connection: Connection, expired: Expired, ids: Sequence[UUID]) -> Sequence[UUID]:
    """Lock those rows that may be removed until the transaction ends, except rows that others have locked."""
    chosen = select(expired.table.c.id).where(_among(connection, expired, ids), expired.is_free)
    # SQLite has one writer at a time and no such clause; SQLAlchemy omits it there.
    return connection.execute(chosen.with_for_update(of=expired.table, skip_locked=True)).scalars().all()


def remove(connection: Connection, expired: Expired, ids: Sequence[UUID]) -> int:
    """Remove those rows that may still be removed, and return their number. Raises DatabaseUnavailable."""
    chosen = delete(expired.table).where(_among(connection, expired, ids), expired.is_free)
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


def _read(connection: Connection, chosen: Select[Any]) -> list[Passed]:
    return [Passed(Place(row[0], row[1]), tuple(row[2:])) for row in connection.execute(chosen)]


def _position(connection: Connection, expired: Expired) -> ColumnElement[Any]:
    """The time in the form that says where a walk is: on SQLite, the stored text itself."""
    return type_coerce(expired.at, String()) if connection.dialect.name == "sqlite" else expired.at


def _time(at: ColumnElement[Any], place: Place) -> ColumnElement[Any]:
    """A place's time as a value of the column's type, even if it is a text because Python has no datetime for it."""
    return literal(place.at, at.type)


def _among(connection: Connection, expired: Expired, ids: Sequence[UUID]) -> ColumnElement[bool]:
    if connection.dialect.name == "postgresql":  # one parameter in place of thousands
        return expired.table.c.id == any_(bindparam("ids", list(ids), type_=ARRAY(Uuid())))
    return expired.table.c.id.in_(ids)
