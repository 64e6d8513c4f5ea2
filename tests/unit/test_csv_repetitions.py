"""Rows that stand twice in a file are refused, with both lines."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.unit.csv_folders import PRICES_HEADER, STOCKS, check, refusal
from vettr_cron.datasets.refusal import ImportRefused


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
def test_a_repeated_ticker_is_named_with_both_lines(tmp_path: Path, table: str, content: str) -> None:
    text = refusal(tmp_path, **{table: content})
    assert text == f"{table}.csv line 4: AAA is already in line 2 (one row for each ticker); nothing was written"


def test_a_repeated_day_is_named_with_both_lines(tmp_path: Path) -> None:
    days = ["2017-03-31", "1999-01-01", "2017-03-30"]
    lines = [f"{ticker},{day},1" for day in days for ticker in ("AAA", "BBB")]
    text = refusal(tmp_path, stock_daily_prices=PRICES_HEADER + "\n".join([*lines, "BBB,1999-01-01,2"]))
    assert text == (
        "stock_daily_prices.csv line 8: BBB 1999-01-01 is already in line 5 (one row for each ticker and date); "
        "nothing was written"
    )


def test_every_repetition_names_the_first_line(tmp_path: Path) -> None:
    text = refusal(tmp_path, financial_data="ticker,cash\nAAA,1\nAAA,2\nBBB,3\nAAA,4\nBBB,5\n")
    assert [line.split(" (")[0] for line in text.splitlines()[:3]] == [
        "financial_data.csv line 3: AAA is already in line 2",
        "financial_data.csv line 5: AAA is already in line 2",
        "financial_data.csv line 6: BBB is already in line 4",
    ]


def test_of_a_file_written_twice_all_repetitions_are_counted(tmp_path: Path) -> None:
    lines = "".join(f"AAA,20{year}-01-01,1\n" for year in range(10, 60))
    text = refusal(tmp_path, stock_daily_prices=PRICES_HEADER + lines + lines)
    assert text.splitlines()[0].startswith("stock_daily_prices.csv line 52: AAA 2010-01-01 is already in line 2")
    assert text.endswith("50 problems, of which 20 are shown; nothing was written")


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
    prices = PRICES_HEADER + "".join(f"{ticker},{day},1\n" for ticker, day in keys)
    repeated = len(keys) - len(set(keys))
    try:
        check(tmp_path, stock_daily_prices=prices)
    except ImportRefused as refused:
        found = refused.total
    else:
        found = 0
    assert found == repeated
