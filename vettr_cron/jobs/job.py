"""What a job is: how to load a chunk, evaluate one stock, and save the results of many."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, Table

from vettr_cron.domain.attempt import Attempt
from vettr_cron.domain.data_checks import shown
from vettr_cron.domain.errors import Problem
from vettr_cron.repositories.universe import Page, Selection

LONGEST_NAME = 20  # characters, as our own columns for it allow
LONGEST_RUN_NAME = 50


class Item(NamedTuple):
    """One stock to refresh, with what the job's rules read of it.

    `stock_id` is the id as stored in the row: on SQLite it is a text if it is not in our own form. `problem` says why
    there can be no result, whatever the inputs.
    """

    stock_id: UUID | str
    ticker: str
    inputs: Any
    problem: Problem | None = None


class Chunk(NamedTuple):
    """Consecutive stocks in the universe's order."""

    items: Sequence[Item]
    ends_universe: bool
    is_whole: bool = True  # False: there was no time to read the rest of the stocks that were selected


def chunk_of(found: Page, inputs: Sequence[Any]) -> Chunk:
    """The stocks of a page, each with its inputs, or with its problem if its row is not unique or has a bad id."""
    names = [(row[0], row[1]) for row in found.rows]
    times = Counter(ticker for _id, ticker in names)
    items = [
        Item(stock_id, ticker, values, _problem(stock_id, times[ticker]))
        for (stock_id, ticker), values in zip(names, inputs, strict=True)
    ]
    return Chunk(items, found.ends_universe)


def _problem(stock_id: UUID | str, times: int) -> Problem | None:
    if times > 1:
        error = f"stocks.ticker exists {times} times; one row is needed, also in each table with one row per stock"
        return Problem(error, "stocks.ticker not unique")
    if isinstance(stock_id, UUID):
        return None
    try:
        UUID(stock_id)
    except (AttributeError, TypeError, ValueError):
        return Problem(f"stocks.id is {shown(stock_id)}; a UUID is needed", "stocks.id not a UUID")
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job of the service: everything that the service needs to know about it. See docs/how-to-add-a-job.md."""

    name: str
    """In paths, commands, parameters and Redis keys: at most 20 lower-case letters, digits and hyphens."""

    run_name: str
    """In the run log and in results: at most 50 characters."""

    reads: tuple[Table, ...]
    """The tables that `load` reads."""

    writes: tuple[Table, ...]
    """The tables that `save` writes. It inserts and updates rows, but only updates those of a table in `reads`."""

    load: Callable[[Connection, Selection, datetime], Chunk]
    """load(connection, selection, now): the selected stocks with what the rules read, in the universe's order. `now`
    may be a little earlier than the attempt's, as the next chunk is read before its turn: it only bounds what is read,
    and `evaluate` checks dates again."""

    evaluate: Callable[[Item, Attempt], Any]
    """evaluate(item, attempt): one stock's result, by pure rules. Raises StockDataError if its rows allow none."""

    save: Callable[[Connection, Attempt, Sequence[Any]], Mapping[str, Problem]]
    """save(connection, attempt, results): write the results of a whole group; a repeat writes the same rows. Returns,
    by ticker, why rows that the database accepted do not exist. Raises RowsRefused if the database refuses rows because
    of their contents."""

    answer: Callable[[Any], str]
    """answer(result): the JSON that the platform's API reads from Redis."""

    answer_key: Callable[[str], str]
    """answer_key(ticker): the key in Redis under which a stock's answer is."""

    kinds: Callable[[Any], Collection[str]] = lambda _result: ()
    """kinds(result): what the result counts as, in words of printable ASCII without spaces. Samples keep how many times
    each word stands over all stocks, so use a few different words, some dozens at most. By default nothing is
    counted."""

    def __post_init__(self) -> None:
        if not re.fullmatch(f"[a-z][a-z0-9-]{{0,{LONGEST_NAME - 1}}}", self.name):
            raise ValueError(f"{self.name!r} is not a valid job name: at most {LONGEST_NAME} of a-z, 0-9 and -")
        if not 1 <= len(self.run_name) <= LONGEST_RUN_NAME:
            raise ValueError(f"{self.run_name!r} is not a valid run name: 1 to {LONGEST_RUN_NAME} characters")

    def checked_kinds(self, result: Any) -> Collection[str]:
        """What the result counts as. Raises ValueError if these are no words."""
        words = self.kinds(result)
        if isinstance(words, str) or not all(re.fullmatch("[!-~]+", word) for word in words):
            raise ValueError(f"kinds has returned {words!r}; words of printable ASCII without spaces are needed")
        return words

    @property
    def key(self) -> str:
        """The job's name as an identifier."""
        return self.name.replace("-", "_")
