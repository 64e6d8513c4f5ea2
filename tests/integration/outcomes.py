"""What the jobs have written of each stock, and what must hold when some stocks fail among others."""

import re
from collections.abc import Mapping
from typing import Any

from tests.world import World

SCORES, FLAGS = "scores", "red-flags"
Results = Mapping[str, Mapping[str, Any]]
"""By ticker and place: a table, a kind of cached answer (by its job), or the stock's own score."""

_PLACES = {
    SCORES: ("vetr_score", SCORES, "vetr_score_history", "vetr_score_snapshots"),
    FLAGS: (FLAGS, "red_flag_history"),
}
_TABLES = ("vetr_score_history", "vetr_score_snapshots", "red_flag_history")
_INTERNALS = re.compile(r"SELECT|INSERT|UPDATE|Traceback|psycopg|sqlite3|sqlalchemy|\[SQL|line \d", re.IGNORECASE)


def results(world: World) -> Results:
    """All that is there of each stock."""
    written = {table: world.table(table) for table in _TABLES}
    return {
        stock["ticker"]: {
            "vetr_score": stock["vetr_score"],
            SCORES: world.redis.get(f"vetr_score:{stock['ticker']}"),
            FLAGS: world.redis.get(f"red_flags:{stock['ticker']}"),
            **{
                table: sorted(str(row) for row in rows if row["stock_ticker"] == stock["ticker"])
                for table, rows in written.items()
            },
        }
        for stock in world.table("stocks")
    }


def make_older(world: World) -> None:
    """Give every stock results that no refresh writes, so that each that is written again can be told."""
    world.execute("UPDATE stocks SET vetr_score = -1")
    world.execute("UPDATE vetr_score_snapshots SET overall_score = -1")


def check_failures(world: World, job: str, before: Results, result: Any, expected: Mapping[str, str]) -> None:
    """Exactly these tickers failed, for reasons of these patterns; they keep what they had, all others are new."""
    failures = {failure["ticker"]: failure["error"] for failure in result["failures"]}
    assert list(failures) == sorted(expected)
    for ticker, pattern in expected.items():
        assert re.fullmatch(pattern, failures[ticker], re.DOTALL), failures[ticker]
        assert not _INTERNALS.search(failures[ticker])
        assert len(failures[ticker]) < 300
    _check_counts(world, result, len(before), len(expected))
    after = results(world)
    for ticker in before:
        for place in _PLACES[job]:
            assert (after[ticker][place] == before[ticker][place]) == (ticker in expected), (ticker, place)


def _check_counts(world: World, result: Any, total: int, failed: int) -> None:
    (run,) = [run for run in world.data("history")["runs"] if run["id"] == result["run_id"]]
    assert result["status"] == run["status"] == "completed"
    assert result["stocks_processed"] == run["stocks_processed"] == total
    assert result["succeeded"] == run["succeeded"] == total - failed
    assert result["failed"] == run["failed_count"] == failed
    assert run["failures"] == result["failures"]
