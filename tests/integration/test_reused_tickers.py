"""flask stocks import where a ticker went to another company: rows are told by their stock, not by a ticker."""

from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.integration.csv_imports import NINE, import_files, refusal
from tests.world import World
from vettr_cron.domain.errors import RowsRefused
from vettr_cron.repositories import input_rows

STOCKS = "ticker,name,exchange,sector\n"
PRICES = "ticker,date,close\n"
FILINGS = "ticker,type,title,date,summary\n"
EXECUTIVES = "ticker,name,title,years_at_company\n"
DATA = "ticker,cash\n"
OF_THE_FUND = {
    "stocks": f"{STOCKS}META,Ball Metaverse ETF,NYSE,ETF\nFB,Meta Platforms,NASDAQ,Tech\n",
    "stock_daily_prices": f"{PRICES}META,2026-11-19,12\nMETA,2026-11-20,12\n",
    "filings": f"{FILINGS}META,8-K,Current report,2026-11-01,of the fund\n",
    "executives": f"{EXECUTIVES}META,John Smith,CEO,9\n",
    "financial_data": f"{DATA}META,1\n",
}
OF_THE_COMPANY = {
    "stock_daily_prices": f"{PRICES}META,2026-11-19,185\nMETA,2026-11-20,185\n",
    "filings": f"{FILINGS}META,8-K,Current report,2026-11-01,of the company\n",
    "executives": f"{EXECUTIVES}META,John Smith,CEO,0.5\n",
    "financial_data": f"{DATA}META,2\n",
}


@pytest.fixture
def renamed(world: World, tmp_path: Path) -> World:
    """The fund META became METV, and the company FB became META, as a platform renames them: in rows and prices."""
    assert import_files(world, tmp_path, OF_THE_FUND).exit_code == 0
    rename(world, META="METV", FB="META")
    return world


def rename(world: World, **tickers: str) -> None:
    for before, after in tickers.items():
        for table in ("stocks", "stock_daily_prices"):
            world.execute(f"UPDATE {table} SET ticker = :after WHERE ticker = :before", before=before, after=after)


def by_ticker(world: World, table: str, column: str) -> list[tuple[str, Any]]:
    """The values of a column, each with the present ticker of the stock that its row belongs to."""
    tickers = {row["id"]: row["ticker"] for row in world.table("stocks")}
    return sorted((tickers[row["stock_id"]], row[column]) for row in world.table(table))


def test_the_files_of_a_tickers_new_company_leave_the_old_ones_rows(renamed: World, tmp_path: Path) -> None:
    for _ in range(2):
        result = import_files(renamed, tmp_path, OF_THE_COMPANY)
        assert result.exit_code == 0, result.output
        assert by_ticker(renamed, "stock_daily_prices", "close") == [*[("META", 185)] * 2, *[("METV", 12)] * 2]
        assert by_ticker(renamed, "filings", "summary") == [("META", "of the company"), ("METV", "of the fund")]
        assert by_ticker(renamed, "executives", "years_at_company") == [("META", 0.5), ("METV", 9)]
        assert by_ticker(renamed, "financial_data", "cash") == [("META", 2), ("METV", 1)]


def test_a_new_stock_can_have_a_ticker_that_was_given_up(renamed: World, tmp_path: Path) -> None:
    before = {row["ticker"]: row["id"] for row in renamed.table("stocks")}
    result = import_files(renamed, tmp_path, {"stocks": f"{STOCKS}FB,Another company,NYSE,ETF\n"})
    assert result.exit_code == 0, result.output
    after = {row["ticker"]: row["id"] for row in renamed.table("stocks")}
    assert {ticker: after[ticker] for ticker in before} == before
    assert after.keys() - before.keys() == {"FB"}


def test_a_renamed_stocks_files_update_its_rows(renamed: World, tmp_path: Path) -> None:
    assert import_files(renamed, tmp_path, OF_THE_COMPANY).exit_code == 0
    counts = {table: len(renamed.table(table)) for table in NINE}
    rename(renamed, META="MTA")
    files = {table: text.replace("META", "MTA").replace("of the", "by the") for table, text in OF_THE_COMPANY.items()}
    assert import_files(renamed, tmp_path, files).exit_code == 0
    assert {table: len(renamed.table(table)) for table in NINE} == counts
    assert by_ticker(renamed, "filings", "summary") == [("METV", "of the fund"), ("MTA", "by the company")]


def test_prices_that_kept_a_former_ticker_get_the_present_one(world: World, tmp_path: Path) -> None:
    assert import_files(world, tmp_path, OF_THE_FUND).exit_code == 0
    world.execute("DELETE FROM stock_daily_prices")
    assert import_files(world, tmp_path, {"stock_daily_prices": f"{PRICES}FB,2026-11-19,7\n"}).exit_code == 0
    world.execute("UPDATE stocks SET ticker = 'MTA' WHERE ticker = 'FB'")
    volumes = "ticker,date,volume\nMTA,2026-11-19,100\n"
    assert import_files(world, tmp_path, {"stock_daily_prices": volumes}).exit_code == 0
    (day,) = world.table("stock_daily_prices")
    assert (day["ticker"], day["close"], day["volume"]) == ("MTA", 7, 100)


def test_prices_that_stand_under_a_ticker_of_another_stock_are_refused(world: World, tmp_path: Path) -> None:
    assert import_files(world, tmp_path, OF_THE_FUND).exit_code == 0
    before = world.table("stock_daily_prices")
    world.execute("UPDATE stocks SET ticker = 'METV' WHERE ticker = 'META'")  # and not in the prices
    world.execute("UPDATE stocks SET ticker = 'META' WHERE ticker = 'FB'")
    message = refusal(import_files(world, tmp_path, OF_THE_COMPANY))
    assert "the row of META 2026-11-19 belongs to another stock" in message
    assert "nothing was written" in message
    assert world.table("stock_daily_prices") == before


def test_a_row_that_was_given_to_another_stock_stays_there(world: World, tmp_path: Path) -> None:
    filings = {"filings": f"{FILINGS}FB,8-K,Current report,2026-11-01,of FB\n"}
    assert import_files(world, tmp_path, OF_THE_FUND).exit_code == 0
    assert import_files(world, tmp_path, filings).exit_code == 0
    world.execute(
        "UPDATE filings SET stock_id = (SELECT id FROM stocks WHERE ticker = 'META'), summary = 'moved'"
        " WHERE summary = 'of FB'"
    )
    for _ in range(2):
        assert import_files(world, tmp_path, filings).exit_code == 0
        assert by_ticker(world, "filings", "summary") == [("FB", "of FB"), ("META", "moved"), ("META", "of the fund")]


def test_equal_rows_are_as_many_as_in_the_file(world: World, tmp_path: Path) -> None:
    purchase = "FB,Ann Lee,2026-11-10,Purchase,100,{}\n"
    trades = "ticker,filer_name,transaction_date,transaction_text,shares,value\n" + purchase.format(0) * 3
    files = {"stocks": OF_THE_FUND["stocks"], "insider_transactions": trades + purchase.format("-0")}
    for _ in range(2):
        assert import_files(world, tmp_path, files).exit_code == 0
        rows = world.table("insider_transactions")
        assert len(rows) == 4
    for gone in sorted(rows, key=lambda row: str(row["id"])):
        world.execute(
            "DELETE FROM insider_transactions WHERE CAST(id AS text) IN (:id, :hex)",
            id=str(gone["id"]),
            hex=gone["id"].hex,
        )
        for _ in range(2):
            result = import_files(world, tmp_path, files)
            assert result.exit_code == 0, result.output
            assert len(world.table("insider_transactions")) == 4


def test_a_folder_sorted_by_date_reads_each_row_once(world: World, tmp_path: Path) -> None:
    tickers = [f"T{number:03}" for number in range(60)]
    stocks = STOCKS + "".join(f"{ticker},N,X,Y\n" for ticker in tickers)
    lines = [
        f"{ticker},8-K,T,2026-{month:02}-{day:02},\n" for month in (1, 2) for day in range(1, 29) for ticker in tickers
    ]
    files = {"stocks": stocks, "filings": FILINGS + "".join(lines)}
    for _ in range(2):
        assert import_files(world, tmp_path, files).exit_code == 0
        assert len(world.table("filings")) == len(lines)


def test_made_up_stocks_that_join_leave_the_rows_of_renamed_ones(world: World) -> None:
    universe = world.services.universe
    universe.generate(3, 1, date(2026, 11, 20), add=False, written=lambda _: None)
    first, *_ = world.tickers()
    old: UUID = next(row["id"] for row in world.table("stocks") if row["ticker"] == first)
    rename(world, **{first: "OLD"})
    tables = sorted(NINE.keys() - {"stocks"})
    before = {table: [row for row in world.table(table) if row["stock_id"] == old] for table in tables}
    assert all(before[table] for table in ("executives", "stock_daily_prices"))
    universe.generate(3, 1, date(2026, 11, 23), add=True, written=lambda _: None)
    after = {table: [row for row in world.table(table) if row["stock_id"] == old] for table in tables}
    assert after == before
    assert len(world.tickers()) == 4


def test_a_stock_that_goes_during_an_import_is_named(world: World) -> None:
    with pytest.raises(RowsRefused, match="filings: the stock 'GONE' no longer exists"), world.write() as connection:
        input_rows.write(connection, "filings", [{"id": uuid4(), "ticker": "GONE"}])
