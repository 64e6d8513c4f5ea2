"""The figures of made-up stocks are plausible, and lead to scores and flags of every kind."""

from collections import Counter
from datetime import datetime, timedelta
from statistics import quantiles
from typing import Any

import pytest

from tests.days import DailyPrice, series_of
from tests.unit.generated import TODAY, by_ticker, universe
from vettr_cron.datasets.fiction.filings import DEALS, DEBTS, GROWTH, MONEY_RAISED, QUIET, Template
from vettr_cron.datasets.generator import PRICE_DAYS
from vettr_cron.datasets.trading_days import last_trading_day, trading_days
from vettr_cron.domain.red_flags import Filing, RedFlagInputs, red_flags
from vettr_cron.domain.vetr_score import Executive, InsiderTransaction, StockInputs, vetr_score
from vettr_cron.models.types import Row

NOW = datetime(2026, 11, 24, 9, 30)
FIGURES = (
    *("cash", "monthly_burn", "total_debt", "total_assets", "exploration_exp", "r_and_d_exp", "total_opex", "revenue"),
    *("shares_current", "shares_1yr_ago", "insider_shares", "total_shares", "avg_vol_30d", "days_since_last_pr"),
    "warrant_strike_price",
)


def test_every_table_is_filled_with_plausibly_many_rows_a_stock() -> None:
    made = universe(200)
    counts = {
        table: {len(by_ticker(rows)[str(stock["ticker"])]) for stock in made["stocks"]} for table, rows in made.items()
    }
    single = ("stocks", "financial_data", "financial_summary", "short_interest", "analyst_consensus")
    assert {table: counts[table] for table in single} == {table: {1} for table in single}
    assert counts["executives"] == set(range(1, 7))
    assert counts["filings"] == set(range(3, 13))
    assert counts["insider_transactions"] == set(range(7))
    assert counts["stock_daily_prices"] == {PRICE_DAYS}


def test_prices_cover_thirty_weekdays_and_agree() -> None:
    made = universe(100)
    for rows in by_ticker(made["stock_daily_prices"]).values():
        assert [row["date"] for row in rows] == trading_days(last_trading_day(TODAY), PRICE_DAYS)
        assert [row["close"] for row in rows[:-1]] == [row["previous_close"] for row in rows[1:]]
        for row in rows:
            opened, high, low, close = (float(str(row[name])) for name in ("open", "high", "low", "close"))
            previous, true_range = float(str(row["previous_close"])), float(str(row["true_range"]))
            assert 0 < low <= min(opened, close) <= max(opened, close) <= high
            assert true_range == pytest.approx(max(high - low, abs(high - previous), abs(low - previous)))


def test_nothing_lies_in_the_future_nor_further_back_than_two_years() -> None:
    made = universe(200)
    columns = {"filings": "date", "insider_transactions": "transaction_date", "short_interest": "report_date"}
    for table, column in columns.items():
        for row in made[table]:
            moment = row[column]
            assert isinstance(moment, datetime)
            assert NOW - timedelta(days=732) < moment < datetime(TODAY.year, TODAY.month, TODAY.day)


def test_some_insiders_traded_within_the_last_sixty_days() -> None:
    dates = [str(row["transaction_date"]) for row in universe(200)["insider_transactions"]]
    recent = sum(date >= str(NOW - timedelta(days=60)) for date in dates)
    assert 0.3 < recent / len(dates) < 0.6


def test_figures_are_missing_at_plausible_rates() -> None:
    rows = universe(400)["financial_data"]
    missing = {name: sum(row[name] is None for row in rows) / len(rows) for name in FIGURES}
    assert all(0 < missing[name] < 0.6 for name in FIGURES if name.endswith(("cash", "debt", "burn", "price")))
    assert missing["exploration_exp"] > 0.3
    assert missing["shares_current"] == 0


# How the keywords fall out is judged by the rules themselves, with every template published five times this year.
def _flags(templates: list[Template]) -> dict[str, int]:
    filings = [
        Filing(NOW, each.title.format(name="Amber Bay Gold Corp.", figure=5), each.summary) for each in templates * 5
    ]
    inputs = RedFlagInputs(
        ticker="TST", market_cap=None, executives_years=[], newest_filing=NOW, recent_filings=filings
    )
    return {flag.flag_type: flag.score for flag in red_flags(inputs, NOW).flags}


def test_quiet_filings_raise_no_flag() -> None:
    assert set(_flags(list(QUIET)).values()) == {0}


@pytest.mark.parametrize(
    ("templates", "flag"),
    [(DEALS, "consolidation_velocity"), (MONEY_RAISED, "financing_velocity"), (DEBTS, "debt_trend")],
)
def test_every_loud_filing_raises_its_flag(templates: list[Template], flag: str) -> None:
    assert all(_flags([template])[flag] == 100 for template in templates)


def test_growth_makes_up_for_debt() -> None:
    assert _flags([DEBTS[0], GROWTH[0]])["debt_trend"] < _flags([DEBTS[0], QUIET[0]])["debt_trend"]


def score(tables: dict[str, dict[str, list[Row]]], ticker: str) -> int:
    (stock,), (data,), (summary,), (short,), (analysts,) = (
        tables[name][ticker]
        for name in ("stocks", "financial_data", "financial_summary", "short_interest", "analyst_consensus")
    )
    inputs: dict[str, object] = {name: data[name] for name in FIGURES}
    inputs |= {name: stock[name] for name in ("ticker", "sector", "price")}
    inputs |= {name: summary[name] for name in ("free_cash_flow", "gross_profit", "float_shares")}
    inputs |= {"short_shares": short["short_shares"], "price_target": analysts["price_target"]}
    many: dict[str, tuple[Any, str]] = {
        "executives": (Executive, "executives"),
        "insider_transactions": (InsiderTransaction, "insider_transactions"),
        "prices": (DailyPrice, "stock_daily_prices"),
    }
    for name, (kind, table) in many.items():
        inputs[name] = [kind(*(row[field] for field in kind._fields)) for row in tables[table][ticker]]
    inputs["prices"] = series_of(inputs["prices"])  # type: ignore[arg-type]
    inputs["newest_filing"] = max(tables["filings"][ticker], key=lambda row: str(row["date"]))["date"]
    return vetr_score(StockInputs(**inputs), NOW).overall_score  # type: ignore[arg-type]


def test_scores_spread_over_the_scale() -> None:
    tables = {name: by_ticker(rows) for name, rows in universe(600).items()}
    scores = [score(tables, ticker) for ticker in tables["stocks"]]
    tenth, *_, ninetieth = quantiles(scores, n=10)
    assert ninetieth - tenth >= 30
    assert 50 < quantiles(scores, n=2)[0] < 80
    assert len(set(scores)) > 50


def test_severities_spread_too() -> None:
    made = universe(600)
    executives, filings = by_ticker(made["executives"]), by_ticker(made["filings"])
    severities: Counter[str] = Counter()
    for stock in made["stocks"]:
        ticker = str(stock["ticker"])
        published = [Filing(row["date"], row["title"], row["summary"]) for row in filings[ticker]]
        inputs = RedFlagInputs(
            ticker=ticker,
            market_cap=float(str(stock["market_cap"])),
            executives_years=[float(str(row["years_at_company"])) for row in executives[ticker]],
            newest_filing=max(filing.date for filing in published),
            recent_filings=published,
        )
        severities[red_flags(inputs, NOW).severity] += 1
    assert severities["Low"] > severities["Moderate"] > severities["High"] > 0
