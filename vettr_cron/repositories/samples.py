"""The samples of how fresh each job's results were over time. Those from the future come of a clock that was ahead."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, insert, literal, select

from vettr_cron.domain.objective import Sample
from vettr_cron.models.tables import cron_samples as samples
from vettr_cron.repositories.states import Counts


def oldest_and_newest(connection: Connection, job: str, until: datetime) -> tuple[datetime | None, datetime | None]:
    """When the job's first and last samples were taken, not counting those after `until`."""
    # By itself, each is one look into the key's index.
    ends = (_taken(function, job, until) for function in (func.min, func.max))
    oldest, newest = connection.execute(select(*ends)).one()
    return oldest, newest


def add(
    connection: Connection,
    job: str,
    taken_at: datetime,
    counts: Counts,
    distribution: Mapping[str, int] | None,
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
    first = func.coalesce(_taken(func.max, job, start), literal(start, samples.c.taken_at.type))
    wanted = select(*(samples.c[name] for name in Sample._fields)).where(
        samples.c.job == job, samples.c.taken_at >= first, samples.c.taken_at <= until
    )
    return [Sample._make(row) for row in connection.execute(wanted.order_by(samples.c.taken_at))]


def _taken(function: Any, job: str, until: datetime) -> ColumnElement[Any]:
    return (
        select(function(samples.c.taken_at)).where(samples.c.job == job, samples.c.taken_at <= until).scalar_subquery()
    )
