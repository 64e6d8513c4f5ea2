"""What a caller may ask of a refresh."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from vettr_cron.config import Settings
from vettr_cron.database.transactions import Database
from vettr_cron.domain.errors import UnknownTickers
from vettr_cron.domain.logged_call import Caller
from vettr_cron.repositories import states, universe
from vettr_cron.repositories.universe import Named

MAXIMUM_TICKERS = 1_000


class FailedStocks:
    """Asks for the stocks that failed last time; if there are too many, for those that failed longest ago."""


@dataclass(frozen=True, slots=True)
class NamedStocks:
    """Asks for stocks by their tickers."""

    tickers: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a caller asks for. `chunks` None means `all`, to the end; `time_budget` None means no bound.

    With `only`, a call takes those stocks, outside the cycle, and does not move the cursor.
    """

    chunk_size: int
    chunks: int | None
    time_budget: float | None  # seconds
    only: FailedStocks | NamedStocks | None = None
    caller: Caller = Caller.COMMAND
    came_at: datetime | None = None  # None: as its turn comes

    @classmethod
    def asked(
        cls,
        settings: Settings,
        *,
        chunk_size: int | None,
        chunks: int | str | None,
        only_failed: bool,
        tickers: Sequence[str] | None,
        time_budget: float | None,
        caller: Caller,
    ) -> "Request":
        """What a caller asks for, with defaults from the settings. `chunks` may be "all"."""
        only = FailedStocks() if only_failed else NamedStocks(tickers) if tickers else None
        # A caller that names stocks wants them all.
        usual = None if only else settings.cron_chunks_per_call
        return cls(
            chunk_size=chunk_size or settings.cron_chunk_size,
            chunks=usual if chunks is None else None if isinstance(chunks, str) else chunks,
            time_budget=time_budget,
            only=only,
            caller=caller,
        )

    @property
    def most_stocks(self) -> int | None:
        """How many stocks a call takes at most; None means as many as there are."""
        return None if self.chunks is None else self.chunks * self.chunk_size


def check_tickers(database: Database, request: Request) -> None:
    """Raise UnknownTickers if the request names stocks that do not exist. Raises DatabaseUnavailable."""
    if isinstance(request.only, NamedStocks):
        with database.reading(request.time_budget) as connection:
            known = set(universe.tickers(connection, Named(request.only.tickers)))
        unknown = [ticker for ticker in request.only.tickers if ticker not in known]
        if unknown:
            raise UnknownTickers(f"there are no stocks with these tickers: {', '.join(unknown)}")


def asked_for(connection: Connection, job: str, request: Request) -> list[str]:
    """The tickers of the stocks that `only` currently selects, in the universe's order."""
    if isinstance(request.only, NamedStocks):
        return universe.tickers(connection, Named(request.only.tickers))
    return states.failing(connection, job, request.most_stocks)
