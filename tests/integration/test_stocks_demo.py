"""flask stocks demo: the same companies every day, their newest prices always the last weekday's."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from tests.small_demo import STOCKS as SMALL
from tests.world import World
from vettr_cron.services.clock import utc_now
from vettr_cron.services.operate.imports import Universe

STOCKS, PRICES, FILINGS = 1_572, 47_160, 9_000
FRIDAY, MONDAY = date(2027, 1, 1), date(2027, 1, 4)


@pytest.fixture
def demo(world: World, small_demo: Path) -> Universe:
    """The use case, with a demo of few stocks."""
    return Universe(world.services.database, small_demo)


def _load(demo: Universe, today: date) -> None:
    demo.load_demo(today=today, written=lambda _: None)


def _demo(world: World, *options: str) -> Result:
    return world.app.test_cli_runner().invoke(args=["stocks", "demo", *options])


def _last_weekday_before(today: date) -> date:
    day = today - timedelta(days=1)
    while day.isoweekday() > 5:
        day -= timedelta(days=1)
    return day


def _counts(world: World) -> dict[str, int]:
    tables = ("stocks", "stock_daily_prices", "filings", "financial_data", "financial_summary")
    return {table: world.rows(f"SELECT count(*) AS count FROM {table}")[0]["count"] for table in tables}


def _prices(world: World) -> list[tuple[Any, ...]]:
    """All prices in order, each with its place among its stock's days in place of its date."""
    query = (
        "SELECT ticker, rank() OVER (PARTITION BY ticker ORDER BY date) AS place, open, close, volume"
        " FROM stock_daily_prices ORDER BY ticker, date"
    )
    return [tuple(row.values()) for row in world.rows(query)]


def _newest(world: World, table: str) -> date:
    newest = world.rows(f"SELECT max(date) AS date FROM {table}")[0]["date"]
    return date.fromisoformat(str(newest)[:10])  # SQLite has them as texts


def test_the_demo_is_there_at_once(world: World) -> None:
    today = utc_now().date()
    result = _demo(world, "--if-empty")
    assert result.exit_code == 0, result.output
    assert "1572 stocks" in result.output
    counts = _counts(world)
    assert (counts["stocks"], counts["stock_daily_prices"], counts["filings"]) == (STOCKS, PRICES, FILINGS)
    assert (counts["financial_data"], counts["financial_summary"]) == (STOCKS, STOCKS)
    assert _newest(world, "stock_daily_prices") in {_last_weekday_before(day) for day in (today, utc_now().date())}


def test_the_demo_moves_with_the_days(world: World, demo: Universe) -> None:
    _load(demo, MONDAY - timedelta(days=300))
    counts, ids, prices = _counts(world), _ids(world), _prices(world)
    newest, filing = _newest(world, "stock_daily_prices"), _newest(world, "filings")
    assert newest == _last_weekday_before(MONDAY - timedelta(days=300))

    # A demo that has lost a stock is still the demo, and no other stocks.
    world.execute("DELETE FROM stocks WHERE ticker = (SELECT min(ticker) FROM stocks)")
    _load(demo, MONDAY)
    assert (_counts(world), _ids(world), _prices(world)) == (counts, ids, prices)
    assert _newest(world, "stock_daily_prices") == FRIDAY
    assert _newest(world, "filings") == filing + (FRIDAY - newest)


def _ids(world: World) -> set[Any]:
    return {row["id"] for row in world.rows("SELECT id FROM filings UNION ALL SELECT id FROM stock_daily_prices")}


def test_the_demo_on_the_same_day_changes_nothing(world: World, demo: Universe) -> None:
    query = "SELECT * FROM stock_daily_prices ORDER BY id"
    _load(demo, MONDAY)
    before = world.rows(query)
    _load(demo, MONDAY)
    assert world.rows(query) == before


def test_the_demos_own_files_can_be_imported_over_it(
    world: World, demo: Universe, small_demo: Path, tmp_path: Path
) -> None:
    _load(demo, MONDAY)
    for table, count in (("stocks", SMALL), ("stock_daily_prices", 60)):
        lines = (small_demo / f"{table}.csv").read_text().splitlines()[: count + 1]
        (tmp_path / f"{table}.csv").write_text("\n".join(lines) + "\n")
    before = _counts(world)
    command = ["stocks", "import", str(tmp_path)]
    refused = world.app.test_cli_runner().invoke(args=command)
    assert refused.exit_code == 1
    assert f"There are {SMALL} stocks here already, some of them from `stocks demo`; with --mix" in refused.output
    assert _newest(world, "stock_daily_prices") == FRIDAY
    result = world.app.test_cli_runner().invoke(args=[*command, "--mix"])
    assert result.exit_code == 0, result.output
    assert _counts(world) == before
    moved = world.rows("SELECT count(*) AS count FROM stock_daily_prices WHERE date <= '2017-03-31'")
    assert moved == [{"count": 60}]


def test_the_demo_does_not_mix_with_other_stocks(world: World) -> None:
    tickers = world.generate(3)
    result = _demo(world)
    assert result.exit_code == 1
    assert "There are 3 stocks here already; the demo only goes into an empty database" in result.output
    assert world.tickers() == tickers


@pytest.mark.parametrize("count", [1, 3])
def test_if_empty_leaves_any_stocks_alone(world: World, count: int) -> None:
    tickers = world.generate(count)
    result = _demo(world, "--if-empty")
    assert (result.exit_code, result.output) == (0, f"There are {count} stocks.\n")
    assert world.tickers() == tickers


def test_the_demo_can_be_loaded_over_its_own_files(world: World, demo: Universe, small_demo: Path) -> None:
    for _ in range(2):
        result = world.app.test_cli_runner().invoke(args=["stocks", "import", str(small_demo)])
        assert result.exit_code == 0, result.output
    before = _counts(world)
    assert (before["stocks"], before["stock_daily_prices"]) == (SMALL, SMALL * 30)
    for today in (date(2017, 4, 5), MONDAY, date(2017, 4, 5)):  # days that the files have, and others
        _load(demo, today)
        assert _counts(world) == before
    _load(demo, MONDAY)
    assert _newest(world, "stock_daily_prices") == FRIDAY
