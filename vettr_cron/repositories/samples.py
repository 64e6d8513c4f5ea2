"""The samples of how fresh each job's results were over time. Those from the future come of a clock that was ahead."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    delete,
    false,
    func,
    insert,
    literal,
    or_,
    select,
    tuple_,
)

from vettr_cron.domain.objective import Sample
from vettr_cron.models.tables import cron_samples as samples
from vettr_cron.repositories.states import Counts


def oldest_at(connection: Connection, job: str, until: datetime) -> datetime | None:
    """When the job's first sample was taken, not counting those after `until`."""
    found: datetime | None = connection.execute(_taken(func.min, job, until)).scalar_one()
    return found


def newest_at(connection: Connection, job: str, until: datetime) -> datetime | None:
    """When the job's newest sample was taken, not counting those after `until`."""
    found: datetime | None = connection.execute(_taken(func.max, job, until)).scalar_one()
    return found


def newest_after(connection: Connection, job: str, time: datetime) -> datetime | None:
    """When the job's newest sample was taken, if that was after this time."""
    newest = select(func.max(samples.c.taken_at)).where(samples.c.job == job, samples.c.taken_at > time)
    found: datetime | None = connection.execute(newest).scalar_one()
    return found


def add(
    connection: Connection,
    job: str,
    taken_at: datetime,
    counts: Counts,
    distribution: Mapping[str, int],
    unless_within: tuple[datetime, datetime] | None,
) -> None:
    """Add a sample, unless the job has one from that time already, both ends included."""
    values = {"job": job, "taken_at": taken_at, **counts._asdict(), "distribution": distribution}
    row = select(*(literal(value, samples.c[name].type) for name, value in values.items()))
    if unless_within is not None:
        others = select(samples.c.job).where(samples.c.job == job, samples.c.taken_at.between(*unless_within))
        row = row.where(~others.exists())
    connection.execute(insert(samples).from_select(list(values), row))


def between(connection: Connection, job: str, start: datetime, until: datetime) -> list[Sample]:
    """The job's samples from then until then, oldest first, and before them the one that holds at `start`."""
    first = func.coalesce(_taken(func.max, job, start).scalar_subquery(), literal(start, samples.c.taken_at.type))
    wanted = select(*(samples.c[name] for name in Sample._fields)).where(
        samples.c.job == job, samples.c.taken_at >= first, samples.c.taken_at <= until
    )
    return [Sample._make(row) for row in connection.execute(wanted.order_by(samples.c.taken_at)).all()]


def count_expired(connection: Connection, before: datetime, now: datetime) -> int:
    """How many samples are older than that and may go: all but each job's newest that is not from after `now`."""
    expired = _expired(connection, before, now)
    return connection.execute(select(func.count()).select_from(samples).where(expired)).scalar_one()


def remove_expired(connection: Connection, before: datetime, now: datetime, most: int) -> int:
    """Remove the oldest of these samples, at most so many, and return their number.

    A table without an id, to which nothing refers and which only grows by a row in 15 minutes, needs no walk.
    """
    key = samples.c.job, samples.c.taken_at
    oldest = select(*key).where(_expired(connection, before, now)).order_by(*key).limit(most)
    return connection.execute(delete(samples).where(tuple_(*key).in_(oldest))).rowcount


def _expired(connection: Connection, before: datetime, now: datetime) -> ColumnElement[bool]:
    newest = select(samples.c.job, func.max(samples.c.taken_at)).where(samples.c.taken_at <= now)
    of_each = connection.execute(newest.group_by(samples.c.job)).all()
    return or_(false(), *(and_(samples.c.job == job, samples.c.taken_at < min(before, last)) for job, last in of_each))


def _taken(function: Any, job: str, until: datetime) -> Select[Any]:
    return select(function(samples.c.taken_at)).where(samples.c.job == job, samples.c.taken_at <= until)
