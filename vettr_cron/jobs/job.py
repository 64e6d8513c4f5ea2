"""What a job is: how to load a chunk, evaluate one stock, and save what came of many."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar
from uuid import UUID

from sqlalchemy import Connection

from vettr_cron.domain.fast_uuid5 import uuid5_hex
from vettr_cron.repositories.universe import Selection, Stretch

Inputs = TypeVar("Inputs")
Result = TypeVar("Result")


class Item(NamedTuple):
    """One stock to be done, with what the job's rules read of it.

    `stock_id` is the id as it stands in the row: on SQLite a text where it is not written as ours are. `problem` says
    why there can be no result, whatever the inputs.
    """

    stock_id: UUID | str
    ticker: str
    inputs: Any
    problem: str | None = None


class Chunk(NamedTuple):
    """Consecutive stocks in the universe's order."""

    items: Sequence[Item]
    ends_universe: bool


def chunk_of(found: Stretch, inputs: Sequence[Any]) -> Chunk:
    """The stocks of a stretch, each with its inputs, as far as they can be told from one another."""
    times = Counter(row.ticker for row in found.rows)
    problems = (_problem(row.id, times[row.ticker]) for row in found.rows)
    items = [
        Item(row.id, row.ticker, values, problem)
        for row, values, problem in zip(found.rows, inputs, problems, strict=True)
    ]
    return Chunk(items, found.ends_universe)


def _problem(stock_id: UUID | str, times: int) -> str | None:
    if times > 1:
        return f"stocks.ticker is there {times} times; one row is needed, also in each table that has one row a stock"
    if isinstance(stock_id, UUID):
        return None
    try:
        UUID(stock_id)
    except (AttributeError, TypeError, ValueError):
        return f"stocks.id is {stock_id!r}; a UUID is needed"
    return None


@dataclass(frozen=True, slots=True)
class Occasion:
    """What makes results the same when they are computed again: the job, its cycle and the chunk's one `now`."""

    job: str
    cycle_id: UUID
    now: datetime

    def row_ids(self, stock_id: UUID | str, *kinds: str) -> list[str]:
        """The ids, in hex, of a stock's rows of these kinds, the same whenever the same cycle writes them again."""
        stock_id = stock_id if isinstance(stock_id, UUID) else UUID(stock_id)
        start = self.cycle_id.bytes + f"{self.job}:{stock_id}:".encode()
        return [uuid5_hex(start + kind.encode()) for kind in kinds]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job(Generic[Result]):
    """A job of the service. `load` reads a whole chunk, `evaluate` is pure, `save` writes a whole group.

    load(connection, selection, now): the selected stocks, in the universe's order.
    evaluate(item, occasion): one stock's result; raises StockDataError when the stock's rows allow none.
    save(connection, occasion, results): raises RowsRefused when the database refuses rows for what is in them; gives,
    by ticker, why rows are not there that it took without a word.
    answer(result): the key and the JSON of the answer that the platform's API takes from Redis.
    """

    name: str  # in paths, parameters and Redis keys
    run_name: str  # in the run log and in results
    load: Callable[[Connection, Selection, datetime], Chunk]
    evaluate: Callable[[Item, Occasion], Result]
    save: Callable[[Connection, Occasion, Sequence[Result]], Mapping[str, str]]
    answer: Callable[[Result], tuple[str, str]]

    @property
    def key(self) -> str:
        """The job's name where a name must be an identifier."""
        return self.name.replace("-", "_")
