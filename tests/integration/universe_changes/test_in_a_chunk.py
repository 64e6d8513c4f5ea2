"""Stocks come, go and change their tickers while a chunk is under way or is prefetched."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from tests.integration.bare_stocks import add_stocks
from tests.integration.meddling import at_stock, refresh, wait_until
from tests.integration.universe_changes.changes import Change, add, finish, remove, rename
from tests.jobs import THE_TWO
from tests.world import World
from tests.written_rows import TABLES, stock_ids, stocks_done
from vettr_cron.domain.run import CallStatus
from vettr_cron.jobs.job import Chunk

DURING: dict[str, Change] = {
    "gone": remove(12),
    "renamed": rename("T00012", "T00012.5"),
    "moved behind": rename("T00012", "A"),
    "new before": add("A"),
    "new within": add("T00012.5"),
    "all gone": lambda world: world.execute("DELETE FROM stocks"),
}


@pytest.mark.parametrize("universe", ["postgres"], indirect=True)
@pytest.mark.parametrize("what", DURING)
def test_a_change_while_a_chunk_is_under_way_stops_nothing(universe: World, what: str) -> None:
    ids: dict[str, UUID] = stock_ids(universe)
    first = universe.data("scores?chunk_size=10")
    result = refresh(universe, at_stock(THE_TWO["scores"], 2, lambda: DURING[what](universe)), chunk_size=10)
    assert (result.status, result.stocks_processed, result.succeeded) == (CallStatus.COMPLETED, 10, 10)
    finish(universe, "scores")
    throughout = {ids[ticker] for ticker in ids.keys() & stock_ids(universe).keys()}
    assert stocks_done(universe, "scores", first["cycle_id"], throughout) == throughout
    assert [run["status"] for run in universe.data("history?status=failed")["runs"]] == []


MEANWHILE: dict[str, tuple[Change, Sequence[str]]] = {
    "one of the next chunk goes": (remove(13), ["T00013"]),
    "one comes into the next chunk": (add("T00013.5"), []),
    "one of the next chunk is renamed": (rename("T00013", "T00013.5"), ["T00013"]),
    "one of the next chunk moves behind the cursor": (rename("T00013", "A"), ["T00013"]),
    "the next chunk goes": (remove(*range(10, 20)), [f"T{rank:05}" for rank in range(10, 20)]),
}


@pytest.mark.parametrize("what", MEANWHILE)
@pytest.mark.parametrize("job", THE_TWO)
def test_a_change_during_a_prefetch_affects_no_other_stock(universe: World, job: str, what: str) -> None:
    assert_concerns_nobody_else(universe, job, what)


def assert_concerns_nobody_else(universe: World, job: str, what: str) -> None:
    """The change, in the middle of the first of a cycle's chunks, makes no other stock skipped or done twice."""
    change, concerned = MEANWHILE[what]
    throughout = {stock for ticker, stock in stock_ids(universe).items() if ticker not in concerned}
    result = refresh(universe, at_stock(THE_TWO[job], 5, lambda: change(universe)), chunk_size=10, chunks=None)
    assert (result.status, result.is_complete, result.failed) == (CallStatus.COMPLETED, True, 0)
    assert result.cycle_id
    assert throughout == stocks_done(universe, job, result.cycle_id, throughout)
    ids = [row["id"] for row in universe.table(TABLES[job])]
    assert len(ids) == len(set(ids))


@pytest.mark.own_job
def test_the_next_chunk_is_waited_for_under_its_own_run(world: World) -> None:
    add_stocks(world, 9)
    begun: list[int] = []

    def load(*args: Any) -> Chunk:
        begun.append(len(begun) + 1)
        wait_until(lambda: len(world.table("cron_job_runs")) == begun[-1], seconds=5)
        return THE_TWO["scores"].load(*args)

    result = refresh(world, replace(THE_TWO["scores"], load=load), chunk_size=3, chunks=None)
    assert (result.is_complete, result.succeeded) == (True, 9)
    assert begun == [1, 2, 3]  # a chunk that could not be read under its run is read again
