"""Texts and NULLs come out of the database as they went in, whatever characters they are made of."""

from datetime import datetime
from uuid import uuid4

import pytest

from tests.world import World
from vettr_cron.domain.errors import RowsRefused
from vettr_cron.models.tables import executives, red_flag_history
from vettr_cron.repositories.bulk import upsert, upsert_of_stocks

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901)
TEXTS = [
    "",
    " ",
    "null",
    "NULL",
    "plain",
    'a "quoted" word',
    "a back\\slash",
    '\\"',
    "\\\\n",
    "{a,b}",
    "}",
    ",",
    "two\nlines\tand a tab\r",
    "\x01\x1f\x7f",
    "é 日本 🚀 \u2028",
    "$1 %s %(a0)s :a0",
    "'; DROP TABLE stocks; --",
]


def row(text: str) -> dict[str, object]:
    about = {"stock_ticker": "A", "flag_type": "debt_trend", "severity": "Low", "score": 1}
    return {"id": uuid4(), **about, "description": text}


def descriptions(world: World) -> list[str]:
    return [found["description"] for found in world.rows("SELECT description FROM red_flag_history")]


@pytest.mark.parametrize("texts", [TEXTS, *([text] for text in TEXTS)], ids=ascii)
def test_a_text_is_kept_to_the_letter(world: World, texts: list[str]) -> None:
    with world.write() as connection:
        upsert(connection, red_flag_history, [row(text) for text in texts], shared={"detected_at": NOW})
    assert sorted(descriptions(world)) == sorted(texts)


@pytest.mark.parametrize("missing", [None, '["Acme \\"West\\" Inc.", "B\\\\C", "D\\nE"]'])
def test_null_among_texts_stays_null(world: World, missing: str | None) -> None:
    (ticker,) = world.generate(1)
    world.execute("DELETE FROM executives")
    people = [
        {"id": uuid4(), "ticker": ticker, "name": name, "title": "CEO", "years_at_company": 1.5, "education": education}
        for name, education in (("Ann", 'Ph.D. "hon.\\causa"'), ("Bob", missing), ("Eve", None))
    ]
    with world.write() as connection:
        upsert_of_stocks(connection, executives, people, ["id"])
    kept = {found["name"]: found["education"] for found in world.rows("SELECT name, education FROM executives")}
    assert kept == {"Ann": 'Ph.D. "hon.\\causa"', "Bob": missing, "Eve": None}


def test_a_zero_byte_is_refused_where_the_database_cannot_keep_it(postgres_world: World) -> None:
    with postgres_world.write() as connection, pytest.raises(RowsRefused, match="red_flag_history"):
        upsert(connection, red_flag_history, [row("a\x00b")], shared={"detected_at": NOW})
