"""What a job is: how to load a chunk, evaluate one stock, and save what came of many."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, Table

from vettr_cron.domain.attempt import Attempt
from vettr_cron.repositories.universe import Page, Selection

LONGEST_NAME = 20  # characters, in the columns of ours that hold it
LONGEST_RUN_NAME = 50


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


def chunk_of(found: Page, inputs: Sequence[Any]) -> Chunk:
    """The stocks of a read_page, each with its inputs, as far as they can be told from one another."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job of the service: all that the service needs to know of it. docs/how-to-add-a-job.md shows one being made."""

    name: str
    """In paths, commands, parameters and Redis keys: at most 20 lower-case letters, digits and hyphens."""

    run_name: str
    """In the run log and in results: at most 50 characters."""

    reads: tuple[Table, ...]
    """The tables that `load` reads."""

    writes: tuple[Table, ...]
    """The tables that `save` writes. It inserts and updates rows; of a table that it also reads, it only updates."""

    load: Callable[[Connection, Selection, datetime], Chunk]
    """load(connection, selection, now): the selected stocks with what the rules read, in the universe's order."""

    evaluate: Callable[[Item, Attempt], Any]
    """evaluate(item, attempt): one stock's result, by rules that are pure. Raises StockDataError where its rows allow
    none."""

    save: Callable[[Connection, Attempt, Sequence[Any]], Mapping[str, str]]
    """save(connection, attempt, results): write the results of a whole group, the same when it is done twice. Gives, by
    ticker, why rows are not there that the database took without a word. Raises RowsRefused when the database refuses
    rows for what is in them."""

    answer: Callable[[Any], tuple[str, str]]
    """answer(result): the key and the JSON of the answer that the platform's API takes from Redis."""

    def __post_init__(self) -> None:
        if not re.fullmatch(f"[a-z][a-z0-9-]{{0,{LONGEST_NAME - 1}}}", self.name):
            raise ValueError(f"{self.name!r} is not a valid name of a job: at most {LONGEST_NAME} of a-z, 0-9 and -")
        if not 1 <= len(self.run_name) <= LONGEST_RUN_NAME:
            raise ValueError(f"{self.run_name!r} is not a valid run name: 1 to {LONGEST_RUN_NAME} characters")

    @property
    def key(self) -> str:
        """The job's name where a name must be an identifier."""
        return self.name.replace("-", "_")
