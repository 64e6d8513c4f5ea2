"""Stocks come, go and change their tickers between calls: whoever was there throughout is done once."""

from collections.abc import Sequence
from typing import Any

import pytest

from tests.integration.bare_stocks import add_stocks
from tests.integration.universe_changes.changes import STOCKS, Change, add, both, finish, remove, rename
from tests.jobs import THE_TWO
from tests.world import World
from tests.written_rows import TABLES, stock_ids, stocks_done


def processed(results: Sequence[Any]) -> int:
    return sum(result["stocks_processed"] for result in results)


# What changes after the first 10 of 30 stocks, and how many stocks the rest of the cycle does then.
CHANGES: dict[str, tuple[Change, int]] = {
    "a stock comes before the cursor": (add("A"), 20),
    "a stock comes right before the cursor": (add("T00008.5"), 20),
    "a stock comes right after the cursor": (add("T00009.5"), 21),
    "a stock comes at the end": (add("ZZZ"), 21),
    "stocks come everywhere": (add("A", "B", "T00005.5", "T00009.5", "T00020.5", "ZZZ"), 23),
    "more stocks come before the cursor than there were": (add(*(f"A{number:03}" for number in range(60))), 20),
    "a stock before the cursor goes": (remove(3), 20),
    "the first stock goes": (remove(0), 20),
    "the stock at the cursor goes": (remove(9), 20),
    "the stock after the cursor goes": (remove(10), 19),
    "the last stock goes": (remove(29), 19),
    "stocks go everywhere": (remove(0, 4, 9, 10, 15, 29), 17),
    "the universe shrinks below the cursor": (remove(*range(8), *range(10, 28)), 2),
    "all stocks after the cursor go": (remove(*range(10, 30)), 0),
    "all stocks before the cursor go": (remove(*range(10)), 20),
    "the stock at the cursor goes and others come": (both(remove(9), add("T00009", "T00009.5")), 21),
    "a stock behind the cursor is renamed and stays there": (rename("T00003", "A"), 20),
    "a stock before the cursor is renamed and stays there": (rename("T00020", "T00025.5"), 20),
    "the stock at the cursor is renamed": (rename("T00009", "A"), 20),
    "a stock that is done moves ahead of the cursor": (rename("T00003", "ZZZ"), 21),
    "a stock that is not done moves behind the cursor": (rename("T00020", "A"), 19),
    "two stocks change places": (
        both(rename("T00003", "X"), rename("T00020", "T00003"), rename("X", "T00020")),
        20,
    ),
}
ON_POSTGRES = ["stocks come everywhere", "stocks go everywhere", "two stocks change places"]


@pytest.mark.parametrize(
    ("universe", "what"),
    [*(("sqlite", what) for what in CHANGES), *(("postgres", what) for what in ON_POSTGRES)],
    indirect=["universe"],
)
def test_stocks_there_throughout_are_done_exactly_once(universe: World, what: str) -> None:
    change, expected = CHANGES[what]
    before = stock_ids(universe)
    first = universe.data("scores?chunk_size=10")
    done_before = set(list(before.values())[:10])
    change(universe)
    after = stock_ids(universe)
    rest = finish(universe, "scores")

    assert {result["cycle_id"] for result in rest} == {first["cycle_id"]}
    assert processed(rest) == expected
    everyone = {*before.values(), *after.values()}
    done = stocks_done(universe, "scores", first["cycle_id"], everyone)
    throughout = {stock for ticker, stock in before.items() if after.get(ticker) == stock}
    assert throughout <= done
    assert len(universe.table("vetr_score_history")) == len(done)  # in effect nobody was done twice
    ahead = {stock for ticker, stock in after.items() if ticker > "T00009"}
    assert done == done_before | ahead
    assert universe.data("scores?chunk_size=100")["stocks_processed"] == len(after)


@pytest.mark.parametrize("job", THE_TWO)
@pytest.mark.parametrize("change", [remove(3), add("A"), rename("T00020", "T00025.5")], ids=["gone", "new", "renamed"])
def test_both_jobs_keep_their_places(universe: World, job: str, change: Change) -> None:
    throughout = {stock for ticker, stock in stock_ids(universe).items() if ticker not in ("T00003", "T00020")}
    first = universe.data(f"{job}?chunk_size=10")
    change(universe)
    finish(universe, job, 7)
    assert throughout <= stocks_done(universe, job, first["cycle_id"], throughout)
    ids = [row["id"] for row in universe.table(TABLES[job])]
    assert len(ids) == len(set(ids))


def test_a_renamed_stock_done_again_has_one_row(universe: World) -> None:
    first = universe.data("scores?chunk_size=10")
    stock = stock_ids(universe)["T00003"]
    rename("T00003", "ZZZ")(universe)
    finish(universe, "scores")
    assert stocks_done(universe, "scores", first["cycle_id"], {stock}) == {stock}
    tickers = [row["stock_ticker"] for row in universe.table("vetr_score_history")]
    assert "ZZZ" in tickers
    assert "T00003" not in tickers
    assert universe.redis.get("vetr_score:ZZZ")


def test_a_stock_that_takes_anothers_ticker_has_its_own_rows(universe: World) -> None:
    universe.data("refresh-all?chunk_size=10")
    both(remove(3), rename("T00025", "T00003"))(universe)
    finish(universe, "scores")
    finish(universe, "red-flags")
    for job in THE_TWO:
        universe.data(f"{job}?chunks=all")
    scores = {row["ticker"]: row["vetr_score"] for row in universe.table("stocks")}
    snapshots = {row["stock_ticker"]: row["overall_score"] for row in universe.table("vetr_score_snapshots")}
    assert {ticker: snapshots[ticker] for ticker in scores} == scores


def test_a_universe_that_shrank_below_the_cursor_starts_anew(universe: World) -> None:
    universe.data("scores?chunk_size=25")
    remove(*range(5, 30))(universe)
    assert universe.data("status")["scores_progress_pct"] == 100
    ending = universe.data("scores?chunk_size=10")
    assert (ending["stocks_processed"], ending["stop_reason"]) == (0, "cycle_complete")
    assert ending["chunk_info"] == {"current_offset": 25, "chunk_size": 10, "total_stocks": 5, "is_complete": True}
    assert "warning" not in ending
    following = universe.data("scores?chunk_size=10")
    assert (following["stocks_processed"], following["chunk_info"]["current_offset"]) == (5, 0)


def test_a_universe_that_was_emptied_ends_its_cycle_with_a_warning(universe: World) -> None:
    first = universe.data("scores?chunk_size=10")
    universe.execute("DELETE FROM stocks")
    for _call in range(2):
        result = universe.data("scores")
        assert (result["status"], result["stop_reason"]) == ("completed", "cycle_complete")
        assert (result["stocks_processed"], result["chunk_info"]["total_stocks"]) == (0, 0)
        assert "no stocks" in result["warning"]
    assert universe.data("status")["scores_offset"] == 0
    add_stocks(universe, 3)
    refilled = universe.data("scores")
    assert (refilled["stocks_processed"], refilled["chunk_info"]["current_offset"]) == (3, 0)
    assert refilled["cycle_id"] != first["cycle_id"]


def test_stocks_that_come_after_the_last_chunk_belong_to_the_next_cycle(universe: World) -> None:
    first = universe.data("scores?chunks=all")
    add("ZZZ")(universe)
    second = universe.data("scores?chunks=all")
    assert (first["stocks_processed"], second["stocks_processed"]) == (30, 31)
    assert second["cycle_id"] != first["cycle_id"]


def test_chunk_sizes_may_change_with_every_call(universe: World) -> None:
    sizes = [1, 7, 3, 12, 2, 100]
    results = [universe.data(f"scores?chunk_size={size}") for size in sizes]
    assert [result["stocks_processed"] for result in results] == [1, 7, 3, 12, 2, 5]
    assert len({result["cycle_id"] for result in results}) == 1
    assert [result["chunk_info"]["current_offset"] for result in results] == [0, 1, 8, 11, 23, 25]
    assert len(universe.table("vetr_score_history")) == STOCKS


def test_universe_and_chunk_size_may_change_between_any_two_calls(universe: World) -> None:
    throughout = {stock for ticker, stock in stock_ids(universe).items() if int(ticker[1:]) % 5}
    cycles = set()
    for number, size in enumerate([4, 1, 9, 2, 5]):
        cycles.add(universe.data(f"red-flags?chunk_size={size}")["cycle_id"])
        both(remove(5 * number), add(f"A{number}", f"T000{number * 6:02}.5"))(universe)
    cycles |= {result["cycle_id"] for result in finish(universe, "red-flags", 6)}
    (cycle,) = cycles
    assert stocks_done(universe, "red-flags", cycle, throughout) == throughout
