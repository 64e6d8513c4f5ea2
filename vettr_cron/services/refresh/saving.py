"""Saves a group of results, except those that the database refuses, and how each stock fared."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import structlog
from sqlalchemy import Connection

from vettr_cron.domain.attempt import Attempt
from vettr_cron.domain.errors import Problem, RowsRefused
from vettr_cron.jobs.job import Job
from vettr_cron.repositories import states
from vettr_cron.repositories.bulk import check_constraints, defer_constraints

MOST_HALVINGS = 32  # per group; finding three stocks among 500 takes 27

log = structlog.get_logger(__name__)


class StockOutcome(NamedTuple):
    """The outcome of one stock: a result, or why there is none."""

    ticker: str
    result: Any = None
    problem: Problem | None = None
    kinds: Collection[str] = ()  # what the result counts as

    @property
    def error(self) -> str | None:
        """The problem in a sentence."""
        return self.problem and self.problem.error


def save_group(
    connection: Connection, job: Job, attempt: Attempt, outcomes: Sequence[StockOutcome]
) -> list[StockOutcome]:
    """Save what the database accepts and keeps, and how each stock fared. Returns the resulting outcomes."""
    refused = _Saving(connection, job, attempt).save([outcome for outcome in outcomes if not outcome.problem])
    if refused:
        outcomes = [outcome._replace(problem=outcome.problem or refused.get(outcome.ticker)) for outcome in outcomes]
    problems = {outcome.ticker: outcome.problem for outcome in outcomes if outcome.problem}
    if problems:
        _record_failures(connection, job, attempt, problems)
    return list(outcomes)


def _record_failures(connection: Connection, job: Job, attempt: Attempt, problems: Mapping[str, Problem]) -> None:
    try:
        with connection.begin_nested():
            states.record_failures(connection, attempt, problems)
    except RowsRefused as error:
        # The run's own row lists them; that they are recorded nowhere else is no reason to stop the cycle.
        log.warning("failures_not_recorded", job=job.run_name, reason=str(error))


class _Saving:
    """Saves what it can: if the database refuses something in a part, that part is saved by halves.

    If much is refused, halving only adds to the work: then the rest is saved stock by stock.
    """

    def __init__(self, connection: Connection, job: Job, attempt: Attempt) -> None:
        self._connection = connection
        self._job = job
        self._attempt = attempt
        self._halvings_left = MOST_HALVINGS
        self._is_checked = False

    def save(self, outcomes: Sequence[StockOutcome]) -> Mapping[str, Problem]:
        """Save what the database accepts and keeps. Returns, by ticker, why it did not accept or keep the others."""
        if not outcomes:
            return {}
        try:
            lost = self._save_whole(outcomes)
        except RowsRefused as error:
            return {outcomes[0].ticker: error.problem} if len(outcomes) == 1 else self._save_parts(outcomes)
        if not lost:
            return {}
        # Nothing of these stocks may stay, so the others are saved again without them.
        return {**lost, **self.save([outcome for outcome in outcomes if outcome.ticker not in lost])}

    def _save_parts(self, outcomes: Sequence[StockOutcome]) -> Mapping[str, Problem]:
        size = 1
        if self._halvings_left:
            self._halvings_left -= 1
            size = (len(outcomes) + 1) // 2
        refused: dict[str, Problem] = {}
        for start in range(0, len(outcomes), size):
            refused |= self.save(outcomes[start : start + size])
        return refused

    def _save_whole(self, outcomes: Sequence[StockOutcome]) -> Mapping[str, Problem]:
        """Save all of it, or nothing if something is refused or not kept.

        Returns, by ticker, why something was not kept. Raises RowsRefused.
        """
        with self._connection.begin_nested() as savepoint:
            if self._is_checked:
                defer_constraints(self._connection)
            lost = self._job.save(self._connection, self._attempt, [outcome.result for outcome in outcomes])
            if lost:
                savepoint.rollback()
                return lost
            kinds = {outcome.ticker: outcome.kinds for outcome in outcomes}
            states.record_successes(self._connection, self._attempt, kinds)
            check_constraints(self._connection)
        self._is_checked = True
        return {}
