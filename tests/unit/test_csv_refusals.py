"""Folders that are refused: each mistake is named with its file, line and column, and what would be allowed."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.unit.csv_folders import STOCKS, check, refusal
from vettr_cron.datasets.csv_files import check_folder
from vettr_cron.datasets.csv_records import LONGEST_LINE
from vettr_cron.datasets.refusal import ImportRefused

HEADER = "ticker,date,close\n"
FILES = (
    "stocks.csv, executives.csv, filings.csv, financial_data.csv, financial_summary.csv, short_interest.csv, "
    "analyst_consensus.csv, insider_transactions.csv, stock_daily_prices.csv"
)


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
        stock_daily_prices=f"{HEADER}AAA,soon,1\nAAA,2017-03-31\n",
    )
    assert text.splitlines() == [
        "stocks.csv line 2, column price: 'cheap' is not a number (write 1234.5, without thousands separators)",
        "stocks.csv line 3, column name: empty (a value is needed)",
        "stocks.csv line 3, column price: 'nan' is not a finite number (leave the field empty for NULL)",
        "stock_daily_prices.csv line 2, column date: 'soon' is not a date (write 2017-03-31)",
        "stock_daily_prices.csv line 3: 2 fields where the header has 3",
        "5 problems; nothing was written",
    ]


def test_of_many_mistakes_the_first_twenty_are_listed_and_all_are_counted(tmp_path: Path) -> None:
    filings = "ticker,type,title,date\n" + "AAA,10-K,T,never\n" * 5
    lines = refusal(tmp_path, filings=filings, stock_daily_prices=HEADER + "AAA,never,1\n" * 1000).splitlines()
    assert len(lines) == 21
    assert lines[19].startswith("stock_daily_prices.csv line 16,")
    assert lines[20] == "1005 problems, of which these are 20; nothing was written"


@pytest.mark.parametrize("line", ["AAA,2017-03-31", "AAA,2017-03-31,1,2", "AAA,2017-03-31,1,", "AAA"])
def test_a_line_with_too_many_or_too_few_fields(tmp_path: Path, line: str) -> None:
    text = refusal(tmp_path, stock_daily_prices=f"{HEADER}{line}\n")
    assert f"stock_daily_prices.csv line 2: {line.count(',') + 1} fields where the header has 3" in text


def test_lines_are_those_of_the_file_where_fields_run_over_several(tmp_path: Path) -> None:
    filings = 'ticker,type,title,date\nAAA,10-K,"one\ntwo\nthree",2017-03-31\nAAA,10-K,"a\nb",never\n'
    assert refusal(tmp_path, filings=filings).startswith("filings.csv line 5, column date:")


@pytest.mark.parametrize("empty", ["", "\n\n", "\ufeff"])
def test_an_empty_file(tmp_path: Path, empty: str) -> None:
    text = refusal(tmp_path, stock_daily_prices=empty)
    assert text.startswith("stock_daily_prices.csv line 1: the file is empty (a header is needed, such as ticker,date)")


def test_a_column_that_no_table_has(tmp_path: Path) -> None:
    text = refusal(tmp_path, short_interest="ticker,short_share,\nAAA,1,2\n")
    known = (
        "unknown (known are ticker, short_shares, short_interest_pct, days_to_cover_10d, days_to_cover_30d, "
        "days_to_cover_90d, report_date, updated_at, created_at)"
    )
    assert text.splitlines()[:2] == [
        f"short_interest.csv line 1, column 'short_share': {known}",
        f"short_interest.csv line 1, column '': {known}",
    ]


def test_a_column_that_stands_twice(tmp_path: Path) -> None:
    text = refusal(tmp_path, stock_daily_prices="ticker,date,close,close\nAAA,2017-03-31,1,2\n")
    assert text == "stock_daily_prices.csv line 1, column close: named 2 times; nothing was written"


def test_columns_that_are_needed_and_missing(tmp_path: Path) -> None:
    text = refusal(tmp_path, stocks="ticker,price\nAAA,1\n")
    assert text.splitlines()[:3] == [
        f"stocks.csv line 1, column {name}: missing from the header" for name in ("name", "exchange", "sector")
    ]


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        ("id", "rows are told apart by ticker and content, their ids derive from these"),
        ("stock_id", "name the stock in a column ticker"),
        ("vetr_score", "the scores job alone writes it"),
    ],
)
def test_columns_that_no_file_may_bring_say_why(tmp_path: Path, column: str, reason: str) -> None:
    text = refusal(tmp_path, stocks=f"ticker,name,exchange,sector,{column}\nAAA,Alpha,NYSE,Gold,5\n")
    assert text == f"stocks.csv line 1, column '{column}': cannot be imported: {reason}; nothing was written"


def test_an_empty_time_of_writing_can_be_left_out(tmp_path: Path) -> None:
    text = refusal(tmp_path, financial_data="ticker,updated_at\nAAA,\n")
    assert "column updated_at: empty (a value is needed, or leave the column out)" in text


def test_a_nul_character(tmp_path: Path) -> None:
    text = refusal(tmp_path, stocks=STOCKS.replace("Alpha", "Al\0pha"))
    assert text.startswith(r"stocks.csv line 2, column name: 'Al\x00pha' contains a NUL character")


def test_bytes_that_are_not_utf_8(tmp_path: Path) -> None:
    text = refusal(tmp_path, stocks=STOCKS.replace("Beta", "Bêta").encode("latin-1"))
    assert text.startswith("stocks.csv line 3: not UTF-8 (byte 0xea at position 6); the file was read no further")


def test_utf_16_is_not_utf_8(tmp_path: Path) -> None:
    assert refusal(tmp_path, stocks=STOCKS.encode("utf-16")).startswith("stocks.csv line 1: not UTF-8 (byte 0xff")


def test_a_quotation_mark_that_never_closes(tmp_path: Path) -> None:
    text = refusal(tmp_path, stocks=STOCKS.replace("Alpha", '"Alpha'))
    assert text.startswith(
        "stocks.csv line 2: a quotation mark is opened and never closed; the file was read no further"
    )


def test_a_quotation_mark_that_never_closes_in_a_long_file(tmp_path: Path) -> None:
    prices = HEADER + '"AAA,2017-03-31,1\n' + "AAA,2017-03-31,1\n" * 10_000
    assert "stock_daily_prices.csv line 2: a field has more than 131072 characters" in refusal(
        tmp_path, stock_daily_prices=prices
    )


def test_text_after_a_closing_quotation_mark(tmp_path: Path) -> None:
    text = refusal(tmp_path, stocks=STOCKS.replace("Alpha", '"Al"pha'))
    assert text.startswith("stocks.csv line 2: a quoted field goes on after its closing quotation mark")


def test_carriage_returns_alone(tmp_path: Path) -> None:
    text = refusal(tmp_path, stocks=STOCKS.replace("\n", "\r"))
    assert text.startswith(
        "stocks.csv line 1: a carriage return stands alone (lines end with a line feed, or with both)"
    )


def test_a_line_without_an_end(tmp_path: Path) -> None:
    text = refusal(tmp_path, stocks=STOCKS + "x" * (LONGEST_LINE + 1))
    assert text.startswith(f"stocks.csv line 4: longer than {LONGEST_LINE} bytes; the file was read no further")


def test_a_csv_file_that_is_no_table(tmp_path: Path) -> None:
    (tmp_path / "prices.csv").touch()
    (tmp_path / "Stocks.CSV").touch()
    assert refusal(tmp_path).splitlines() == [
        f"Stocks.CSV: no table has this name (the files can be {FILES})",
        f"prices.csv: no table has this name (the files can be {FILES})",
        "2 problems; nothing was written",
    ]


def test_a_folder_with_nothing_to_import(tmp_path: Path) -> None:
    with pytest.raises(ImportRefused) as refused:
        check_folder(tmp_path, lambda tickers: tickers)
    assert str(refused.value) == f"{tmp_path}: nothing to import (the files can be {FILES}); nothing was written"


def test_a_folder_that_is_not_there_and_one_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "stocks.csv").touch()
    for path, reason in (
        (tmp_path / "none", "No such file or directory"),
        (tmp_path / "stocks.csv", "Not a directory"),
    ):
        with pytest.raises(ImportRefused) as refused:
            check_folder(path, lambda tickers: tickers)
        assert str(refused.value) == f"{path}: cannot be read as a folder ({reason}); nothing was written"


def test_a_file_that_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "filings.csv").mkdir()
    assert refusal(tmp_path) == "filings.csv: cannot be read (Is a directory); nothing was written"


def test_a_ticker_that_nobody_knows_is_named_once_a_file(tmp_path: Path) -> None:
    text = refusal(
        tmp_path,
        financial_data="ticker,cash\nAAA,1\nZZZ,2\n",
        stock_daily_prices=f"{HEADER}ZZZ,2017-03-30,1\nZZZ,2017-03-31,1\n",
    )
    assert text.splitlines() == [
        "financial_data.csv line 3, column ticker: 'ZZZ' is neither in stocks.csv nor in the database",
        "stock_daily_prices.csv line 2, column ticker: 'ZZZ' is neither in stocks.csv nor in the database",
        "2 problems; nothing was written",
    ]


def test_a_mistake_in_stocks_csv_makes_no_stock_unknown(tmp_path: Path) -> None:
    text = refusal(tmp_path, stocks=STOCKS.replace("Alpha", ""), financial_data="ticker,cash\nAAA,1\n")
    assert text == "stocks.csv line 2, column name: empty (a value is needed); nothing was written"


@pytest.mark.parametrize(
    ("table", "content"),
    [
        ("stocks", f"{STOCKS}AAA,Alpha,NYSE,Gold\n"),
        ("financial_data", "ticker,cash\nAAA,1\nBBB,2\nAAA,1\n"),
        ("financial_summary", "ticker,ebitda\nAAA,1\nBBB,2\n AAA ,5\n"),
        ("short_interest", "ticker,short_shares\nAAA,1\nBBB,1\nAAA,\n"),
        ("analyst_consensus", "ticker,buy_count\nAAA,1\nBBB,1\nAAA,1\n"),
    ],
)
def test_a_ticker_that_comes_twice_is_named_with_both_lines(tmp_path: Path, table: str, content: str) -> None:
    text = refusal(tmp_path, **{table: content})
    assert text == f"{table}.csv line 4: AAA stands in line 2 already (one row for each ticker); nothing was written"


def test_a_day_that_comes_twice_is_named_with_both_lines_wherever_they_are(tmp_path: Path) -> None:
    days = ["2017-03-31", "1999-01-01", "2017-03-30"]
    lines = [f"{ticker},{day},1" for day in days for ticker in ("AAA", "BBB")]
    text = refusal(tmp_path, stock_daily_prices=HEADER + "\n".join([*lines, "BBB,1999-01-01,2"]))
    assert text == (
        "stock_daily_prices.csv line 8: BBB 1999-01-01 stands in line 5 already (one row for each ticker and date); "
        "nothing was written"
    )


def test_mistakes_of_different_kinds_are_listed_by_line(tmp_path: Path) -> None:
    text = refusal(tmp_path, financial_data="ticker,cash\nAAA,1\nAAA,2\nBBB,cheap\nZZZ,3\n")
    assert [line.split(":")[0] for line in text.splitlines()] == [
        "financial_data.csv line 3",
        "financial_data.csv line 4, column cash",
        "financial_data.csv line 5, column ticker",
        "3 problems; nothing was written",
    ]


def test_every_repetition_names_the_first_line(tmp_path: Path) -> None:
    text = refusal(tmp_path, financial_data="ticker,cash\nAAA,1\nAAA,2\nBBB,3\nAAA,4\nBBB,5\n")
    assert [line.split(" already")[0] for line in text.splitlines()[:3]] == [
        "financial_data.csv line 3: AAA stands in line 2",
        "financial_data.csv line 5: AAA stands in line 2",
        "financial_data.csv line 6: BBB stands in line 4",
    ]


def test_of_a_file_written_twice_all_repetitions_are_counted(tmp_path: Path) -> None:
    lines = "".join(f"AAA,20{year}-01-01,1\n" for year in range(10, 60))
    text = refusal(tmp_path, stock_daily_prices=HEADER + lines + lines)
    assert text.splitlines()[0].startswith("stock_daily_prices.csv line 52: AAA 2010-01-01 stands in line 2 already")
    assert text.endswith("50 problems, of which these are 20; nothing was written")


def test_equal_filings_executives_and_transactions_are_rows_of_their_own(tmp_path: Path) -> None:
    summary = check(
        tmp_path,
        filings="ticker,type,title,date\n" + "AAA,10-K,T,2017-03-31\n" * 2,
        executives="ticker,name,title,years_at_company\n" + "AAA,Ann,CEO,2\n" * 2,
        insider_transactions="ticker,filer_name,transaction_date\n" + "AAA,ANN,2017-03-31\n" * 2,
    )
    assert summary.total == 8


days = st.dates().map(str)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(["AAA", "BBB"]), days | st.sampled_from(["2017-03-31", "2017-04-01"]))))
@example([("AAA", "0001-01-01"), ("AAA", "9999-12-31"), ("AAA", "0001-01-01")])
def test_exactly_the_days_that_come_again_are_refused(tmp_path: Path, keys: list[tuple[str, str]]) -> None:
    prices = HEADER + "".join(f"{ticker},{day},1\n" for ticker, day in keys)
    repeated = len(keys) - len(set(keys))
    try:
        check(tmp_path, stock_daily_prices=prices)
    except ImportRefused as refused:
        found = refused.total
    else:
        found = 0
    assert found == repeated


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200) | st.text('",\r\nA1é\0', max_size=60).map(str.encode))
@example(b'ticker,name,exchange,sector\nA,"')
def test_whatever_bytes_a_file_holds_it_is_read_or_refused(tmp_path: Path, content: bytes) -> None:
    for stocks in (content, STOCKS.encode() + content):
        try:
            check(tmp_path, stocks=stocks)
        except ImportRefused as refused:
            assert str(refused).endswith("nothing was written")
