"""Ids that derive from content: the same rows have the same ids, and different rows different ones."""

import uuid
from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from vettr_cron.datasets.importable import TABLES
from vettr_cron.datasets.row_ids import NAMESPACE, RowIds, numbered_ids, row_id, stock_id

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


def test_a_published_id_never_changes() -> None:
    assert str(stock_id("AAA")) == "8df65966-cf82-517b-ade3-4197052bfd3f"


@given(texts, st.lists(texts))
def test_an_id_is_the_uuid5_of_table_and_key(table: str, key: list[str]) -> None:
    assert row_id(table, *key) == uuid.uuid5(NAMESPACE, "\0".join([table, *key]))


@given(texts, texts, st.integers(0, 10**6))
def test_numbered_ids_are_the_same_ids(table: str, ticker: str, place: int) -> None:
    assert numbered_ids(table, ticker)(place) == row_id(table, ticker, place)


def test_a_text_that_moves_from_one_column_to_the_next_makes_another_row() -> None:
    assert row_id("executives", "AAA", "Ann Lee", "") != row_id("executives", "AAA", "Ann", "Lee")


def test_equal_rows_have_ids_of_their_own() -> None:
    filing: dict[str, object] = {"ticker": "AAA", "type": "10-K", "title": "T", "date": datetime(2017, 3, 31)}
    other = filing | {"ticker": "BBB"}
    together, alone = RowIds(TABLES["filings"]), RowIds(TABLES["filings"])
    mixed = [together.by_ticker(row) for row in (filing, other, filing, other, filing)]
    assert mixed[::2] == [alone.by_ticker(filing) for _ in range(3)]
    assert len(set(mixed)) == 5


def test_only_the_key_changes_the_id() -> None:
    day: dict[str, object] = {"ticker": "AAA", "date": datetime(2017, 3, 31).date()}
    ids = RowIds(TABLES["stock_daily_prices"])
    assert (
        ids.by_ticker(day | {"close": 1.0})
        == ids.by_ticker(day | {"close": 2.0})
        == row_id("stock_daily_prices", *day.values())
    )


def test_a_missing_column_and_an_empty_one_are_the_same() -> None:
    sale: dict[str, object] = {"ticker": "AAA", "filer_name": "ANN", "transaction_date": datetime(2017, 3, 31)}
    table = TABLES["insider_transactions"]
    assert RowIds(table).by_ticker(sale) == RowIds(table).by_ticker(sale | {"value": None})


def test_an_id_by_stock_stays_when_the_ticker_changes() -> None:
    stock = uuid.UUID(int=7)
    table = TABLES["filings"]
    before: dict[str, object] = {"ticker": "FB", "type": "10-K", "title": "T", "date": datetime(2017, 3, 31)}
    rows = (before, before | {"ticker": "META"})
    (own, by_ticker, _), (own_later, by_ticker_later, _) = (RowIds(table).by_stock(row, stock) for row in rows)
    assert own == own_later != by_ticker
    assert (by_ticker, by_ticker_later) == tuple(RowIds(table).by_ticker(row) for row in rows)


def test_of_equal_rows_of_a_stock_each_has_its_own_id() -> None:
    ids, filing = RowIds(TABLES["filings"]), {"ticker": "AAA", "type": "10-K", "title": "T", "date": "2017-03-31"}
    triples = [ids.by_stock(filing, uuid.UUID(int=7)) for _ in range(3)]
    assert len({each for *pair, _ in triples for each in pair}) == 6
    assert [occurrence for *_, occurrence in triples] == [0, 1, 2]
