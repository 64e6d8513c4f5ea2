"""The real universe of 2017, moved to the present."""

from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from vettr_cron.datasets.csv_files import check_folder, read_table
from vettr_cron.datasets.demo import FOLDER, NEWEST_PRICES, demo_rows, demo_stock_ids
from vettr_cron.datasets.importable import TABLES
from vettr_cron.datasets.trading_days import last_trading_day

TUESDAY = date(2026, 11, 24)


def test_the_files_have_no_mistakes() -> None:
    summary = check_folder(FOLDER, known_tickers=lambda _: set())
    assert summary.rows == {
        "stocks": 1572,
        "filings": 9000,
        "financial_data": 1572,
        "financial_summary": 1572,
        "stock_daily_prices": 47160,
    }


def test_where_the_data_is_from_and_its_licence_are_said_beside_it() -> None:
    sources = (FOLDER / "SOURCES.md").read_text()
    assert "CC BY-SA 4.0, attribution to Chang-Hung Liang" in sources


def test_the_newest_prices_in_the_files_are_of_the_stated_day() -> None:
    assert max(str(row["date"]) for row in read_table(FOLDER, "stock_daily_prices")) == str(NEWEST_PRICES)


@pytest.mark.parametrize("today", [TUESDAY + timedelta(days=days) for days in range(7)])
def test_the_newest_prices_are_those_of_the_last_weekday(today: date, small_demo: Path) -> None:
    newest = max(str(row["date"]) for row in demo_rows("stock_daily_prices", today, small_demo))
    assert newest == str(last_trading_day(today))


@pytest.mark.parametrize(("table", "column"), [("stock_daily_prices", "date"), ("filings", "date")])
def test_all_dates_move_by_the_same_whole_days(table: str, column: str, small_demo: Path) -> None:
    moved = last_trading_day(TUESDAY) - NEWEST_PRICES
    for then, now in zip(read_table(small_demo, table), demo_rows(table, TUESDAY, small_demo), strict=True):
        before, after = then[column], now[column]
        assert isinstance(before, date)
        assert isinstance(after, date)
        assert after - before == moved
        assert type(after) is type(before)


def test_no_filing_lies_in_the_future() -> None:
    midnight = datetime(TUESDAY.year, TUESDAY.month, TUESDAY.day)
    for row in demo_rows("filings", TUESDAY):
        assert isinstance(row["date"], datetime)
        assert row["date"] < midnight


@pytest.mark.parametrize("table", TABLES)
def test_another_days_demo_is_the_same_rows(table: str, small_demo: Path) -> None:
    ids = [row["id"] for row in demo_rows(table, TUESDAY, small_demo)]
    assert ids == [row["id"] for row in demo_rows(table, TUESDAY + timedelta(days=100), small_demo)]


@pytest.mark.parametrize("table", TABLES)
def test_every_row_has_an_id_of_its_own(table: str) -> None:
    ids = [row["id"] for row in demo_rows(table, TUESDAY)]
    assert len(set(ids)) == len(ids)


def test_nothing_but_dates_differs_from_the_files() -> None:
    rows = [{name: row[name] for name in row if name != "id"} for row in demo_rows("stocks", TUESDAY)]
    assert rows == list(read_table(FOLDER, "stocks"))


def test_the_stocks_of_the_demo_can_be_told_by_their_ids() -> None:
    assert demo_stock_ids() == {row["id"] for row in demo_rows("stocks", TUESDAY)}
    assert len(demo_stock_ids()) == 1572


def test_tables_that_were_not_to_be_had_are_empty() -> None:
    assert list(demo_rows("executives", TUESDAY)) == []
