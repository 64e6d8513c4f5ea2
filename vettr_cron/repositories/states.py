"""How each job last fared with each stock, a whole group per statement."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Select, case, exists, func, select

from vettr_cron.domain.attempt import Attempt
from vettr_cron.domain.errors import Problem
from vettr_cron.models.tables import cron_stock_states, stocks
from vettr_cron.models.types import Row
from vettr_cron.repositories.bulk import upsert


def record_successes(connection: Connection, attempt: Attempt, kinds: Mapping[str, Collection[str]]) -> None:
    """Record for a group of stocks, by ticker, that they succeeded, and what their results count as, in words.

    Raises RowsRefused.
    """
    # In order, so that results that count as the same are the same text.
    rows = [{"ticker": ticker, "result_kinds": " ".join(sorted(words)) or None} for ticker, words in kinds.items()]
    news = {
        "last_failed_at": None,
        "failing_since": None,
        "consecutive_failures": 0,
        "last_error": None,
        "last_reason": None,
    }
    _record(connection, attempt, rows, {"last_refreshed_at": attempt.now, **news})


def record_failures(connection: Connection, attempt: Attempt, problems: Mapping[str, Problem]) -> None:
    """Record for a group of stocks, by ticker, why they failed. Raises RowsRefused.

    A repeat has no further effect: a cycle counts one failure of a stock, however often it retries.
    """
    rows = [
        {"ticker": ticker, "last_error": problem.error, "last_reason": problem.reason}
        for ticker, problem in problems.items()
    ]
    news = {"last_failed_at": attempt.now, "failing_since": attempt.now, "consecutive_failures": 1}
    _record(connection, attempt, rows, {"last_refreshed_at": None, "result_kinds": None, **news})


def _record(connection: Connection, attempt: Attempt, rows: Sequence[Row], news: Row) -> None:
    shared = {"job": attempt.job, "last_cycle_id": attempt.cycle_id, **news}
    upsert(connection, cron_stock_states, rows, ("job", "ticker"), _replacements, shared=shared)


def failing(connection: Connection, job: str, limit: int | None) -> list[str]:
    """The tickers of stocks that failed last time, in the universe's order; at most `limit`, the oldest failures."""
    failed = select(cron_stock_states.c.ticker).where(cron_stock_states.c.job == job, IS_FAILING)
    failed = failed.join(stocks, stocks.c.ticker == cron_stock_states.c.ticker)
    chosen = failed.order_by(cron_stock_states.c.last_failed_at, cron_stock_states.c.ticker).limit(limit).subquery()
    in_order = (
        select(stocks.c.ticker).distinct().join(chosen, chosen.c.ticker == stocks.c.ticker).order_by(stocks.c.ticker)
    )
    return list(connection.execute(in_order).scalars())


class Freshness(StrEnum):
    """How new a stock's last result is; each stock has exactly one."""

    FRESH = "fresh"  # not older than the requested age
    STALE = "stale"  # older
    NEVER = "never"  # there is no result under this ticker


class Counts(NamedTuple):
    """How many stocks of the universe are in each state; `failing` ones also count in one of the other states."""

    total: int
    fresh: int
    stale: int
    never: int
    failing: int
    oldest: datetime | None


class StockState(NamedTuple):
    """How a job last fared with a stock."""

    job: str
    ticker: str
    last_cycle_id: UUID | None
    last_refreshed_at: datetime | None
    last_failed_at: datetime | None
    failing_since: datetime | None
    consecutive_failures: int
    last_error: str | None
    last_reason: str | None


class ReasonCount(NamedTuple):
    """How many stocks failed for a reason; None for failures that an older release recorded."""

    reason: str | None
    stocks: int


def counts(connection: Connection, job: str, since: datetime) -> Counts:
    """How many stocks were refreshed since then, and how many were not."""
    return Counts._make(connection.execute(_universe(job, *_counted(since))).one())


def counts_and_kinds(connection: Connection, job: str, since: datetime) -> tuple[Counts, dict[str, int]]:
    """The same, and what the results count as: how many times each word stands, over all stocks."""
    kinds = cron_stock_states.c.result_kinds
    groups = connection.execute(_universe(job, kinds, *_counted(since)).group_by(kinds)).all()
    numbers = {name: sum(getattr(group, name) for group in groups) for name in Counts._fields if name != "oldest"}
    oldest = min((group.oldest for group in groups if group.oldest is not None), default=None)
    distribution: Counter[str] = Counter()
    for group in groups:
        for word in (group.result_kinds or "").split():
            distribution[word] += group.total
    return Counts(**numbers, oldest=oldest), dict(distribution)


def _counted(since: datetime) -> list[Any]:
    """What Counts counts, by these names."""
    conditions = {
        **{str(freshness): freshness_condition(freshness, since) for freshness in Freshness},
        "failing": IS_FAILING,
    }
    return [
        func.count().label("total"),
        *(func.count().filter(condition).label(name) for name, condition in conditions.items()),
        func.min(cron_stock_states.c.last_refreshed_at).label("oldest"),
    ]


def any_refreshed(connection: Connection, job: str) -> bool:
    """Whether any stock was ever refreshed by the job."""
    refreshed = exists().where(cron_stock_states.c.job == job, cron_stock_states.c.last_refreshed_at.is_not(None))
    return bool(connection.execute(select(refreshed)).scalar())


def page(
    connection: Connection,
    job: str,
    wanted: ColumnElement[bool],
    limit: int,
    after: str | None = None,
    reason: str | None = None,
) -> list[StockState]:
    """The next stocks after a ticker, in order, for which a condition holds: `freshness_condition`, or IS_FAILING.

    With a `reason`, only those that failed last time for it.
    """
    more = [] if after is None else [stocks.c.ticker > after]
    more += [] if reason is None else [IS_FAILING, cron_stock_states.c.last_reason == reason]
    statement = _universe(job, stocks.c.ticker, *_DETAILS).where(wanted, *more)
    rows = connection.execute(statement.order_by(stocks.c.ticker).limit(limit))
    return [StockState(job, *values)._replace(consecutive_failures=values.consecutive_failures or 0) for values in rows]


def of_stock(connection: Connection, jobs: Collection[str], ticker: str) -> dict[str, StockState]:
    """How each of these jobs last fared with a stock, by the job's name."""
    table = cron_stock_states.c
    found = connection.execute(select(table.job, *_DETAILS).where(table.job.in_(jobs), table.ticker == ticker))
    never = {job: StockState(job, ticker, None, None, None, None, 0, None, None) for job in jobs}
    return never | {job: StockState(job, ticker, *details) for job, *details in found}


def reasons(connection: Connection, job: str, limit: int) -> list[ReasonCount]:
    """Why stocks failed last time, the most frequent reasons first."""
    reason, number = cron_stock_states.c.last_reason, func.count().label("number")
    counted = _universe(job, reason, number).where(IS_FAILING).group_by(reason)
    in_order = counted.order_by(number.desc(), func.coalesce(reason, "")).limit(limit)
    return [ReasonCount._make(row) for row in connection.execute(in_order)]


IS_FAILING = cron_stock_states.c.consecutive_failures > 0


def freshness_condition(freshness: Freshness, since: datetime) -> ColumnElement[bool]:
    """The condition that a stock's last result is fresh as of then, stale, or missing."""
    refreshed = cron_stock_states.c.last_refreshed_at
    if freshness is Freshness.NEVER:
        return refreshed.is_(None)
    return refreshed >= since if freshness is Freshness.FRESH else refreshed < since


_DETAILS = (
    cron_stock_states.c.last_cycle_id,
    cron_stock_states.c.last_refreshed_at,
    cron_stock_states.c.last_failed_at,
    cron_stock_states.c.failing_since,
    cron_stock_states.c.consecutive_failures,
    cron_stock_states.c.last_error,
    cron_stock_states.c.last_reason,
)


def _universe(job: str, *columns: Any) -> Select[Any]:
    """These columns of every stock in the universe, joined to its state if it has one."""
    same = (cron_stock_states.c.ticker == stocks.c.ticker) & (cron_stock_states.c.job == job)
    return select(*columns).select_from(stocks.outerjoin(cron_stock_states, same))


def _replacements(new: Any) -> Row:
    """The new values of an existing row: what was known stays unless the new row says otherwise."""
    counted = (cron_stock_states.c.last_cycle_id == new.last_cycle_id) & (cron_stock_states.c.consecutive_failures > 0)
    times = cron_stock_states.c.consecutive_failures + case((counted, 0), else_=1)
    succeeded = new.consecutive_failures == 0
    since = func.coalesce(cron_stock_states.c.failing_since, new.failing_since)
    return {
        "last_cycle_id": new.last_cycle_id,
        "last_refreshed_at": func.coalesce(new.last_refreshed_at, cron_stock_states.c.last_refreshed_at),
        "last_failed_at": func.coalesce(new.last_failed_at, cron_stock_states.c.last_failed_at),
        "failing_since": case((succeeded, None), else_=since),
        "consecutive_failures": case((succeeded, 0), else_=times),
        "last_error": new.last_error,
        "last_reason": new.last_reason,
        "result_kinds": case((succeeded, new.result_kinds), else_=cron_stock_states.c.result_kinds),
    }
