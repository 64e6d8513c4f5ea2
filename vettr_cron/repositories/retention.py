"""What may go from the tables that only grow, walked from the oldest row on and removed a piece at a time.

How ten million rows go without a statement that reads the table, or a lock that anybody waits for:

1. A table is walked in the order (time, id), on its index over the time, up to the time before which rows may go. A
   piece is the next so many rows after the place where the piece before it ended, whether they may go or not: so what
   stays is passed over once a walk, and what is younger is not read, but for point 2.
2. A row may go only while its series has a newer one. red_flag_history has no index over ticker, type and time that
   could tell: to ask it row by row reads all rows of the stock for each of them. But the newest rows of the table, read
   backwards on the index over the time, soon name every series that is still written to. Only the rows of the others,
   of stocks that are gone, are read by ticker, some stocks a statement and once a walk.
3. PostgreSQL locks the rows that may go and skips those that somebody else has locked: another cleanup, or a user who
   acknowledges a flag just now. A second statement, which therefore sees every acknowledgment that was made before the
   lock, removes them; an acknowledgment after it waits, and finds no flag. Nobody else's rows are locked, and no new
   ones. SQLite has one writer at a time, and the same statements without the lock.

That two cleanups remove at once is no danger to the newest row either: a row goes for a newer one's sake, which goes
only for one newer still.
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
    """The rows of a table that are older than a time, and which of them may go.

    `series_of` takes a row's values in the columns `names` and gives the series that it belongs to; of the last of
    them it must not be the newest row if it is to go.
    """

    table: Table
    at: Column[Any]  # the time that tells how old a row is; it has an index
    before: datetime
    names: tuple[Column[Any], ...]  # the first of them has an index
    series_of: Callable[[Series], list[Series]] = _alone
    is_free: ColumnElement[bool]  # what else must hold, at the moment of removal


class Place(NamedTuple):
    """Where a walk is: at this row, which need not be there any more."""

    at: Any
    id: UUID


class Passed(NamedTuple):
    """A row that a walk comes past, with its values in the columns `names`."""

    place: Place
    values: Series


def expired_runs(before: datetime, orphans: Collection[UUID], job_names: Collection[str]) -> Expired:
    """These jobs' runs but the live ones, each job's newest and each job's newest that is completed.

    Other programs' rows of the same table are theirs.
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
    """Snapshots but each stock's newest."""
    names = (snapshots.c.stock_ticker,)
    return Expired(table=snapshots, at=snapshots.c.recorded_at, before=before, names=names, is_free=true())


def expired_red_flags(connection: Connection, before: datetime) -> Expired:
    """Red flags but the newest of its type of each stock, and those that a row of any other table hangs on.

    That is the platform's table of acknowledgments, which a database of our own does not have, and whose rows the
    database would remove with the flag. Raises DatabaseUnavailable where such rows may be there and not be seen.
    """
    names = (red_flags.c.stock_ticker, red_flags.c.flag_type)
    is_free = and_(true(), *(~exists().where(named == red_flags.c.id) for named in referring(connection, red_flags)))
    return Expired(table=red_flags, at=red_flags.c.detected_at, before=before, names=names, is_free=is_free)


def oldest(connection: Connection, expired: Expired, after: Place | None, limit: int) -> list[Passed]:
    """The next rows that are old enough, oldest first, from the one after that place."""
    at, row_id = _position(connection, expired), expired.table.c.id
    chosen = select(at, row_id, *expired.names).where(expired.at < expired.before).order_by(expired.at, row_id)
    if after is not None:
        # Said of the time alone as well, for the index.
        chosen = chosen.where(at >= _time(at, after), tuple_(at, row_id) > tuple_(_time(at, after), after.id))
    return _read(connection, chosen.limit(limit))


def newest(connection: Connection, expired: Expired, before: Place | None, limit: int) -> list[Passed]:
    """The next rows of the whole table, newest first, from the one before that place."""
    at, row_id = _position(connection, expired), expired.table.c.id
    chosen = select(at, row_id, *expired.names).order_by(expired.at.desc(), row_id.desc())
    if before is not None:
        chosen = chosen.where(at <= _time(at, before), tuple_(at, row_id) < tuple_(_time(at, before), before.id))
    return _read(connection, chosen.limit(limit))


def newest_of(connection: Connection, expired: Expired, firsts: Collection[str]) -> list[Passed]:
    """The newest row of all those with the same `names`, where the first of these is one of the values given."""
    at, row_id = _position(connection, expired), expired.table.c.id
    rank = func.row_number().over(partition_by=expired.names, order_by=(expired.at.desc(), row_id.desc()))
    ranked = select(at.label("at"), row_id, *expired.names, rank.label("rank")).where(expired.names[0].in_(firsts))
    found = ranked.subquery()
    return _read(connection, select(*list(found.c)[:-1]).where(found.c.rank == 1))


def count(connection: Connection, expired: Expired, ids: Sequence[UUID]) -> int:
    """How many of these rows are there and free to go."""
    chosen = select(func.count()).select_from(expired.table).where(_among(connection, expired, ids), expired.is_free)
    return connection.execute(chosen).scalar_one()


def lock(connection: Connection, expired: Expired, ids: Sequence[UUID]) -> Sequence[UUID]:
    """Those of these rows that are free to go, locked until the transaction ends, but those that others have."""
    chosen = select(expired.table.c.id).where(_among(connection, expired, ids), expired.is_free)
    # SQLite, which has one writer at a time, knows no such clause, and SQLAlchemy leaves it out there.
    return connection.execute(chosen.with_for_update(of=expired.table, skip_locked=True)).scalars().all()


def remove(connection: Connection, expired: Expired, ids: Sequence[UUID]) -> int:
    """Remove those of these rows that are still free to go, and say how many they were. Raises DatabaseUnavailable."""
    chosen = delete(expired.table).where(_among(connection, expired, ids), expired.is_free)
    try:
        with refusals(expired.table):
            removed = connection.execute(chosen).rowcount
        check_constraints(connection)
    except RowsRefused as error:
        raise DatabaseUnavailable(str(error)) from error
    return removed


def gone(connection: Connection, expired: Expired, ids: Sequence[UUID]) -> int:
    """How many of these rows are not there."""
    there = select(func.count()).select_from(expired.table).where(_among(connection, expired, ids))
    return len(ids) - connection.execute(there).scalar_one()


def _read(connection: Connection, chosen: Select[Any]) -> list[Passed]:
    return [Passed(Place(row[0], row[1]), tuple(row[2:])) for row in connection.execute(chosen)]


def _position(connection: Connection, expired: Expired) -> ColumnElement[Any]:
    """The time as it comes back to the database to say where a walk is: in SQLite as the text that stands there."""
    return type_coerce(expired.at, String()) if connection.dialect.name == "sqlite" else expired.at


def _time(at: ColumnElement[Any], place: Place) -> ColumnElement[Any]:
    """A place's time as a value of the column's type, even where Python has no datetime for it, and it is a text."""
    return literal(place.at, at.type)


def _among(connection: Connection, expired: Expired, ids: Sequence[UUID]) -> ColumnElement[bool]:
    if connection.dialect.name == "postgresql":  # one parameter in place of thousands
        return expired.table.c.id == any_(bindparam("ids", list(ids), type_=ARRAY(Uuid())))
    return expired.table.c.id.in_(ids)
