"""What calls did, and how fresh the results were, by time: sums over the call log, and of the samples the last ones."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    Float,
    Integer,
    Select,
    and_,
    case,
    cast,
    func,
    literal,
    or_,
    select,
)

from vettr_cron.domain.buckets import Buckets
from vettr_cron.domain.logged_call import LoggedStatus
from vettr_cron.models.tables import cron_calls as calls
from vettr_cron.models.tables import cron_samples as samples

_EPOCH = datetime(1970, 1, 1)


class CallSums(NamedTuple):
    """The calls that began in one bucket; times and seconds are of those that have ended."""

    at: datetime  # the bucket's beginning
    first_at: datetime
    last_end: datetime | None  # None also while one runs
    calls: int
    completed: int
    failed: int
    skipped: int
    running: int
    by_hand: int
    stocks_processed: int
    stocks_failed: int
    busy_seconds: float
    longest_seconds: float


class TakenSample(NamedTuple):
    """How fresh a job's results were when it was taken, and how many of them counted as what."""

    at: datetime
    total: int
    fresh: int
    stale: int
    never: int
    failing: int
    oldest: datetime | None
    kinds: Mapping[str, int]


def call_sums(
    connection: Connection, jobs: Collection[str], buckets: Buckets, latest: datetime, orphans: Collection[UUID]
) -> Mapping[str, Sequence[CallSums]]:
    """What each of the jobs' calls up to `latest` did, by bucket, oldest first; those among the orphans have failed."""
    bucket, seconds = _bucket(connection, calls.c.started_at, buckets), _seconds(connection)
    has_not_ended = calls.c.status == LoggedStatus.RUNNING.value
    is_orphan = calls.c.id.in_(orphans)
    conditions = {
        "completed": calls.c.status == LoggedStatus.COMPLETED.value,
        "failed": or_(calls.c.status == LoggedStatus.FAILED.value, and_(has_not_ended, is_orphan)),
        "skipped": calls.c.status == LoggedStatus.SKIPPED.value,
        "running": and_(has_not_ended, ~is_orphan),
        "by_hand": calls.c.along_cursor.is_(False),
    }
    summed = select(
        calls.c.job,
        bucket.label("bucket"),
        func.min(calls.c.started_at).label("first_at"),
        func.max(calls.c.ended_at).label("last_end"),
        func.count().label("calls"),
        *(func.count().filter(condition).label(name) for name, condition in conditions.items()),
        func.sum(calls.c.stocks_processed).label("stocks_processed"),
        func.sum(calls.c.failed).label("stocks_failed"),
        func.coalesce(func.sum(seconds), 0.0).label("busy_seconds"),
        func.coalesce(func.max(seconds), 0.0).label("longest_seconds"),
    )
    wanted = summed.where(
        calls.c.job.in_(jobs),
        calls.c.along_cursor.in_([True, False]),  # or SQLite makes no use of the index for the times
        calls.c.started_at >= buckets.since,
        calls.c.started_at <= latest,
    )
    found = defaultdict(list)
    for job, number, *values in connection.execute(wanted.group_by(calls.c.job, bucket)).all():
        found[job].append(_sums(number, buckets.size, *values))
    # Where the database sorts, it sorts all calls.
    return {job: sorted(sums) for job, sums in found.items()}


def last_samples(
    connection: Connection, jobs: Collection[str], buckets: Buckets, latest: datetime
) -> Mapping[str, Sequence[TakenSample]]:
    """The last of each of the jobs' samples up to `latest` in each bucket, oldest first."""
    taken_at = samples.c.taken_at
    wanted = samples.c.job.in_(jobs), taken_at >= buckets.since, taken_at <= latest
    in_bucket = [samples.c.job, _bucket(connection, taken_at, buckets)]
    place = func.row_number().over(partition_by=in_bucket, order_by=taken_at.desc()).label("place")
    ranked = _samples().add_columns(place).where(*wanted).subquery()
    *columns, rank = ranked.c
    chosen = select(*columns).where(rank == 1).order_by(ranked.c.taken_at)
    found = defaultdict(list)
    for job, *values in connection.execute(chosen).all():
        found[job].append(_sample(values))
    return found


def newest_sample(connection: Connection, job: str, until: datetime) -> TakenSample | None:
    """The job's newest sample up to then; None if there is none."""
    taken_at = samples.c.taken_at
    newest = _samples().where(samples.c.job == job, taken_at <= until).order_by(taken_at.desc()).limit(1)
    row = connection.execute(newest).one_or_none()
    return None if row is None else _sample(row[1:])


def _samples() -> Select[Any]:
    names = [name for name in TakenSample._fields if name not in ("at", "kinds")]
    return select(samples.c.job, samples.c.taken_at, *(samples.c[name] for name in names), samples.c.distribution)


def _sample(values: Sequence[Any]) -> TakenSample:
    return TakenSample._make([*values[:-1], values[-1] or {}])


def _sums(bucket: Any, size: timedelta, *values: Any) -> CallSums:
    """The sums of a bucket, by its number; `values` are in the order of the fields."""
    sums = CallSums(_EPOCH + int(bucket) * size, *values)
    return sums._replace(
        last_end=None if sums.running else sums.last_end,
        busy_seconds=round(sums.busy_seconds, 3),
        longest_seconds=round(sums.longest_seconds, 3),
    )


def _bucket(connection: Connection, time: ColumnElement[Any], buckets: Buckets) -> ColumnElement[Any]:
    """Which bucket a time is in, counted from 1970 on."""
    # Written into the statement, so that the database recognizes it wherever it stands.
    size = literal(int(buckets.size.total_seconds()), Integer, literal_execute=True)
    if connection.dialect.name == "sqlite":
        return cast(func.strftime("%s", time), Integer) // size
    return func.floor(func.date_part("epoch", time, type_=Float) / size)


def _seconds(connection: Connection) -> ColumnElement[Any]:
    """How long a call took, NULL while it runs; a clock that was set back makes none of them shorter than nothing."""
    start, end = calls.c.started_at, calls.c.ended_at
    if connection.dialect.name == "sqlite":
        seconds = (func.julianday(end, type_=Float) - func.julianday(start, type_=Float)) * 86_400.0
    else:
        seconds = func.date_part("epoch", end - start, type_=Float)
    return case((end < start, 0.0), else_=seconds)
