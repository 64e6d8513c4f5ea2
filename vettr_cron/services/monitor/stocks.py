"""Finds stocks, and shows one: what each job knows of it, its results over time, and how new its inputs are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import uuid4

import structlog
from pydantic_core import from_json

from vettr_cron.database.transactions import Database
from vettr_cron.database.unreadable import unreadable
from vettr_cron.domain.attempt import Attempt
from vettr_cron.domain.errors import (
    DatabaseUnavailable,
    InputsUnreadable,
    ServiceUnavailable,
    UnknownStock,
    unexpected,
)
from vettr_cron.jobs.job import Job
from vettr_cron.models.tables import stocks
from vettr_cron.redis_store.cursors import Cursors
from vettr_cron.repositories import one_stock, states, stock_search
from vettr_cron.repositories.one_stock import Detection, Input, Snapshot, StockRow
from vettr_cron.repositories.states import Freshness, StockState
from vettr_cron.repositories.stock_search import FoundStock
from vettr_cron.repositories.universe import Named
from vettr_cron.services.clock import Limits, utc_now
from vettr_cron.services.monitor.liveness import TIMEOUT_SECONDS
from vettr_cron.services.refresh.group import evaluate_stock
from vettr_cron.services.refresh.reading import read_chunk

MOST_SNAPSHOTS, MOST_DETECTIONS = 200, 60
MOST_FLAGS = 10 * MOST_DETECTIONS  # twice those of the rules: another program may have written any number at one time

log = structlog.get_logger(__name__)


class Source(StrEnum):
    """Where an answer comes from."""

    CACHED = "cached"  # from Redis, where the platform's API reads it
    COMPUTED = "computed"  # Redis has none: by the rules, now, and not written


@dataclass(frozen=True, slots=True)
class Answer:
    """What the platform's API would read of a stock, as JSON has it; `error` says why there is none."""

    source: Source
    value: Any
    error: str | None = None


@dataclass(frozen=True, slots=True)
class StockOfJob:
    """What a job knows of a stock."""

    state: StockState
    freshness: Freshness
    answer: Answer


@dataclass(frozen=True, slots=True)
class OneStock:
    """Everything about one stock; `jobs` by the jobs' keys. `inputs` is None if the database cannot read them."""

    row: StockRow
    jobs: Mapping[str, StockOfJob]
    scores: Sequence[Snapshot]
    red_flags: Sequence[Detection]
    inputs: Sequence[Input] | None


class ReadStocks:
    """The use case behind `stocks`."""

    def __init__(self, database: Database, cursors: Cursors, jobs: Mapping[str, Job], fresh_within: timedelta) -> None:
        self._database = database
        self._cursors = cursors
        self._jobs = jobs
        self._fresh_within = fresh_within

    def search(self, wanted: str, limit: int) -> Sequence[FoundStock]:
        """The stocks whose ticker begins so, then those whose name contains it. Raises DatabaseUnavailable."""
        with self._database.reading(TIMEOUT_SECONDS) as connection:
            return stock_search.search(connection, wanted, limit)

    def one(self, ticker: str) -> OneStock:
        """The stock with exactly this ticker. Raises UnknownStock, ServiceUnavailable."""
        # No stock has such a ticker: PostgreSQL has no NUL in a text, and U+FFFD stands for bytes that are not UTF-8.
        if {"\0", "\ufffd"} & set(ticker):
            raise UnknownStock(ticker)
        with self._database.reading(TIMEOUT_SECONDS) as connection:
            rows = one_stock.rows_of(connection, ticker)
            if not rows:
                raise UnknownStock(ticker)
            known = states.of_stock(connection, list(self._jobs), ticker)
            scores = one_stock.snapshots(connection, ticker, MOST_SNAPSHOTS)
            red_flags = one_stock.detections(connection, ticker, MOST_DETECTIONS, MOST_FLAGS)
        inputs, since = self._inputs(rows), utc_now() - self._fresh_within
        answers = self._answers(ticker)
        jobs = {
            job.key: StockOfJob(
                known[job.name]._replace(job=job.run_name),
                _freshness(known[job.name].last_refreshed_at, since),
                answers[job.name],
            )
            for job in self._jobs.values()
        }
        return OneStock(rows[0], jobs, scores, red_flags, inputs)

    def _inputs(self, rows: Sequence[StockRow]) -> Sequence[Input] | None:
        tables = dict.fromkeys(table for job in self._jobs.values() for table in job.reads if table is not stocks)
        try:
            with self._database.reading(TIMEOUT_SECONDS) as connection, unreadable():
                return one_stock.inputs(connection, tables, rows[0].ticker, [row.id for row in rows])
        except InputsUnreadable:
            return None  # each job's answer says why, if its rules read them

    def _answers(self, ticker: str) -> Mapping[str, Answer]:
        """Each job's answer, by the job's name: what is in Redis, or what the rules say now."""
        texts = self._cursors.answers([job.answer_key(ticker) for job in self._jobs.values()])
        found = {}
        for job, text in zip(self._jobs.values(), texts, strict=True):
            value = _parsed(text)
            found[job.name] = self._computed(job, ticker) if value is None else Answer(Source.CACHED, value)
        return found

    def _computed(self, job: Job, ticker: str) -> Answer:
        now, limits = utc_now(), Limits(TIMEOUT_SECONDS)
        try:
            chunk = read_chunk(self._database, job, Named([ticker]), now, limits)
            if not chunk.items:
                raise UnknownStock(ticker) if chunk.is_whole else DatabaseUnavailable
            outcome = evaluate_stock(job, Attempt(job.name, uuid4(), now), chunk.items[0])
            value = None if outcome.error else from_json(job.answer(outcome.result))
            return Answer(Source.COMPUTED, value, outcome.error)
        except InputsUnreadable as error:
            return Answer(Source.COMPUTED, None, str(error))
        except (ServiceUnavailable, UnknownStock):
            raise
        except Exception as error:  # a bug in `load` or `answer`
            log.exception("answer_not_computed", job=job.run_name, ticker=ticker)
            return Answer(Source.COMPUTED, None, unexpected(error).error)


def _parsed(text: str | None) -> Any:
    """The JSON of an answer; None if there is none, or if it is not JSON, or nested too deeply for a reply."""
    try:
        return None if text is None else from_json(text, allow_inf_nan=False)
    except ValueError:
        return None


def _freshness(refreshed: datetime | None, since: datetime) -> Freshness:
    if refreshed is None:
        return Freshness.NEVER
    return Freshness.FRESH if refreshed >= since else Freshness.STALE
