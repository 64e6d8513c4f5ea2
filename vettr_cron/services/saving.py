"""Saves a group of results, each stock for itself where the database refuses it, and how each stock fared."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from vettr_cron.domain.errors import RowsRefused
from vettr_cron.domain.run import StockFailure
from vettr_cron.jobs.job import Job, Occasion
from vettr_cron.repositories import states
from vettr_cron.repositories.states import Attempt
from vettr_cron.services.engine import BatchOutcome, Evaluated


class Saved(NamedTuple):
    """What became of a group: the stocks that are written, and all that failed, in the universe's order."""

    kept: Sequence[Evaluated]
    failures: Sequence[StockFailure]


def save_group(connection: Connection, job: Job[Any], occasion: Occasion, group: Sequence[BatchOutcome]) -> Saved:
    """Save the group as a whole, or stock by stock when a row of it is refused; then how each stock fared."""
    evaluated = [entry for batch in group for entry in batch.evaluated]
    failures = [failure for batch in group for failure in batch.failures]
    try:
        with connection.begin_nested():
            job.save(connection, occasion, [entry.result for entry in evaluated])
    except RowsRefused:
        evaluated, refused = _save_one_by_one(connection, job, occasion, evaluated)
        order = {item.ticker: rank for rank, item in enumerate(item for batch in group for item in batch.items)}
        failures = sorted([*failures, *refused], key=lambda failure: order[failure.ticker])
    attempt = Attempt(job.name, occasion.cycle_id, occasion.now)
    states.record(connection, attempt, [entry.item.ticker for entry in evaluated], failures)
    return Saved(evaluated, failures)


def _save_one_by_one(
    connection: Connection, job: Job[Any], occasion: Occasion, group: Sequence[Evaluated]
) -> tuple[list[Evaluated], list[StockFailure]]:
    kept, failures = [], []
    for evaluated in group:
        try:
            with connection.begin_nested():
                job.save(connection, occasion, [evaluated.result])
            kept.append(evaluated)
        except RowsRefused as error:
            failures.append(StockFailure(evaluated.item.ticker, str(error)))
    return kept, failures
