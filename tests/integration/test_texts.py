"""Texts and NULLs come out of the database as they went in, whatever characters they are made of."""

import sqlite3
from datetime import datetime
from uuid import uuid4

import pytest
from sqlalchemy import Connection, select

from tests.world import World
from vettr_cron.domain.errors import RowsRefused
from vettr_cron.models.tables import executives, red_flag_history
from vettr_cron.repositories import input_rows
from vettr_cron.repositories.bulk import upsert

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


def write(connection: Connection, rows: list[dict[str, object]]) -> None:
    upsert(connection, red_flag_history, rows, shared={"detected_at": NOW})


def kept(connection: Connection) -> dict[object, str]:
    found = connection.execute(select(red_flag_history.c.id, red_flag_history.c.description)).all()
    return {row.id: row.description for row in found}


@pytest.mark.parametrize("texts", [TEXTS, *([text] for text in TEXTS)], ids=ascii)
def test_a_text_is_kept_to_the_letter(world: World, texts: list[str]) -> None:
    rows = [row(text) for text in texts]
    with world.write() as connection:
        write(connection, rows)
        assert kept(connection) == {each["id"]: each["description"] for each in rows}


@pytest.mark.parametrize("education", ["Ph.D.", 'Ph.D. "hon.\\causa"'])
def test_null_among_texts_stays_null(world: World, education: str) -> None:
    assert people(world, "education", [education, None, ""]) == [education, None, ""]


@pytest.mark.parametrize(
    "companies", [["Acme"], ['Acme "West" Inc.', "B\\C", "D\nE\x01", "null", "é"], [], [""]], ids=ascii
)
def test_a_list_of_texts_comes_back_as_it_was(world: World, companies: list[str]) -> None:
    assert people(world, "previous_companies", [companies, None, ["Other"]]) == [companies, None, ["Other"]]


def people(world: World, column: str, values: list[object]) -> list[object]:
    """The column's values of executives that were written with these values, one each."""
    (ticker,) = world.generate(1)
    world.execute("DELETE FROM executives")
    common = {"ticker": ticker, "title": "CEO", "years_at_company": 1.5}
    rows = [{"id": uuid4(), **common, "name": f"{n}", column: value} for n, value in enumerate(values)]
    with world.write() as connection:
        input_rows.write(connection, "executives", rows)
        return list(connection.execute(select(executives.c[column]).order_by(executives.c.name)).scalars())


def test_a_zero_byte_is_refused_where_the_database_cannot_keep_it(postgres_world: World) -> None:
    sound = row("sound")
    with postgres_world.write() as connection:
        with pytest.raises(RowsRefused, match=r"^red_flag_history: .*NUL"), connection.begin_nested():
            write(connection, [row("a\x00b")])
        write(connection, [sound])
        assert kept(connection) == {sound["id"]: "sound"}


def test_a_text_too_big_for_the_database_is_refused(sqlite_world: World) -> None:
    sound = row("sound")
    with sqlite_world.write() as connection:
        driver: sqlite3.Connection = connection.connection.driver_connection
        before = driver.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 10_000)
        try:
            with pytest.raises(RowsRefused, match=r"^red_flag_history: .*too big"), connection.begin_nested():
                write(connection, [row("x" * 20_000)])
            write(connection, [sound])
            assert kept(connection) == {sound["id"]: "sound"}
        finally:
            driver.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, before)
