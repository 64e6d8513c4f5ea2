"""Lines that are refused: each mistake is named with its file, line and column, and what would be allowed."""

from pathlib import Path

import pytest

from tests.unit.csv_folders import PRICES_HEADER, STOCKS, refusal


def test_a_value_that_does_not_fit_is_named_with_file_line_and_column(tmp_path: Path) -> None:
    filings = "ticker,type,title,date\nAAA,10-K,T,2017-03-31\nAAA,10-K,T,2017-13-01\n"
    assert refusal(tmp_path, filings=filings.replace("31\n", "31\n\n")) == (
        "filings.csv line 4, column date: "
        "'2017-13-01' is not a time (write 2017-03-31T12:00:00, in UTC or with an offset); nothing was written"
    )


def test_all_mistakes_of_all_files_are_listed_in_order(tmp_path: Path) -> None:
    text = refusal(
        tmp_path,
        stocks="ticker,name,exchange,sector,price\nAAA,Alpha,NYSE,Gold,cheap\nBBB,,NYSE,Gold,nan\n",
        stock_daily_prices=f"{PRICES_HEADER}AAA,soon,1\nAAA,2017-03-31\n",
    )
    assert text.splitlines() == [
        "stocks.csv line 2, column price: 'cheap' is not a number (write 1234.5, without thousands separators)",
        "stocks.csv line 3, column name: empty (a value is needed)",
        "stocks.csv line 3, column price: 'nan' is not a finite number (leave the field empty for NULL)",
        "stock_daily_prices.csv line 2, column date: 'soon' is not a date (write 2017-03-31)",
        "stock_daily_prices.csv line 3: 2 fields where the header has 3",
        "5 problems; nothing was written",
    ]


def test_the_first_twenty_mistakes_are_listed_and_all_are_counted(tmp_path: Path) -> None:
    filings = "ticker,type,title,date\n" + "AAA,10-K,T,never\n" * 5
    lines = refusal(tmp_path, filings=filings, stock_daily_prices=PRICES_HEADER + "AAA,never,1\n" * 1000).splitlines()
    assert len(lines) == 21
    assert lines[19].startswith("stock_daily_prices.csv line 16,")
    assert lines[20] == "1005 problems, of which 20 are shown; nothing was written"


@pytest.mark.parametrize("line", ["AAA,2017-03-31", "AAA,2017-03-31,1,2", "AAA,2017-03-31,1,", "AAA"])
def test_a_line_with_too_many_or_too_few_fields(tmp_path: Path, line: str) -> None:
    text = refusal(tmp_path, stock_daily_prices=f"{PRICES_HEADER}{line}\n")
    assert f"stock_daily_prices.csv line 2: {line.count(',') + 1} fields where the header has 3" in text


def test_lines_are_those_of_the_file_where_fields_run_over_several(tmp_path: Path) -> None:
    filings = 'ticker,type,title,date\nAAA,10-K,"one\ntwo\nthree",2017-03-31\nAAA,10-K,"a\nb",never\n'
    assert refusal(tmp_path, filings=filings).startswith("filings.csv line 5, column date:")


def test_an_empty_time_of_writing_can_be_left_out(tmp_path: Path) -> None:
    text = refusal(tmp_path, financial_data="ticker,updated_at\nAAA,\n")
    assert "column updated_at: empty (a value is needed, or leave the column out)" in text


def test_a_ticker_that_nobody_knows_is_named_once_a_file(tmp_path: Path) -> None:
    text = refusal(
        tmp_path,
        financial_data="ticker,cash\nAAA,1\nZZZ,2\n",
        stock_daily_prices=f"{PRICES_HEADER}ZZZ,2017-03-30,1\nZZZ,2017-03-31,1\n",
    )
    assert text.splitlines() == [
        "financial_data.csv line 3, column ticker: 'ZZZ' is neither in stocks.csv nor in the database",
        "stock_daily_prices.csv line 2, column ticker: 'ZZZ' is neither in stocks.csv nor in the database",
        "2 problems; nothing was written",
    ]


def test_a_mistake_in_stocks_csv_makes_no_stock_unknown(tmp_path: Path) -> None:
    text = refusal(tmp_path, stocks=STOCKS.replace("Alpha", ""), financial_data="ticker,cash\nAAA,1\n")
    assert text == "stocks.csv line 2, column name: empty (a value is needed); nothing was written"


def test_mistakes_of_different_kinds_are_listed_by_line(tmp_path: Path) -> None:
    text = refusal(tmp_path, financial_data="ticker,cash\nAAA,1\nAAA,2\nBBB,cheap\nZZZ,3\n")
    assert [line.split(":")[0] for line in text.splitlines()] == [
        "financial_data.csv line 3",
        "financial_data.csv line 4, column cash",
        "financial_data.csv line 5, column ticker",
        "3 problems; nothing was written",
    ]
