"""Which stocks a call takes: the next ones of the cycle, from the cursor, or a list that was asked for."""

from collections.abc import Mapping, Sequence
from typing import Protocol
from uuid import uuid4

import structlog

from vettr_cron.database.transactions import Database
from vettr_cron.domain.errors import RedisUnavailable, RunSuperseded
from vettr_cron.domain.job_state import EMPTY_UNIVERSE
from vettr_cron.domain.run import StopReason
from vettr_cron.jobs.job import Job
from vettr_cron.redis_store.cursors import Cursor, CursorKeys, Cursors, Moved
from vettr_cron.redis_store.leases import Lease
from vettr_cron.repositories import universe
from vettr_cron.repositories.universe import Beyond, Named, Selection

log = structlog.get_logger(__name__)

GARBAGE_OFFSET = "the cursor's offset was not a whole number of at least 0; a new cycle starts at 0"
BEYOND_THE_END = "the cursor's offset {rank} was beyond the end of {total} stocks; a new cycle starts at 0"
ANOTHER_DATABASE = (
    "the cursor was last moved through another database's stocks: either DATABASE_URL has changed, or two "
    "installations share this Redis and skip each other's stocks; give each a Redis database of its own"
)
CURSOR_ATTEMPTS = 5


class Plan(Protocol):
    """The stocks of a call, chunk by chunk."""

    @property
    def in_cycle(self) -> bool:
        """Whether the plan follows the cycle from the cursor, rather than a list of stocks."""

    @property
    def end(self) -> StopReason:
        """Why a call stops at the end of the plan."""

    @property
    def length(self) -> int:
        """How many stocks the whole plan has."""

    def selection(self, after: str | None) -> Selection:
        """The chunk after a ticker."""

    def move(self, before: Cursor, after: Cursor, answers: Mapping[str, str], *, ends: bool) -> Moved:
        """Replace the cached answers of a saved group, and record that the call has come this far."""


class CyclePlan:
    """The universe, from where the job's cursor in Redis is."""

    in_cycle, end = True, StopReason.CYCLE_COMPLETE

    def __init__(self, job: Job, lease: Lease, cursors: Cursors, chunk_size: int, total_stocks: int) -> None:
        self._job = job
        self._lease = lease
        self._cursors = cursors
        self._chunk_size = chunk_size
        self.length = total_stocks

    def selection(self, after: str | None) -> Selection:
        """The next stocks of the universe."""
        return Beyond(after, self._chunk_size)

    def move(self, before: Cursor, after: Cursor, answers: Mapping[str, str], *, ends: bool) -> Moved:
        """Replace the answers and move the cursor in one step."""
        return self._cursors.move(self._job.name, self._lease, before, after, answers, cycle_ends=ends)


class ListPlan:
    """Stocks that were asked for, in the universe's order; the job's cursor does not move."""

    in_cycle, end = False, StopReason.STOCKS_DONE

    def __init__(self, lease: Lease, cursors: Cursors, chunk_size: int, tickers: Sequence[str]) -> None:
        self._lease = lease
        self._cursors = cursors
        self._chunk_size = chunk_size
        self._tickers = tickers
        # Where the chunk after a ticker begins.
        self._starts: dict[str | None, int] = {None: 0, **{each: start for start, each in enumerate(tickers, start=1)}}
        self.length = len(tickers)

    def selection(self, after: str | None) -> Selection:
        """The next stocks of the list, as far as they still exist."""
        start = self._starts[after]
        end = start + self._chunk_size
        return Named(self._tickers[start:end], are_last=end >= self.length)

    def move(self, before: Cursor, after: Cursor, answers: Mapping[str, str], *, ends: bool) -> Moved:
        """Replace the answers; if none of a chunk's stocks existed any more, the next chunk follows theirs."""
        if after == before:
            self._starts[before.after] += self._chunk_size
        return self._cursors.answer(self._lease, answers)


def open_cursor(
    database: Database, cursors: Cursors, job: str, lease: Lease, total_stocks: int, seconds_left: float | None
) -> tuple[Cursor, str | None]:
    """The current cursor, or that of a new cycle; and a warning, if any.

    Raises RunSuperseded, ServiceUnavailable.
    """
    for _attempt in range(CURSOR_ATTEMPTS):
        seen = cursors.read(job)
        cursor, warning = next_start(database, seen, total_stocks, seconds_left)
        if seen.is_of_another(lease.database):
            warning = f"{warning}; {ANOTHER_DATABASE}" if warning else ANOTHER_DATABASE
        if seen.cursor is not None:
            return cursor, warning
        moved = cursors.begin(job, lease, seen, cursor)
        if moved is Moved.DONE:
            if warning:
                # The reply may not contain it: inserting the first run row can still fail.
                log.warning("cursor_replaced", job=job, reason=warning)
            return cursor, warning
        if moved is Moved.LOST:
            raise RunSuperseded
    raise RedisUnavailable("The cursor in Redis keeps changing under this call; is another program moving it?")


def next_start(
    database: Database, seen: CursorKeys, total_stocks: int, seconds_left: float | None
) -> tuple[Cursor, str | None]:
    """Where the next call starts, and a warning, if any; changes nothing. Raises DatabaseUnavailable."""
    warning = None if total_stocks else EMPTY_UNIVERSE
    if seen.cursor is not None:
        return seen.cursor, warning
    start = Cursor(uuid4(), 0, "")
    if not seen.offset or seen.rank == 0:
        return start, warning
    if seen.rank is None:
        return start, warning or GARBAGE_OFFSET
    with database.reading(seconds_left) as connection:
        ticker = universe.ticker_at(connection, seen.rank)
    if ticker is None or seen.rank >= total_stocks:
        return start, warning or BEYOND_THE_END.format(rank=seen.rank, total=total_stocks)
    return Cursor(start.cycle_id, seen.rank, ticker), warning
