"""The fictional universe: the same for the same seed, plausible, and as it could stand in the tables."""

import csv
import json
from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from itertools import islice
from pathlib import Path
from statistics import quantiles
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.days import DailyPrice, series_of
from vettr_cron.datasets.csv_files import check_folder, read_table
from vettr_cron.datasets.demo import FOLDER
from vettr_cron.datasets.fiction.filings import DEALS, DEBTS, GROWTH, MONEY_RAISED, QUIET, Template
from vettr_cron.datasets.fiction.tickers import CAPACITY, listing
from vettr_cron.datasets.generator import PRICE_DAYS, Piece, pieces
from vettr_cron.datasets.importable import TABLES
from vettr_cron.datasets.row_ids import stock_id
from vettr_cron.datasets.trading_days import last_trading_day, trading_days
from vettr_cron.domain.red_flags import Filing, RedFlagInputs, red_flags
from vettr_cron.domain.vetr_score import Executive, InsiderTransaction, StockInputs, vetr_score
from vettr_cron.models.types import Row

TODAY = date(2026, 11, 24)
NOW = datetime(2026, 11, 24, 9, 30)
FIGURES = (
    *("cash", "monthly_burn", "total_debt", "total_assets", "exploration_exp", "r_and_d_exp", "total_opex", "revenue"),
    *("shares_current", "shares_1yr_ago", "insider_shares", "total_shares", "avg_vol_30d", "days_since_last_pr"),
    "warrant_strike_price",
)


def universe(count: int, seed: int = 1, today: date = TODAY, size: int = 500) -> Piece:
    """All pieces together."""
    together: Piece = {table: [] for table in TABLES}
    for piece in pieces(count, seed, today, size):
        for table, rows in piece.items():
            together[table].extend(rows)
    return together


def by_ticker(rows: list[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[str(row["ticker"])].append(row)
    return found


def test_the_same_seed_and_day_give_the_same_universe() -> None:
    assert universe(40) == universe(40)


def test_another_seed_gives_other_figures_for_the_same_tickers() -> None:
    one, other = universe(40, seed=1)["stocks"], universe(40, seed=2)["stocks"]
    assert [row["id"] for row in one] == [row["id"] for row in other]
    assert all(
        mine["name"] != yours["name"] or mine["price"] != yours["price"] for mine, yours in zip(one, other, strict=True)
    )


@settings(max_examples=10)
@given(st.integers(0, 60), st.integers(1, 70))
def test_a_larger_universe_begins_with_the_smaller_whatever_the_pieces(count: int, size: int) -> None:
    smaller, larger = universe(count, size=size), universe(60)
    for table, rows in smaller.items():
        assert larger[table][: len(rows)] == rows
    assert len(smaller["stocks"]) == count


def test_it_comes_in_pieces_of_the_size_asked_for() -> None:
    assert [len(piece["stocks"]) for piece in pieces(25, 1, TODAY, size=10)] == [10, 10, 5]


def test_a_piece_is_ready_before_the_next_is_made() -> None:
    (first,) = islice(pieces(CAPACITY, 1, TODAY, size=3), 1)
    assert len(first["stocks"]) == 3


def test_there_are_no_more_stocks_than_tickers() -> None:
    with pytest.raises(ValueError, match=f"count is {CAPACITY + 1}; it can be from 0 to {CAPACITY}"):
        next(pieces(CAPACITY + 1, 1, TODAY))


def test_a_million_tickers_are_unique_short_and_none_of_a_us_listing() -> None:
    tickers = {listing(number).ticker for number in range(1_000_000)}
    assert len(tickers) == 1_000_000
    assert max(map(len, tickers)) <= 10
    assert all(len(ticker) == 5 and ticker.endswith(("F", "Y")) for ticker in tickers if "." not in ticker)
    assert not tickers & {str(row["ticker"]) for row in read_table(FOLDER, "stocks")}


def test_the_last_tickers_are_as_good_as_the_first() -> None:
    tickers = {listing(number).ticker for number in range(CAPACITY - 50_000, CAPACITY)}
    assert len(tickers) == 50_000
    assert not tickers & {listing(number).ticker for number in range(500_000)}


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


def test_every_row_names_every_importable_column_but_the_times_of_writing() -> None:
    for name, rows in universe(20).items():
        columns = {column.name for column in TABLES[name].columns} - {"created_at", "updated_at"}
        assert all(row.keys() == columns | {"id"} for row in rows)


def test_written_to_csv_it_is_a_folder_without_mistakes(tmp_path: Path) -> None:
    made = universe(50)
    for table, rows in made.items():
        with (tmp_path / f"{table}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, [name for name in rows[0] if name != "id"], extrasaction="ignore")
            writer.writeheader()
            writer.writerows(
                {name: json.dumps(value) if isinstance(value, list) else value for name, value in row.items()}
                for row in rows
            )
    summary = check_folder(tmp_path, known_tickers=lambda _: set())
    assert summary.rows == {table: len(rows) for table, rows in made.items()}
    for table, rows in made.items():
        read = [{name: value for name, value in row.items() if name != "id"} for row in read_table(tmp_path, table)]
        assert read == [{name: row[name] for name in read[0]} for row in rows]


def test_ids_are_unique_and_a_stock_has_the_id_that_an_import_would_give_it() -> None:
    made = universe(100)
    ids = [row["id"] for rows in made.values() for row in rows]
    assert all(isinstance(each, UUID) for each in ids)
    assert len(set(ids)) == len(ids)
    assert all(row["id"] == stock_id(str(row["ticker"])) for row in made["stocks"])


@pytest.mark.parametrize("later", [1, 3, 7, 30, 45, 1000])
def test_another_days_universe_is_the_same_rows(later: int) -> None:
    now, then = universe(20), universe(20, today=TODAY + timedelta(days=later))
    for table in TABLES:
        assert {row["id"] for row in now[table]} == {row["id"] for row in then[table]}


@pytest.mark.parametrize("later", [1, 3, 7, 30, 45, 1000])
def test_no_price_moves_to_a_day_that_another_row_still_has(later: int) -> None:
    def rows_by_day(today: date) -> dict[tuple[object, object], object]:
        return {(row["ticker"], row["date"]): row["id"] for row in universe(3, today=today)["stock_daily_prices"]}

    now, then = rows_by_day(TODAY), rows_by_day(TODAY + timedelta(days=later))
    assert all(then[day] == now[day] for day in then.keys() & now.keys())


def test_prices_are_of_the_last_thirty_weekdays_and_hang_together() -> None:
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
