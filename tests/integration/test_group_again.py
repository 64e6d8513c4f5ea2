"""A group that is tried again is saved with the results that it had, whatever has been asked of the process since."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import pytest
from sqlalchemy import Connection

from tests.integration.bare_stocks import add_stocks
from tests.integration.group_tasks import task_of
from tests.jobs import THE_TWO
from tests.world import World
from vettr_cron.database.transactions import Database
from vettr_cron.domain.errors import DatabaseUnavailable, RunSuperseded
from vettr_cron.services.refresh.group import GroupContext, run_group

STOCKS = 30


class FailingOnce(Database):
    """Its first saving transaction fails: rolled back, or committed with an answer that is lost."""

    def __init__(self, *args: Any, committed: bool) -> None:
        super().__init__(*args)
        self.has_failed = False
        self._committed = committed

    @contextmanager
    def saving(self, timeout: float | None = None) -> Iterator[Connection]:
        with super().saving(timeout) as connection:
            yield connection
            if not (self.has_failed or self._committed):
                self.has_failed = True
                raise DatabaseUnavailable(transient=True)
        if not self.has_failed:
            self.has_failed = True
            raise DatabaseUnavailable(transient=True)


@pytest.mark.parametrize("committed", [True, False])
def test_a_stop_that_comes_between_two_tries_takes_no_stock_away(world: World, committed: bool) -> None:
    add_stocks(world, STOCKS, unscorable=12)
    database = FailingOnce(world.services.database.engine, 15, committed=committed)
    asked = count()

    def is_stopped() -> bool:  # the first question after the failure is whether to try again
        return database.has_failed and next(asked) > 0

    context = GroupContext(database=database, jobs=THE_TWO, workers=2, is_stopped=is_stopped)
    outcome = run_group(context, task_of(world, "scores"))
    assert (outcome.stocks, len(outcome.failures), len(outcome.answers)) == (10, 2, 8)
    (row,) = world.table("cron_job_runs")
    assert (row["stocks_processed"], row["failed_count"]) == (10, 2)
    assert len(world.table("vetr_score_history")) == 8


def test_nothing_is_saved_once_another_caller_is_known_to_have_taken_over(world: World) -> None:
    add_stocks(world, STOCKS)
    superseded = GroupContext(
        database=world.services.database,
        jobs=THE_TWO,
        workers=2,
        is_stopped=lambda: False,
        is_superseded=lambda: True,
    )
    with pytest.raises(RunSuperseded):
        run_group(superseded, task_of(world, "scores"))
    assert not world.table("vetr_score_history")
