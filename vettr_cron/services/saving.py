"""Saves a group of results, each stock for itself where the database refuses it, and how each stock fared."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from vettr_cron.domain.errors import RowsRefused
from vettr_cron.domain.run import StockFailure
from vettr_cron.jobs.job import Job, Occasion
from vettr_cron.repositories import states
from vettr_cron.repositories.bulk import check_constraints, defer_constraints
from vettr_cron.repositories.states import Attempt
from vettr_cron.services.engine import BatchOutcome, Evaluated


class Saved(NamedTuple):
    """What became of a group: the stocks that are written, and all that failed, in the universe's order."""

    kept: Sequence[Evaluated]
    failures: Sequence[StockFailure]


def save_group(connection: Connection, job: Job[Any], occasion: Occasion, group: Sequence[BatchOutcome]) -> Saved:
    """Save the group as a whole, or by halves when a row of it is refused; then how each stock fared."""
    evaluated = [entry for batch in group for entry in batch.evaluated]
    failures = [failure for batch in group for failure in batch.failures]
    kept, refused = _save(connection, job, occasion, evaluated)
    if refused:
        order = {item.ticker: rank for rank, item in enumerate(item for batch in group for item in batch.items)}
        failures = sorted([*failures, *refused], key=lambda failure: order[failure.ticker])
    attempt = Attempt(job.name, occasion.cycle_id, occasion.now)
    states.record(connection, attempt, [entry.item.ticker for entry in kept], failures)
    return Saved(kept, failures)


def _save(connection: Connection, job: Job[Any], occasion: Occasion, evaluated: Sequence[Evaluated]) -> Saved:
    """Save what the database takes and keeps; of a part that it refuses, each half for itself."""
    try:
        lost = _save_whole(connection, job, occasion, evaluated)
    except RowsRefused as error:
        if len(evaluated) == 1:
            return Saved([], [StockFailure(evaluated[0].item.ticker, str(error))])
        middle = len(evaluated) // 2
        kept: list[Evaluated] = []
        failures: list[StockFailure] = []
        for half in (evaluated[:middle], evaluated[middle:]):
            defer_constraints(connection)
            saved = _save(connection, job, occasion, half)
            kept += saved.kept
            failures += saved.failures
        return Saved(kept, failures)
    if not lost:
        return Saved(evaluated, [])
    # Nothing of these stocks is to stay, so the others are saved once more without them.
    others = [entry for entry in evaluated if entry.item.ticker not in lost]
    saved = _save(connection, job, occasion, others)
    return Saved(saved.kept, [*saved.failures, *(StockFailure(*each) for each in lost.items())])


def _save_whole(
    connection: Connection, job: Job[Any], occasion: Occasion, evaluated: Sequence[Evaluated]
) -> Mapping[str, str]:
    """Save all of it, or nothing where something is refused, or not kept: then, by ticker, why. Raises RowsRefused."""
    if not evaluated:
        return {}
    with connection.begin_nested() as savepoint:
        lost = job.save(connection, occasion, [entry.result for entry in evaluated])
        if lost:
            savepoint.rollback()
        else:
            check_constraints(connection)
    return lost
