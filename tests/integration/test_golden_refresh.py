"""A whole refresh gives the golden figures, in the tables and in the cached answers."""

import json
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.golden_data import golden_now, golden_rows, golden_stocks, timestamp
from tests.world import World
from vettr_cron.services.clock import utc_now

UNFIT = "OJMWL.PR.B"  # minus ten billion months of runway do not fit an integer column
TIMES = ("created_at", "updated_at", "transaction_date", "report_date")


@pytest.fixture
def refreshed(world: World) -> World:
    """The golden stocks, scored and flagged."""
    shift = utc_now() - golden_now()
    for table, entries in golden_rows()["tables"].items():
        world.add(table, *(_typed(table, entry, shift) for entry in entries))
    world.data("refresh-all?chunks=all&chunk_size=40")
    return world


def test_a_refresh_writes_the_golden_score_rows(refreshed: World) -> None:
    written = {row["stock_ticker"]: row for row in refreshed.table("vetr_score_history")}
    assert written.keys() == {stock.ticker for stock in golden_stocks()} - {UNFIT}
    for stock in golden_stocks():
        if stock.ticker != UNFIT:
            expected = stock.expected["vetr_score_history"]
            assert {name: written[stock.ticker][name] for name in expected} == expected


def test_a_refresh_caches_the_golden_answers(refreshed: World) -> None:
    for stock in golden_stocks():
        if stock.ticker != UNFIT:
            answer = json.loads(refreshed.redis.get(f"vetr_score:{stock.ticker}") or "null")
            assert timestamp(answer.pop("calculated_at"))
            assert answer == stock.expected["vetr_score_cache"]
        flags = json.loads(refreshed.redis.get(f"red_flags:{stock.ticker}") or "null")
        assert timestamp(flags.pop("detected_at"))
        descriptions = [flag.pop("description") for flag in flags["flags"]]
        assert len(descriptions) == 5
        assert all(descriptions)
        assert flags == stock.expected["red_flags_cache"]


def test_a_refresh_writes_flags_snapshots_and_the_stocks_own_score(refreshed: World) -> None:
    scores = {row["stock_ticker"]: row for row in refreshed.table("vetr_score_history")}
    flags = refreshed.table("red_flag_history")
    snapshots = {row["stock_ticker"]: row for row in refreshed.table("vetr_score_snapshots")}
    assert len(flags) == 5 * len(golden_stocks())
    assert snapshots.keys() == scores.keys()
    for stock in refreshed.table("stocks"):
        expected = scores.get(stock["ticker"])
        assert stock["vetr_score"] == (expected["overall_score"] if expected else None)
        if expected:
            snapshot = snapshots[stock["ticker"]]
            assert snapshot["overall_score"] == expected["overall_score"]
            assert snapshot["market_sentiment_score"] == expected["market_sentiment_score"]
            assert snapshot["dynamic_tilt"] == expected["dynamic_tilt"]
            assert snapshot["price"] == stock["price"]
            assert snapshot["recorded_at"] == expected["calculated_at"].replace(
                hour=0, minute=0, second=0, microsecond=0
            )


def test_the_stock_that_fits_no_column_fails_alone_and_says_why(refreshed: World) -> None:
    (failing,) = [run for run in refreshed.data("history")["runs"] if run["failed_count"]]
    (failure,) = failing["failures"]
    assert failure["ticker"] == UNFIT
    assert "vetr_score_history." in failure["error"]
    assert refreshed.redis.get(f"vetr_score:{UNFIT}") is None


def _typed(table: str, entry: dict[str, Any], shift: timedelta) -> dict[str, Any]:
    typed = dict(entry)
    for name, value in entry.items():
        if value is None:
            continue
        if name in ("id", "stock_id"):
            typed[name] = UUID(value)
        elif name == "date" and table == "stock_daily_prices":
            typed[name] = date.fromisoformat(value) + timedelta(days=shift.days)
        elif name in TIMES or name == "date":
            typed[name] = timestamp(value) + shift
    return typed
