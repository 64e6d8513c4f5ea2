"""Is every stock fresh, and which ones fail: answers by stock, while the run log has them by chunk."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from vettr_cron.database.transactions import Database
from vettr_cron.domain.diagnosis.schedule import Results
from vettr_cron.jobs.job import Job
from vettr_cron.repositories import states
from vettr_cron.repositories.states import Counts, Freshness, ReasonCount, StockState
from vettr_cron.services.clock import utc_now

__all__ = ["Coverage", "Counts", "Freshness", "Page", "ReadCoverage", "ReasonCount", "StockState"]

MOST_REASONS = 100  # that a reply counts


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a job's list; `next_after` is the ticker after which the next page begins, None at the end.

    The stocks' own `job` is the job's name in the run log.
    """

    job: str
    stocks: Sequence[StockState]
    next_after: str | None


@dataclass(frozen=True, slots=True)
class FailurePage(Page):
    """A page of the stocks that fail, and how many fail for which reason, on all pages together."""

    reasons: Sequence[ReasonCount]


@dataclass(frozen=True, slots=True)
class Coverage:
    """The jobs' counts by their keys, and a page of one job's stocks if one was requested."""

    max_age: timedelta
    since: datetime
    jobs: Mapping[str, Counts]
    page: Page | None

    @property
    def counted_at(self) -> datetime:
        """When the stocks were counted."""
        return self.since + self.max_age

    def results(self, key: str) -> Results:
        """One job's counts, as the diagnosis of its schedule takes them."""
        counts = self.jobs[key]
        return Results(within=self.max_age, stale=counts.stale, never=counts.never, failing=counts.failing)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Which stocks of a job to list: those of one freshness, after a ticker."""

    freshness: Freshness
    limit: int
    after: str | None = None
    reason: str | None = None  # only those that failed last time for it


class ReadCoverage:
    """The use case behind `coverage` and `failures`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(
        self, jobs: Sequence[Job], max_age: timedelta, listing: Listing | None = None, timeout: float | None = None
    ) -> Coverage:
        """How fresh the universe is; a listing is of the first job's stocks. Raises DatabaseUnavailable."""
        since = utc_now() - max_age
        with self._database.reading(timeout) as connection:
            counts = {job.key: states.counts(connection, job.name, since) for job in jobs}
            page = None
            if listing is not None:
                wanted = states.freshness_condition(listing.freshness, since)
                number, after, reason = listing.limit + 1, listing.after, listing.reason
                found = states.page(connection, jobs[0].name, wanted, number, after, reason)
                page = _page(jobs[0], found, listing.limit)
        return Coverage(max_age, since, counts, page)

    def failures(self, job: Job, limit: int, after: str | None = None, reason: str | None = None) -> FailurePage:
        """The stocks that failed last time, all or those for one reason, by ticker. Raises DatabaseUnavailable."""
        with self._database.reading() as connection:
            found = states.page(connection, job.name, states.IS_FAILING, limit + 1, after, reason)
            reasons = states.reasons(connection, job.name, MOST_REASONS)
        page = _page(job, found, limit)
        return FailurePage(page.job, page.stocks, page.next_after, reasons)


def _page(job: Job, found: Sequence[StockState], limit: int) -> Page:
    stocks = [state._replace(job=job.run_name) for state in found[:limit]]
    return Page(job.name, stocks, found[limit - 1].ticker if len(found) > limit else None)
