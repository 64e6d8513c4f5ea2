"""Reads a chunk's inputs; if the database cannot read those of some stocks, those of all the others."""

from collections.abc import Mapping
from datetime import datetime

import structlog
from sqlalchemy.exc import DBAPIError

from vettr_cron.database.transactions import Database
from vettr_cron.database.unreadable import unreadable
from vettr_cron.domain.errors import InputsUnreadable, Problem
from vettr_cron.domain.run import MINIMUM_STOCKS_FOR_TOLERANCE
from vettr_cron.jobs.job import Chunk, Item, Job, chunk_of
from vettr_cron.repositories import universe
from vettr_cron.repositories.universe import Beyond, Named, Page, Selection
from vettr_cron.services.clock import Limits
from vettr_cron.services.retry import retry_transient

log = structlog.get_logger(__name__)


def read_whole(database: Database, job: Job, selection: Selection, now: datetime, limits: Limits) -> Chunk:
    """The selected stocks, read in one transaction. Raises InputsUnreadable, DatabaseUnavailable."""
    with database.index_reads(limits.seconds_left) as connection, unreadable():
        return job.load(connection, selection, now)


def read_chunk(database: Database, job: Job, selection: Selection, now: datetime, limits: Limits) -> Chunk:
    """The selected stocks; one whose inputs cannot be read has a problem that says so.

    1. Read them all at once.
    2. If one of them prevents that, read their tickers alone.
    3. Read half of the stocks, and the other half, each in a transaction of its own; whichever cannot be read is halved
       again, until single stocks are left. If there is no time for another step, the rest is left for the next call.

    Raises DatabaseUnavailable, and InputsUnreadable if none of them can be read: then it need not be their own fault.
    """
    return _Reading(database, job, now, limits).chunk(selection)


def read_names(database: Database, selection: Selection, limits: Limits) -> Chunk:
    """The selected stocks without inputs. Raises InputsUnreadable, DatabaseUnavailable."""
    page = _names(database, selection, limits)
    return chunk_of(page, [None] * len(page.rows))


def _names(database: Database, selection: Selection, limits: Limits) -> Page:
    def read() -> Page:
        with database.reading(limits.seconds_left) as connection, unreadable():
            return universe.names(connection, selection)

    return retry_transient(read, limits.may_start)


class _Reading:
    """One attempt to read what can be read."""

    def __init__(self, database: Database, job: Job, now: datetime, limits: Limits) -> None:
        self._database = database
        self._job = job
        self._now = now
        self._limits = limits

    def chunk(self, selection: Selection) -> Chunk:
        try:
            return self._read(selection)
        except InputsUnreadable as error:
            # If it is not the database that says so, it may be a bug in how the job loads.
            trace = None if isinstance(error.__cause__, DBAPIError) else error.__cause__
            log.warning("inputs_unreadable", job=self._job.run_name, reason=str(error), exc_info=trace)
        page = self._names(selection)
        pending = _halves(list(dict.fromkeys(ticker for _id, ticker in page.rows)))
        items: list[Item] = []
        problems: dict[str, InputsUnreadable] = {}
        while pending and self._limits.may_start():
            tickers = pending.pop(0)
            try:
                items += self._read(Named(tickers)).items
            except InputsUnreadable as error:
                if len(tickers) > 1:
                    pending[:0] = _halves(tickers)
                    continue
                problems[tickers[0]] = error
                problem = Problem(f"the database cannot read its inputs: {error}", error.reason)
                items += [Item(row[0], row[1], None, problem) for row in page.rows if row[1] == tickers[0]]
        if problems and len(problems) == len({item.ticker for item in items}):
            self._check_others(problems)
        return Chunk(items, page.ends_universe and not pending, is_whole=not pending)

    def _read(self, selection: Selection) -> Chunk:
        return retry_transient(
            lambda: read_whole(self._database, self._job, selection, self._now, self._limits), self._limits.may_start
        )

    def _names(self, selection: Selection) -> Page:
        return _names(self._database, selection, self._limits)

    def _check_others(self, problems: Mapping[str, InputsUnreadable]) -> None:
        """Raise InputsUnreadable unless it is these stocks' own fault, as it is if one of the others can be read.

        Of many stocks it is not asked: that none of them can be read is for a person to see to.
        """
        if len(problems) < MINIMUM_STOCKS_FOR_TOLERANCE:
            first = self._names(Beyond(None, MINIMUM_STOCKS_FOR_TOLERANCE + len(problems)))
            if any(self._is_readable(ticker) for _id, ticker in first.rows):
                return
        first_problem = next(iter(problems.values()))
        raise InputsUnreadable(f"None of these stocks can be read: {first_problem}", first_problem.reason)

    def _is_readable(self, ticker: str) -> bool:
        try:
            return self._limits.may_start() and bool(self._read(Named([ticker])).items)
        except InputsUnreadable:
            return False


def _halves(tickers: list[str]) -> list[list[str]]:
    middle = (len(tickers) + 1) // 2
    return [half for half in (tickers[:middle], tickers[middle:]) if half]
