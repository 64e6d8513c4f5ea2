"""Files that are refused: their names, bytes, quotation marks and headers."""

import bz2
import codecs
import gzip
import lzma
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.unit.csv_folders import PRICES_HEADER, STOCKS, check, refusal
from vettr_cron.datasets.csv_files import check_folder
from vettr_cron.datasets.csv_records import LONGEST_LINE
from vettr_cron.datasets.refusal import ImportRefused

FILES = (
    "stocks.csv, executives.csv, filings.csv, financial_data.csv, financial_summary.csv, short_interest.csv, "
    "analyst_consensus.csv, insider_transactions.csv, stock_daily_prices.csv"
)


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
        ("id", "rows are identified by ticker and content, and ids derive from these"),
        ("stock_id", "name the stock in a column ticker"),
        ("vetr_score", "only the scores job writes it"),
    ],
)
def test_columns_that_no_file_may_bring_say_why(tmp_path: Path, column: str, reason: str) -> None:
    text = refusal(tmp_path, stocks=f"ticker,name,exchange,sector,{column}\nAAA,Alpha,NYSE,Gold,5\n")
    assert text == f"stocks.csv line 1, column '{column}': cannot be imported: {reason}; nothing was written"


def test_a_nul_character(tmp_path: Path) -> None:
    text = refusal(tmp_path, stocks=STOCKS.replace("Alpha", "Al\0pha"))
    assert text.startswith(r"stocks.csv line 2, column name: 'Al\x00pha' contains a NUL character")


def test_bytes_that_are_not_utf_8(tmp_path: Path) -> None:
    text = refusal(tmp_path, stocks=STOCKS.replace("Beta", "Bêta").encode("latin-1"))
    assert text.startswith("stocks.csv line 3: not UTF-8 (byte 0xea at position 6); the file was read no further")


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (gzip.compress(STOCKS.encode(), mtime=0), "compressed with gzip; unpack it first"),
        (bz2.compress(STOCKS.encode()), "compressed with bzip2; unpack it first"),
        (lzma.compress(STOCKS.encode()), "compressed with xz; unpack it first"),
        (b"PK\3\4" + bytes(40), "a zip archive or an Excel workbook (xlsx); unpack it, or save it as CSV, in UTF-8"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Excel workbook (xls); save it as CSV, in UTF-8"),
        (STOCKS.encode("utf-16"), "in UTF-16; save it as CSV, in UTF-8"),
        (STOCKS.encode("utf-16-le"), "in UTF-16; save it as CSV, in UTF-8"),
        (STOCKS.encode("utf-16-be"), "in UTF-16; save it as CSV, in UTF-8"),
        (codecs.BOM_UTF16_BE + STOCKS.encode("utf-16-be"), "in UTF-16; save it as CSV, in UTF-8"),
        (STOCKS.encode("utf-32"), "in UTF-32; save it as CSV, in UTF-8"),
    ],
)
def test_another_format_is_named(tmp_path: Path, content: bytes, name: str) -> None:
    assert refusal(tmp_path, stocks=content) == f"stocks.csv: {name}; nothing was written"


@pytest.mark.parametrize("name", ["stock_daily_prices.csv.gz", "stock_daily_prices.xlsx", "Stock_Daily_Prices.ZIP"])
def test_a_table_in_another_format_is_not_left_out_in_silence(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    assert refusal(tmp_path) == (
        f"{name}: only stock_daily_prices.csv is read; unpack the file, or save it as CSV under that name; "
        "nothing was written"
    )
    check(tmp_path, stock_daily_prices=PRICES_HEADER)  # beside the CSV file, it may be what that was made from


@pytest.mark.parametrize(
    ("separator", "name"), [(";", "semicolons"), ("\t", "tabs"), ("|", "vertical bars"), (" ; ", "semicolons")]
)
def test_another_separator_is_named(tmp_path: Path, separator: str, name: str) -> None:
    text = refusal(tmp_path, stocks=STOCKS.replace(",", separator))
    assert text == f"stocks.csv line 1: the fields are separated by {name}; commas are needed; nothing was written"


@pytest.mark.parametrize("again", ["ticker,name,exchange,sector\n", " ticker , name,exchange,sector\n"])
def test_a_header_that_is_repeated(tmp_path: Path, again: str) -> None:
    text = refusal(tmp_path, stocks=STOCKS + again + "CCC,Gamma,NYSE,Gold\n")
    assert text == "stocks.csv line 4: the header again; only the first line may be one; nothing was written"


def test_a_quotation_mark_that_never_closes(tmp_path: Path) -> None:
    text = refusal(tmp_path, stocks=STOCKS.replace("Alpha", '"Alpha'))
    assert text.startswith(
        "stocks.csv line 2: a quotation mark is opened and never closed; the file was read no further"
    )


def test_a_quotation_mark_that_never_closes_in_a_long_file(tmp_path: Path) -> None:
    prices = PRICES_HEADER + '"AAA,2017-03-31,1\n' + "AAA,2017-03-31,1\n" * 10_000
    assert "stock_daily_prices.csv line 2: a field has more than 131072 characters" in refusal(
        tmp_path, stock_daily_prices=prices
    )


def test_text_after_a_closing_quotation_mark(tmp_path: Path) -> None:
    text = refusal(tmp_path, stocks=STOCKS.replace("Alpha", '"Al"pha'))
    assert text.startswith("stocks.csv line 2: a quoted field goes on after its closing quotation mark")


def test_carriage_returns_alone(tmp_path: Path) -> None:
    text = refusal(tmp_path, stocks=STOCKS.replace("\n", "\r"))
    assert text.startswith(
        "stocks.csv line 1: a carriage return without a line feed (lines end with a line feed, or with both)"
    )


def test_a_line_without_an_end(tmp_path: Path) -> None:
    text = refusal(tmp_path, stocks=STOCKS + "x" * (LONGEST_LINE + 1))
    assert text.startswith(f"stocks.csv line 4: longer than {LONGEST_LINE} bytes; the file was read no further")


def test_a_csv_file_that_is_not_a_table(tmp_path: Path) -> None:
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


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200) | st.text('",\r\nA1é\0', max_size=60).map(str.encode))
@example(b'ticker,name,exchange,sector\nA,"')
def test_whatever_bytes_a_file_holds_it_is_read_or_refused(tmp_path: Path, content: bytes) -> None:
    for stocks in (content, STOCKS.encode() + content):
        try:
            check(tmp_path, stocks=stocks)
        except ImportRefused as refused:
            assert str(refused).endswith("nothing was written")
