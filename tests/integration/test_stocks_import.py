"""flask stocks import: a folder of CSV files comes in whole or not at all, as often as one likes."""

import json
import sqlite3
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.integration.csv_imports import NINE, ROWS, contents, import_files, only, refusal, write_folder
from tests.integration.statements import recorded_statements
from tests.world import World
from vettr_cron.services.clock import utc_now


@pytest.fixture
def imported(world: World, tmp_path: Path) -> World:
    """A service with all nine tables imported."""
    result = import_files(world, tmp_path, NINE)
    assert result.exit_code == 0, result.output
    assert result.output.splitlines() == [f"{table}: {rows} rows" for table, rows in ROWS.items()]
    return world


def test_a_folder_fills_all_nine_tables(imported: World) -> None:
    assert {table: len(rows) for table, rows in contents(imported).items()} == ROWS
    stock_ids = {row["ticker"]: row["id"] for row in imported.table("stocks")}
    for table in NINE.keys() - {"stocks"}:
        assert {row["stock_id"] for row in imported.table(table)} <= set(stock_ids.values())


def test_every_value_arrives_as_it_stands_in_the_files(imported: World) -> None:
    alpha, beta = sorted(imported.table("stocks"), key=lambda row: str(row["ticker"]))
    assert (alpha["name"], alpha["market_cap"], alpha["price"]) == ("Alpha, Gold & Söhne", 1234567.5, 0.35)
    assert alpha["updated_at"] == datetime(2026, 11, 20, 12, 30)
    assert (beta["market_cap"], beta["price"], beta["price_change"], beta["vetr_score"]) == (None, 12.0, None, None)
    ann, bob = sorted(imported.table("executives"), key=lambda row: str(row["name"]))
    assert (ann["previous_companies"], ann["years_at_company"]) == (["Acme", "Bêta"], 2.5)
    assert (bob["previous_companies"], bob["education"]) == ([], None)
    quarterly, offering = sorted(imported.table("filings"), key=lambda row: str(row["type"]))
    assert (offering["date"], offering["summary"]) == (datetime(2026, 11, 1, 6, 0, 0, 250_000), "Two\nlines")
    assert (offering["is_material"], quarterly["is_material"], quarterly["summary"]) == (True, False, None)
    data = only(imported, "financial_data")
    assert (data["total_shares"], data["r_and_d_exp"], data["days_since_last_pr"]) == (2**63 - 1, None, -3)
    assert only(imported, "financial_summary")["free_cash_flow"] == -6.5
    assert only(imported, "short_interest")["report_date"] == datetime(2026, 10, 31)
    assert only(imported, "analyst_consensus")["recommendation_trend"] == {"trend": [1, None, "é"]}
    days = {(row["ticker"], row["date"]): row["close"] for row in imported.table("stock_daily_prices")}
    assert days[("AAA.V", date(2026, 11, 20))] == 0.36


def test_imported_stocks_can_be_refreshed(imported: World) -> None:
    data = imported.data("refresh-all")
    assert (data["scores"]["succeeded"], data["red_flags"]["succeeded"]) == (2, 2)


def test_the_same_folder_again_changes_nothing(imported: World, tmp_path: Path) -> None:
    before = contents(imported)
    assert import_files(imported, tmp_path, NINE).exit_code == 0
    assert contents(imported) == before


def test_changed_values_update_the_rows_that_are_there(imported: World, tmp_path: Path) -> None:
    before = contents(imported)
    imported.execute("UPDATE stocks SET vetr_score = 77")
    changes = {
        "stocks": ("AAA.V,", "0.35,-0.01", "0.45,0.10"),
        "executives": ("", "MBA", "PhD"),
        "filings": ("", "Two\nlines", "One line"),
        "financial_data": ("", "1e6,50000", ",60000"),
        "financial_summary": ("", "-6.5", "6.5"),
        "short_interest": ("", "1000", "2000"),
        "analyst_consensus": ("", "12.5", "13.5"),
        "stock_daily_prices": ("", "0.36,0.35,20000", "0.38,0.35,30000"),
    }
    files = {table: NINE[table].replace(old, new) for table, (_, old, new) in changes.items()}
    assert import_files(imported, tmp_path, files).exit_code == 0
    after = contents(imported)
    for table in NINE:
        assert [row["id"] for row in after[table]] == [row["id"] for row in before[table]]
    assert {row["ticker"]: (row["price"], row["vetr_score"]) for row in after["stocks"]} == {
        "AAA.V": (0.45, 77),
        "BBB": (12, 77),
    }
    assert {row["education"] for row in after["executives"]} == {"PhD", None}
    assert {row["summary"] for row in after["filings"]} == {"One line", None}
    assert [(row["cash"], row["monthly_burn"]) for row in after["financial_data"]] == [(None, 60000)]
    assert [row["free_cash_flow"] for row in after["financial_summary"]] == [6.5]
    assert [row["short_shares"] for row in after["short_interest"]] == [2000]
    assert [row["price_target"] for row in after["analyst_consensus"]] == [13.5]
    assert sorted(row["close"] for row in after["stock_daily_prices"]) == [0.35, 0.38, 12]
    assert after["insider_transactions"] == before["insider_transactions"]


def test_columns_that_the_header_does_not_name_stay_as_they_are(imported: World, tmp_path: Path) -> None:
    before = contents(imported)
    files = {
        "stocks": "sector,ticker,exchange,name\nSilver,AAA.V,TSXV,Alpha\n",
        "executives": "ticker,name,title,years_at_company\nAAA.V,Ann Lee,CEO,3.5\n",
        "financial_data": "ticker,cash\nAAA.V,5\n",
        "stock_daily_prices": "date,ticker,close\n2026-11-20,AAA.V,0.4\n",
    }
    assert import_files(imported, tmp_path, files).exit_code == 0
    changes: dict[tuple[str, str], tuple[Any, Any]] = {
        ("stocks", "sector"): ("Gold Mining", "Silver"),
        ("stocks", "name"): ("Alpha, Gold & Söhne", "Alpha"),
        ("executives", "years_at_company"): (2.5, 3.5),
        ("financial_data", "cash"): (1e6, 5),
        ("stock_daily_prices", "close"): (0.36, 0.4),
    }
    expected = {table: [dict(row) for row in rows] for table, rows in before.items()}
    for (table, column), (old, new) in changes.items():
        (row,) = [row for row in expected[table] if row[column] == old]
        row[column] = new
    assert contents(imported) == expected


def test_a_header_of_nothing_but_the_key_adds_rows_and_leaves_others(imported: World, tmp_path: Path) -> None:
    before = contents(imported)
    files = {
        "short_interest": "ticker\nAAA.V\nBBB\n",
        "stock_daily_prices": "ticker,date\nAAA.V,2026-11-20\nAAA.V,2026-11-21\n",
    }
    result = import_files(imported, tmp_path, files)
    assert result.exit_code == 0, result.output
    after = contents(imported)
    assert [row for row in after["short_interest"] if row in before["short_interest"]] == before["short_interest"]
    assert len(after["short_interest"]) == 2
    days = "stock_daily_prices"
    assert [row for row in after[days] if row in before[days]] == before[days]
    (new,) = [row for row in after[days] if row not in before[days]]
    assert (new["ticker"], new["date"], new["close"]) == ("AAA.V", date(2026, 11, 21), None)
    assert utc_now() - new["created_at"] < timedelta(minutes=1)


def test_a_broken_value_on_line_900_leaves_the_database_as_it_was(imported: World, tmp_path: Path) -> None:
    before = contents(imported)
    lines = [f"AAA.V,{date(2020, 1, 1) + timedelta(days=number)},1.5" for number in range(1500)]
    lines[898] = lines[898].replace("1.5", "one and a half")
    prices = "\n".join(["ticker,date,close", *lines]) + "\n"
    result = import_files(imported, tmp_path, NINE | {"stock_daily_prices": prices})
    assert "stock_daily_prices.csv line 900, column close: 'one and a half' is not a number" in refusal(result)
    assert "nothing was written" in result.output
    assert contents(imported) == before


def test_a_ticker_that_nobody_knows_is_refused(imported: World, tmp_path: Path) -> None:
    before = contents(imported)
    files = {"financial_data": "ticker,cash\nAAA.V,5\nZZZ,6\n"}
    message = refusal(import_files(imported, tmp_path, files))
    assert "financial_data.csv line 3, column ticker: 'ZZZ' is neither in stocks.csv nor in the database" in message
    assert contents(imported) == before


def test_a_ticker_that_only_the_database_knows_will_do(imported: World, tmp_path: Path) -> None:
    assert import_files(imported, tmp_path, {"financial_data": "ticker,cash\nBBB,6\n"}).exit_code == 0
    stock_ids = {row["ticker"]: row["id"] for row in imported.table("stocks")}
    cash = {row["stock_id"]: row["cash"] for row in imported.table("financial_data")}
    assert cash == {stock_ids["AAA.V"]: 1e6, stock_ids["BBB"]: 6}


def test_rows_of_another_program_are_updated_and_keep_their_ids(world: World, tmp_path: Path) -> None:
    stock, data, price = uuid4(), uuid4(), uuid4()
    world.add("stocks", {"id": stock, "ticker": "AAA.V", "name": "A", "exchange": "B", "sector": "C", "vetr_score": 5})
    world.add("financial_data", {"id": data, "stock_id": stock, "cash": 1.0})
    day = {"ticker": "AAA.V", "date": date(2026, 11, 20)}
    world.add("stock_daily_prices", {"id": price, "stock_id": stock, "close": 9.0, **day})
    result = import_files(world, tmp_path, NINE)
    assert result.exit_code == 0, result.output
    assert {table: len(rows) for table, rows in contents(world).items()} == ROWS
    found = {row["id"]: row for table in NINE for row in world.table(table)}
    assert (found[stock]["name"], found[stock]["vetr_score"]) == ("Alpha, Gold & Söhne", 5)
    assert (found[data]["stock_id"], found[data]["cash"]) == (stock, 1e6)
    assert (found[price]["stock_id"], found[price]["close"]) == (stock, 0.36)


def test_a_refusal_of_the_database_in_the_middle_takes_everything_back(world: World, tmp_path: Path) -> None:
    _hold(world, "stock_daily_prices", "AAA.V")
    before = contents(world)
    message = refusal(import_files(world, tmp_path, NINE))
    assert "stock_daily_prices: the database refuses the row" in message
    assert "on_hold" in message
    assert "nothing was written" in message
    assert "INSERT" not in message
    assert not any(contents(world).values())
    assert contents(world) == before


def _hold(world: World, table: str, ticker: str) -> None:
    if world.database_url.startswith("postgresql"):
        world.execute(f"ALTER TABLE {table} ADD CONSTRAINT on_hold CHECK (ticker <> '{ticker}')")
    else:
        world.execute(
            f"CREATE TRIGGER on_hold BEFORE INSERT ON {table} WHEN NEW.ticker = '{ticker}'"
            " BEGIN SELECT RAISE(ABORT, 'on_hold'); END"
        )


@pytest.mark.parametrize("value", ["[18446744073709551617]", f"[-{'9' * 300}]", "[" * 200 + "1" + "]" * 200])
def test_what_json_may_hold_is_loaded(imported: World, tmp_path: Path, value: str) -> None:
    files = {"analyst_consensus": f"ticker,recommendation_trend\nBBB,{value}\n"}
    assert import_files(imported, tmp_path, files).exit_code == 0
    assert only(imported, "analyst_consensus")["recommendation_trend"] == json.loads(value)


def test_an_import_into_empty_tables_looks_for_no_rows(world: World, tmp_path: Path) -> None:
    with recorded_statements(world) as statements:
        assert import_files(world, tmp_path, NINE).exit_code == 0
    about = [each for each in statements if "stock_daily_prices" in each or "filings" in each]
    assert [each.split()[0] for each in about] == ["SELECT", "INSERT"] * 2  # is it empty?
    with recorded_statements(world) as statements:
        assert import_files(world, tmp_path, NINE).exit_code == 0
    about = [each for each in statements if "stock_daily_prices" in each]
    assert len(about) == 3
    assert not any("DELETE" in each for each in about)


def test_existing_rows_are_found_by_index(sqlite_world: World, tmp_path: Path) -> None:
    assert import_files(sqlite_world, tmp_path, NINE).exit_code == 0
    with recorded_statements(sqlite_world) as statements:
        assert import_files(sqlite_world, tmp_path, NINE).exit_code == 0
    lookups = [each for each in statements if each.startswith("WITH")]
    assert lookups
    for each in lookups:
        connection = sqlite3.connect(sqlite_world.database_url.removeprefix("sqlite:///"))
        plan = connection.execute(f"EXPLAIN QUERY PLAN {each}", ["x"] * each.count("?")).fetchall()
        connection.close()
        assert any("SEARCH stored USING" in step for *_, step in plan), plan
        assert not any("SCAN stored" in step for *_, step in plan), plan


def test_more_rows_than_one_statement_takes(imported: World, tmp_path: Path) -> None:
    days = [date(2020, 1, 1) + timedelta(days=number) for number in range(2500)]
    prices = "ticker,date,close\n" + "".join(f"AAA.V,{day},1.5\nBBB,{day},2.5\n" for day in days)
    for _ in range(2):
        assert import_files(imported, tmp_path, {"stock_daily_prices": prices}).exit_code == 0
    counts = imported.rows("SELECT ticker, close, count(*) AS days FROM stock_daily_prices GROUP BY ticker, close")
    assert {(row["ticker"], row["close"]): row["days"] for row in counts} == {
        ("AAA.V", 1.5): 2500,
        ("BBB", 2.5): 2500,
        ("AAA.V", 0.35): 1,
        ("AAA.V", 0.36): 1,
        ("BBB", 12.0): 1,
    }


def test_ids_are_uuids_that_derive_from_the_content(imported: World, tmp_path: Path) -> None:
    ids = {table: {row["id"] for row in rows} for table, rows in contents(imported).items()}
    assert all(isinstance(each, UUID) and each.version == 5 for of_table in ids.values() for each in of_table)
    imported.execute("DELETE FROM stocks")
    assert import_files(imported, tmp_path, NINE).exit_code == 0
    assert {table: {row["id"] for row in rows} for table, rows in contents(imported).items()} == ids


@pytest.mark.parametrize("path", ["nowhere", "stocks.csv"])
def test_a_path_that_is_not_a_folder_is_wrong_usage(sqlite_world: World, tmp_path: Path, path: str) -> None:
    write_folder(tmp_path, NINE)
    result = sqlite_world.app.test_cli_runner().invoke(args=["stocks", "import", str(tmp_path / path)])
    assert result.exit_code == 2


def test_a_folder_without_tables_is_refused(sqlite_world: World, tmp_path: Path) -> None:
    assert "nothing to import" in refusal(import_files(sqlite_world, tmp_path, {}))
