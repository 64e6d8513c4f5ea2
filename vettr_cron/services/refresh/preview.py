"""Which stocks the next call would take, without taking a lease, starting anything or writing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from vettr_cron.database.transactions import Database
from vettr_cron.domain.lease import Held
from vettr_cron.domain.run import MAXIMUM_LISTED, Pause
from vettr_cron.jobs.job import Job
from vettr_cron.redis_store.cursors import Cursors
from vettr_cron.redis_store.leases import Leases
from vettr_cron.repositories import pauses, universe
from vettr_cron.repositories.universe import Beyond
from vettr_cron.services.refresh.plan import next_start
from vettr_cron.services.refresh.request import Request, asked_for, check_tickers


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What the next call would do; `tickers` are the first 1 000 of its stocks."""

    job: str
    stocks: int
    tickers: Sequence[str]
    chunk_size: int
    total_stocks: int
    current_offset: int = 0
    cycle_id: UUID | None = None  # None if a new cycle would begin, or the call would be outside the cycle
    is_complete: bool = False  # the cycle would end with this call
    warning: str | None = None
    pause: Pause | None = None
    held: Held | None = None


class PreviewRefresh:
    """The use case behind `dry_run`."""

    def __init__(self, database: Database, leases: Leases, cursors: Cursors) -> None:
        self._database = database
        self._leases = leases
        self._cursors = cursors

    def read(self, job: Job, request: Request) -> Preview:
        """What the next call of the job would do. Raises UnknownTickers, ServiceUnavailable."""
        check_tickers(self._database, request)
        seen, held = self._cursors.read(job.name), self._leases.holder(job.name)
        with self._database.reading(request.time_budget) as connection:
            total = universe.count(connection)
            pause = pauses.find(connection, job.name)
        known: dict[str, Any] = {"job": job.run_name, "chunk_size": request.chunk_size, "total_stocks": total}
        if request.only is not None:
            with self._database.reading(request.time_budget) as connection:
                tickers = asked_for(connection, job.name, request)[: request.most_stocks]
            return Preview(**known, stocks=len(tickers), tickers=tickers[:MAXIMUM_LISTED], pause=pause, held=held)
        cursor, warning = next_start(self._database, seen, total, request.time_budget)
        with self._database.reading(request.time_budget) as connection:
            ahead = universe.count(connection, cursor.after)
            count = min(request.most_stocks or ahead, ahead)
            tickers = universe.tickers(connection, Beyond(cursor.after, min(count, MAXIMUM_LISTED)))
        return Preview(
            **known,
            stocks=count,
            tickers=tickers,
            current_offset=cursor.offset,
            cycle_id=cursor.cycle_id if seen.cursor else None,
            is_complete=count == ahead,
            warning=warning,
            pause=pause,
            held=held,
        )
