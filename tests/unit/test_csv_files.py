"""Folders of CSV files that can be imported, and the rows that they become."""

import csv
import io
from datetime import date, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.csv_folders import STOCKS, check, rows, write
from vettr_cron.datasets.csv_files import check_folder, read_table
from vettr_cron.datasets.importable import TABLES
from vettr_cron.datasets.refusal import ImportRefused
from vettr_cron.datasets.row_ids import RowIds


def test_a_summary_counts_the_rows_of_each_table_in_the_order_of_writing(tmp_path: Path) -> None:
    filings = "ticker,type,title,date\nAAA,10-K,Annual report,2017-03-31\n"
    summary = check(tmp_path, filings=filings, executives="ticker,name,title,years_at_company\n")
    assert list(summary.rows.items()) == [("stocks", 2), ("executives", 0), ("filings", 1)]
    assert summary.total == 3


def test_rows_are_typed_and_hold_the_columns_of_the_header_alone(tmp_path: Path) -> None:
    (row,) = rows(tmp_path, "stock_daily_prices", "close,ticker,date\n12.5,AAA,2017-03-31\n")
    assert row == {"close": 12.5, "ticker": "AAA", "date": date(2017, 3, 31)}


def test_every_kind_of_column_becomes_its_python_type(tmp_path: Path) -> None:
    (executive,) = rows(
        tmp_path, "executives", 'ticker,name,title,years_at_company,previous_companies\nAAA,Ann,CEO,2,"[""Acme""]"\n'
    )
    (filing,) = rows(tmp_path, "filings", "ticker,type,title,date,is_material\nAAA,10-K,T,2017-03-31T12:00:00Z,t\n")
    (figures,) = rows(tmp_path, "financial_data", "ticker,shares_current,days_since_last_pr\nAAA,3000000000,7\n")
    (analysts,) = rows(tmp_path, "analyst_consensus", 'ticker,recommendation_trend\nAAA,"{""buy"": 1}"\n')
    assert executive["years_at_company"] == 2.0
    assert executive["previous_companies"] == ["Acme"]
    assert filing["date"] == datetime(2017, 3, 31, 12)
    assert filing["is_material"] is True
    assert figures == {"ticker": "AAA", "shares_current": 3_000_000_000, "days_since_last_pr": 7}
    assert analysts["recommendation_trend"] == {"buy": 1}


def test_an_empty_or_blank_field_is_null(tmp_path: Path) -> None:
    (row,) = rows(tmp_path, "financial_data", "ticker,cash,revenue,shares_current\nAAA,,  ,\n")
    assert row == {"ticker": "AAA", "cash": None, "revenue": None, "shares_current": None}


def test_an_empty_field_takes_the_default_of_a_column_that_has_one(tmp_path: Path) -> None:
    header = "ticker,name,title,years_at_company,previous_companies\n"
    first, second = rows(tmp_path, "executives", f"{header}AAA,Ann,CEO,2,\nAAA,Bob,CFO,2,\n")
    (filing,) = rows(tmp_path, "filings", "ticker,type,title,date,is_material\nAAA,10-K,T,2017-03-31,\n")
    assert first["previous_companies"] == second["previous_companies"] == []
    assert first["previous_companies"] is not second["previous_companies"]
    assert filing["is_material"] is False


def test_an_exchange_or_sector_that_is_not_known_is_an_empty_text(tmp_path: Path) -> None:
    (row,) = rows(tmp_path, "stocks", "ticker,name,exchange,sector\nAAA,Alpha,,\n")
    assert (row["exchange"], row["sector"]) == ("", "")


def test_outer_blanks_mean_nothing(tmp_path: Path) -> None:
    (row,) = rows(tmp_path, "stocks", " ticker ,name,exchange,sector,price\n AAA ,\tAlpha Corp ,NYSE,Gold, 12.5 \n")
    assert row == {"ticker": "AAA", "name": "Alpha Corp", "exchange": "NYSE", "sector": "Gold", "price": 12.5}


def test_texts_that_look_like_something_else_stay_texts(tmp_path: Path) -> None:
    content = "ticker,name,exchange,sector\nTRUE,NULL,NA,1e5\nNAN,nan,None,007\n"
    first, second = rows(tmp_path, "stocks", content)
    assert list(first.values()) == ["TRUE", "NULL", "NA", "1e5"]
    assert list(second.values()) == ["NAN", "nan", "None", "007"]


@pytest.mark.parametrize("content", [b"\xef\xbb\xbf" + STOCKS.encode(), STOCKS.replace("\n", "\r\n"), STOCKS.rstrip()])
def test_byte_order_marks_and_any_line_ends_are_accepted(tmp_path: Path, content: str | bytes) -> None:
    plain = rows(tmp_path, "stocks", STOCKS)
    assert rows(tmp_path, "stocks", content) == plain


def test_blank_lines_are_left_out(tmp_path: Path) -> None:
    assert check(tmp_path, stocks=f"\n{STOCKS}\n  \n").rows == {"stocks": 2}


def test_a_quoted_field_may_hold_commas_quotes_and_line_breaks(tmp_path: Path) -> None:
    (row,) = rows(tmp_path, "filings", 'ticker,type,title,date,summary\nAAA,10-K,"A ""B"", C",2017-03-31,"x\r\ny"\n')
    assert (row["title"], row["summary"]) == ('A "B", C', "x\r\ny")


def test_other_files_and_hidden_ones_are_left_alone(tmp_path: Path) -> None:
    for name in ("README.md", "._stocks.csv", ".bad.csv", "notes.csv.bak"):
        (tmp_path / name).write_bytes(b"\xff")
    (tmp_path / "old").mkdir()
    assert check(tmp_path).rows == {"stocks": 2}


def test_stocks_may_be_in_the_database_already(tmp_path: Path) -> None:
    (tmp_path / "financial_data.csv").write_text("ticker,cash\nZZZ,1\nYYY,2\n")
    asked: list[set[str]] = []

    def known(tickers: set[str]) -> set[str]:
        asked.append(tickers)
        return tickers

    assert check_folder(tmp_path, known).rows == {"financial_data": 2}
    assert asked == [{"YYY", "ZZZ"}]


def test_the_database_is_asked_only_for_tickers_missing_from_the_folder(tmp_path: Path) -> None:
    asked: list[set[str]] = []

    def known(tickers: set[str]) -> set[str]:
        asked.append(tickers)
        return tickers

    check_folder(write(tmp_path, financial_data="ticker,cash\nAAA,1\nZZZ,2\n"), known)
    assert asked == [{"ZZZ"}]


def test_a_table_without_a_file_has_no_rows(tmp_path: Path) -> None:
    assert list(read_table(write(tmp_path), "filings")) == []


def test_a_file_that_was_spoiled_after_the_check_stops_the_reading(tmp_path: Path) -> None:
    check(tmp_path)
    reading = read_table(tmp_path, "stocks")
    (tmp_path / "stocks.csv").write_text(f"{STOCKS}CCC,,NYSE,Gold\n")
    with pytest.raises(ImportRefused, match=r"line 4, column name: empty.*; the file has changed since it was checked"):
        list(reading)


def test_the_same_file_gives_the_same_ids_again(tmp_path: Path) -> None:
    filings = "ticker,type,title,date\n" + "AAA,10-K,Annual report,2017-03-31\n" * 3
    write(tmp_path, filings=filings)
    once, again = (
        [ids.by_ticker(row) for row in read_table(tmp_path, "filings")]
        for ids in (RowIds(TABLES["filings"]), RowIds(TABLES["filings"]))
    )
    assert once == again
    assert len(set(once)) == 3


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=50).filter(
    lambda text: text == text.strip() != ""
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(texts, st.none() | texts, st.datetimes(datetime(1900, 1, 1))), min_size=1, max_size=5))
def test_whatever_a_csv_writer_writes_comes_back(
    tmp_path: Path, filings: list[tuple[str, str | None, datetime]]
) -> None:
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(["ticker", "type", "title", "summary", "date"])
    writer.writerows(["AAA", "10-K", title, summary, date.isoformat()] for title, summary, date in filings)
    found = rows(tmp_path, "filings", written.getvalue())
    assert [(row["title"], row["summary"], row["date"]) for row in found] == filings
