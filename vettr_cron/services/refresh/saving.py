"""Saves a group of results, without the stocks that the database refuses, and how each stock fared."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import structlog
from sqlalchemy import Connection

from vettr_cron.domain.attempt import Attempt
from vettr_cron.domain.errors import RowsRefused
from vettr_cron.domain.run import StockFailure
from vettr_cron.jobs.job import Job
from vettr_cron.repositories import states
from vettr_cron.repositories.bulk import check_constraints, defer_constraints
from vettr_cron.services.refresh.engine import BatchOutcome, Evaluated

MOST_HALVINGS = 32  # in a group; to find three stocks among 500 takes 27

log = structlog.get_logger(__name__)


class Saved(NamedTuple):
    """What became of a group: the stocks that are written, and all that failed, in the universe's order."""

    kept: Sequence[Evaluated]
    failures: Sequence[StockFailure]


def save_group(connection: Connection, job: Job, attempt: Attempt, group: Sequence[BatchOutcome]) -> Saved:
    """Save what the database takes of a group and keeps, each stock with how it fared; then the failures."""
    evaluated = [entry for batch in group for entry in batch.evaluated]
    failures = [failure for batch in group for failure in batch.failures]
    kept, refused = _Saving(connection, job, attempt).save(evaluated)
    if refused:
        order = {item.ticker: rank for rank, item in enumerate(item for batch in group for item in batch.items)}
        failures = sorted([*failures, *refused], key=lambda failure: order[failure.ticker])
    if failures:
        _record_failures(connection, job, attempt, failures)
    return Saved(kept, failures)


def _record_failures(connection: Connection, job: Job, attempt: Attempt, failures: Sequence[StockFailure]) -> None:
    try:
        with connection.begin_nested():
            states.record(connection, attempt, [], failures)
    except RowsRefused as error:
        # The run's own row tells of them; that no other one does is no reason to stop the cycle.
        log.warning("failures_not_recorded", job=job.run_name, reason=str(error))


class _Saving:
    """The rescue of what the database refuses: a part of which something is refused is saved by halves.

    Where much is refused halves only add to the work: then what is left is saved stock by stock.
    """

    def __init__(self, connection: Connection, job: Job, attempt: Attempt) -> None:
        self._connection = connection
        self._job = job
        self._attempt = attempt
        self._halvings_left = MOST_HALVINGS
        self._is_checked = False

    def save(self, evaluated: Sequence[Evaluated]) -> Saved:
        """Save what the database takes and keeps, and say why it does not the others."""
        if not evaluated:
            return Saved([], [])
        try:
            lost = self._save_whole(evaluated)
        except RowsRefused as error:
            if len(evaluated) == 1:
                return Saved([], [StockFailure(evaluated[0].item.ticker, str(error))])
            return self._save_parts(evaluated)
        if not lost:
            return Saved(evaluated, [])
        # Nothing of these stocks is to stay, so the others are saved once more without them.
        saved = self.save([entry for entry in evaluated if entry.item.ticker not in lost])
        return Saved(saved.kept, [*saved.failures, *(StockFailure(*each) for each in lost.items())])

    def _save_parts(self, evaluated: Sequence[Evaluated]) -> Saved:
        size = 1
        if self._halvings_left:
            self._halvings_left -= 1
            size = (len(evaluated) + 1) // 2
        parts = [self.save(evaluated[start : start + size]) for start in range(0, len(evaluated), size)]
        return Saved(
            [entry for part in parts for entry in part.kept], [failure for part in parts for failure in part.failures]
        )

    def _save_whole(self, evaluated: Sequence[Evaluated]) -> Mapping[str, str]:
        """Save all of it, or nothing where something is refused, or not kept: then, by ticker, why.

        Raises RowsRefused.
        """
        job, attempt = self._job, self._attempt
        with self._connection.begin_nested() as savepoint:
            if self._is_checked:
                defer_constraints(self._connection)
            lost = job.save(self._connection, attempt, [entry.result for entry in evaluated])
            if lost:
                savepoint.rollback()
                return lost
            states.record(self._connection, attempt, [entry.item.ticker for entry in evaluated], [])
            check_constraints(self._connection)
        self._is_checked = True
        return {}
