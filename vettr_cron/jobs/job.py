"""What a job is: how to load a chunk, evaluate one stock, and save what came of many."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar
from uuid import UUID

from sqlalchemy import Connection

from vettr_cron.domain.identity import uuid5_hex
from vettr_cron.repositories.stocks import Selection

Inputs = TypeVar("Inputs")
Result = TypeVar("Result")


class Item(NamedTuple):
    """One stock to be done, with what the job's rules read of it."""

    stock_id: UUID
    ticker: str
    inputs: Any


class Chunk(NamedTuple):
    """Consecutive stocks in the universe's order."""

    items: Sequence[Item]
    ends_universe: bool


@dataclass(frozen=True, slots=True)
class Occasion:
    """What makes results the same when they are computed again: the job, its cycle and the chunk's one `now`."""

    job: str
    cycle_id: UUID
    now: datetime

    def row_ids(self, stock_id: UUID, *kinds: str) -> list[str]:
        """The ids, in hex, of a stock's rows of these kinds, the same whenever the same cycle writes them again."""
        start = self.cycle_id.bytes + f"{self.job}:{stock_id}:".encode()
        return [uuid5_hex(start + kind.encode()) for kind in kinds]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job(Generic[Result]):
    """A job of the service. `load` reads a whole chunk, `evaluate` is pure, `save` writes a whole group.

    load(connection, selection, now): the selected stocks, in the universe's order.
    evaluate(item, occasion): one stock's result; raises StockDataError when the stock's rows allow none.
    save(connection, occasion, results): raises RowsRefused when the database refuses rows for what is in them.
    answer(result): the key and the JSON of the answer that the platform's API takes from Redis.
    """

    name: str  # in paths, parameters and Redis keys
    run_name: str  # in the run log and in results
    load: Callable[[Connection, Selection, datetime], Chunk]
    evaluate: Callable[[Item, Occasion], Result]
    save: Callable[[Connection, Occasion, Sequence[Result]], None]
    answer: Callable[[Result], tuple[str, str]]

    @property
    def key(self) -> str:
        """The job's name where a name must be an identifier."""
        return self.name.replace("-", "_")
