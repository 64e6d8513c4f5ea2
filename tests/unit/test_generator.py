"""The generator: the same seed gives the same rows, on any day and in pieces of any size."""

import csv
import json
from datetime import date, timedelta
from itertools import islice
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.generated import TODAY, universe
from vettr_cron.datasets.csv_files import check_folder, read_table
from vettr_cron.datasets.demo import FOLDER
from vettr_cron.datasets.fiction.tickers import CAPACITY, listing
from vettr_cron.datasets.generator import pieces
from vettr_cron.datasets.importable import TABLES
from vettr_cron.datasets.row_ids import stock_id


def test_the_same_seed_and_day_give_the_same_universe() -> None:
    assert universe(40) == universe(40)


def test_another_seed_gives_other_figures_for_the_same_tickers() -> None:
    one, other = universe(40, seed=1)["stocks"], universe(40, seed=2)["stocks"]
    assert [row["id"] for row in one] == [row["id"] for row in other]
    assert all(
        mine["name"] != yours["name"] or mine["price"] != yours["price"] for mine, yours in zip(one, other, strict=True)
    )


@settings(max_examples=10)
@given(st.integers(0, 60), st.integers(1, 70))
def test_a_larger_universe_begins_with_the_smaller_whatever_the_pieces(count: int, size: int) -> None:
    smaller, larger = universe(count, size=size), universe(60)
    for table, rows in smaller.items():
        assert larger[table][: len(rows)] == rows
    assert len(smaller["stocks"]) == count


def test_it_comes_in_pieces_of_the_size_asked_for() -> None:
    assert [len(piece["stocks"]) for piece in pieces(25, 1, TODAY, size=10)] == [10, 10, 5]


def test_a_piece_is_ready_before_the_next_is_made() -> None:
    (first,) = islice(pieces(CAPACITY, 1, TODAY, size=3), 1)
    assert len(first["stocks"]) == 3


def test_there_are_no_more_stocks_than_tickers() -> None:
    with pytest.raises(ValueError, match=f"count is {CAPACITY + 1}; it can be from 0 to {CAPACITY}"):
        next(pieces(CAPACITY + 1, 1, TODAY))


def test_a_million_tickers_are_unique_short_and_none_of_a_us_listing() -> None:
    tickers = {listing(number).ticker for number in range(1_000_000)}
    assert len(tickers) == 1_000_000
    assert max(map(len, tickers)) <= 10
    assert all(len(ticker) == 5 and ticker.endswith(("F", "Y")) for ticker in tickers if "." not in ticker)
    assert not tickers & {str(row["ticker"]) for row in read_table(FOLDER, "stocks")}


def test_the_last_tickers_are_as_good_as_the_first() -> None:
    tickers = {listing(number).ticker for number in range(CAPACITY - 50_000, CAPACITY)}
    assert len(tickers) == 50_000
    assert not tickers & {listing(number).ticker for number in range(500_000)}


def test_every_row_names_every_importable_column_but_the_times_of_writing() -> None:
    for name, rows in universe(20).items():
        columns = {column.name for column in TABLES[name].columns} - {"created_at", "updated_at"}
        assert all(row.keys() == columns | {"id"} for row in rows)


def test_written_to_csv_it_is_a_folder_without_mistakes(tmp_path: Path) -> None:
    made = universe(50)
    for table, rows in made.items():
        with (tmp_path / f"{table}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, [name for name in rows[0] if name != "id"], extrasaction="ignore")
            writer.writeheader()
            writer.writerows(
                {name: json.dumps(value) if isinstance(value, list) else value for name, value in row.items()}
                for row in rows
            )
    summary = check_folder(tmp_path, known_tickers=lambda _: set())
    assert summary.rows == {table: len(rows) for table, rows in made.items()}
    for table, rows in made.items():
        read = [{name: value for name, value in row.items() if name != "id"} for row in read_table(tmp_path, table)]
        assert read == [{name: row[name] for name in read[0]} for row in rows]


def test_ids_are_unique_and_stocks_have_those_of_an_import() -> None:
    made = universe(100)
    ids = [row["id"] for rows in made.values() for row in rows]
    assert all(isinstance(each, UUID) for each in ids)
    assert len(set(ids)) == len(ids)
    assert all(row["id"] == stock_id(str(row["ticker"])) for row in made["stocks"])


@pytest.mark.parametrize("later", [1, 3, 7, 30, 45, 1000])
def test_another_days_universe_is_the_same_rows(later: int) -> None:
    now, then = universe(20), universe(20, today=TODAY + timedelta(days=later))
    for table in TABLES:
        assert {row["id"] for row in now[table]} == {row["id"] for row in then[table]}


@pytest.mark.parametrize("later", [1, 3, 7, 30, 45, 1000])
def test_no_price_moves_to_a_day_that_another_row_still_has(later: int) -> None:
    def rows_by_day(today: date) -> dict[tuple[object, object], object]:
        return {(row["ticker"], row["date"]): row["id"] for row in universe(3, today=today)["stock_daily_prices"]}

    now, then = rows_by_day(TODAY), rows_by_day(TODAY + timedelta(days=later))
    assert all(then[day] == now[day] for day in then.keys() & now.keys())
