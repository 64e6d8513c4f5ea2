"""The golden stocks as inputs of the rules, with what the rules must answer."""

import gzip
import json
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from tests.days import DailyPrice, series_of
from vettr_cron.domain.red_flags import Filing, RedFlagInputs
from vettr_cron.domain.vetr_score import PRICE_DAYS, Executive, InsiderTransaction, StockInputs

FOLDER = Path(__file__).parent / "golden"
Row = dict[str, Any]


class GoldenStock(NamedTuple):
    """One stock's inputs and its entry of the expected file."""

    ticker: str
    score_inputs: StockInputs
    flag_inputs: RedFlagInputs
    expected: Row


@cache
def golden_rows() -> Row:
    """The file with the rows: reference_now, and the tables by name."""
    return _read("rows.json.gz")


@cache
def golden_now() -> datetime:
    """The time at which the expected figures are right."""
    return timestamp(golden_rows()["reference_now"])


@cache
def golden_stocks() -> tuple[GoldenStock, ...]:
    """All of them, by ticker."""
    tables = golden_rows()["tables"]
    expected = _read("expected.json.gz")
    of_stock = {name: _grouped(rows, "stock_id") for name, rows in tables.items() if name != "stocks"}
    of_stock["stock_daily_prices"] = _grouped(tables["stock_daily_prices"], "ticker")
    stocks = sorted(tables["stocks"], key=lambda stock: stock["ticker"])
    return tuple(
        GoldenStock(
            stock["ticker"], _score_inputs(stock, of_stock), _flag_inputs(stock, of_stock), expected[stock["ticker"]]
        )
        for stock in stocks
    )


def timestamp(text: str) -> datetime:
    """ISO 8601 UTC with milliseconds and Z, as a naive datetime."""
    return datetime.fromisoformat(text).replace(tzinfo=None)


_FINANCIAL_DATA = (
    "cash",
    "monthly_burn",
    "total_debt",
    "total_assets",
    "exploration_exp",
    "r_and_d_exp",
    "total_opex",
    "revenue",
    "shares_current",
    "shares_1yr_ago",
    "insider_shares",
    "total_shares",
    "avg_vol_30d",
    "days_since_last_pr",
    "warrant_strike_price",
)


def _score_inputs(stock: Row, of_stock: dict[str, dict[str, list[Row]]]) -> StockInputs:
    (data,) = of_stock["financial_data"].get(stock["id"], [{}])
    (summary,) = of_stock["financial_summary"].get(stock["id"], [{}])
    (short,) = of_stock["short_interest"].get(stock["id"], [{}])
    (consensus,) = of_stock["analyst_consensus"].get(stock["id"], [{}])
    prices = sorted(of_stock["stock_daily_prices"].get(stock["ticker"], []), key=lambda row: row["date"])
    return StockInputs(
        ticker=stock["ticker"],
        sector=stock["sector"],
        price=stock["price"],
        **{name: data.get(name) for name in _FINANCIAL_DATA},
        **{name: summary.get(name) for name in ("free_cash_flow", "gross_profit", "float_shares")},
        short_shares=short.get("short_shares"),
        price_target=consensus.get("price_target"),
        executives=[
            Executive(row["years_at_company"], row["previous_companies"], row["education"])
            for row in of_stock["executives"].get(stock["id"], [])
        ],
        insider_transactions=[
            InsiderTransaction(timestamp(row["transaction_date"]), row["transaction_text"], row["value"])
            for row in of_stock["insider_transactions"].get(stock["id"], [])
        ],
        newest_filing=_newest(of_stock["filings"].get(stock["id"], [])),
        prices=series_of(DailyPrice(*(row[name] for name in DailyPrice._fields)) for row in prices[-PRICE_DAYS:]),
    )


def _flag_inputs(stock: Row, of_stock: dict[str, dict[str, list[Row]]]) -> RedFlagInputs:
    filings = of_stock["filings"].get(stock["id"], [])
    return RedFlagInputs(
        ticker=stock["ticker"],
        market_cap=stock["market_cap"],
        executives_years=[row["years_at_company"] for row in of_stock["executives"].get(stock["id"], [])],
        newest_filing=_newest(filings),
        recent_filings=[Filing(timestamp(row["date"]), row["title"], row["summary"]) for row in filings],
    )


def _newest(filings: Iterable[Row]) -> datetime | None:
    return max((timestamp(row["date"]) for row in filings), default=None)


def _grouped(rows: Iterable[Row], key: str) -> dict[str, list[Row]]:
    groups = defaultdict(list)
    for row in rows:
        groups[row[key]].append(row)
    return groups


def _read(name: str) -> Row:
    with gzip.open(FOLDER / name, "rt", encoding="utf-8") as file:
        content: Row = json.load(file)
    return content
