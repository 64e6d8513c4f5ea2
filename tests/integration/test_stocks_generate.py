"""flask stocks generate: a made-up universe of any size, which every job can work with."""

from datetime import timedelta
from typing import Any

from click.testing import Result

from tests.world import TODAY, World

TABLES = (
    *("stocks", "executives", "filings", "financial_data", "financial_summary", "short_interest"),
    *("analyst_consensus", "insider_transactions", "stock_daily_prices"),
)


def _generate(world: World, *options: str) -> Result:
    return world.app.test_cli_runner().invoke(args=["stocks", "generate", *options])


def _contents(world: World) -> dict[str, list[Any]]:
    """All rows by table, but for when they were created."""
    stamps = {"created_at", "updated_at"}
    return {
        table: sorted(
            ({name: value for name, value in row.items() if name not in stamps} for row in world.table(table)),
            key=lambda row: str(row["id"]),
        )
        for table in TABLES
    }


def test_a_universe_of_300_is_refreshed_without_a_failure(world: World) -> None:
    result = _generate(world, "--count", "300", "--seed", "7")
    assert (result.exit_code, result.output) == (0, "Generated 300 stocks with seed 7.\n")
    assert {table: len(rows) >= 300 for table, rows in _contents(world).items()} == dict.fromkeys(TABLES, True)
    data = world.data("refresh-all?chunks=all")
    for job in ("scores", "red_flags"):
        assert (data[job]["succeeded"], data[job]["failed"]) == (300, 0)


def test_the_same_seed_again_adds_nothing(world: World) -> None:
    assert _generate(world, "--count", "30", "--seed", "7").exit_code == 0
    before = _contents(world)
    assert _generate(world, "--count", "30", "--seed", "7", "--add").exit_code == 0
    assert _contents(world) == before


def test_more_of_the_same_seed_leaves_the_first_as_they_are(world: World) -> None:
    assert _generate(world, "--count", "10", "--seed", "7").exit_code == 0
    before = _contents(world)
    assert _generate(world, "--count", "25", "--seed", "7", "--add").exit_code == 0
    after = _contents(world)
    assert len(after["stocks"]) == 25
    assert {table: [row for row in after[table] if row in rows] for table, rows in before.items()} == before


def test_the_universe_of_another_day_is_the_same_rows_with_newer_prices(world: World) -> None:
    generate = world.services.universe.generate
    generate(20, 7, TODAY, add=False, written=lambda _: None)
    before = _contents(world)
    for days in (1, 8, 3):
        generate(20, 7, TODAY + timedelta(days=days), add=True, written=lambda _: None)
        after = _contents(world)
        assert {table: len(rows) for table, rows in after.items()} == {
            table: len(rows) for table, rows in before.items()
        }
        assert {row["id"] for rows in after.values() for row in rows} == {
            row["id"] for rows in before.values() for row in rows
        }
        last = TODAY + timedelta(days=days - 1)
        while last.isoweekday() > 5:
            last -= timedelta(days=1)
        assert max(row["date"] for row in after["stock_daily_prices"]) == last
        assert world.rows("SELECT count(DISTINCT date) AS days FROM stock_daily_prices") == [{"days": 30}]


def test_made_up_stocks_do_not_mix_with_others_unasked(world: World) -> None:
    tickers = world.generate(3)
    before = _contents(world)
    result = _generate(world, "--count", "5", "--seed", "7")
    assert result.exit_code == 1
    assert "There are 3 stocks here already" in result.output
    assert "--add" in result.output
    assert _contents(world) == before
    assert world.tickers() == tickers


def test_made_up_stocks_join_others_when_asked(world: World) -> None:
    world.add("stocks", {"ticker": "REAL", "name": "Real Inc.", "exchange": "NYSE", "sector": "Gold"})
    assert _generate(world, "--count", "5", "--add").exit_code == 0
    assert len(world.tickers()) == 6
    assert "REAL" in world.tickers()


def test_more_than_one_transaction_takes(sqlite_world: World) -> None:
    told: list[int] = []
    sqlite_world.services.universe.generate(1_200, 7, TODAY, add=False, written=told.append)
    assert told == [500, 500, 200]
    assert len(sqlite_world.tickers()) == 1_200


def test_an_invalid_count_is_wrong_usage(sqlite_world: World) -> None:
    for count in ("0", "-1", "many", "10000001"):
        assert _generate(sqlite_world, "--count", count).exit_code == 2
    assert _generate(sqlite_world).exit_code == 2
    assert sqlite_world.tickers() == []
