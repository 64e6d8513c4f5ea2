"""GET /v1/cron/stocks: find stocks; and what it has in common with /v1/cron/stocks/<ticker>."""

from contextlib import closing
from urllib.parse import quote

import pytest

from tests.integration.bare_stocks import add_stocks
from tests.integration.policies import as_role, secure
from tests.integration.replies import error_of, invalid_parameters_of
from tests.integration.shown_stocks import add, found, one
from tests.integration.statements import recorded_statements
from tests.world import World

RIGHT_TO_LEFT = "\u05e9\u05dc\u05d5\u05dd \u202eabc"
MARKUP = "<b>&amp;\"'</b>"


def test_the_exact_ticker_comes_first_then_tickers_then_names(world: World) -> None:
    add(world, ("ABC", "Zeta"), ("ABCD", "Yota"), ("ABA", "The abc company"), ("XAB", "Abcam"), ("QQ", "Other"))
    assert found(world, "ABC") == ["ABC", "ABCD", "ABA", "XAB"]
    assert found(world, "abc") == ["ABC", "ABCD", "ABA", "XAB"]
    assert found(world, "AB") == ["ABA", "ABC", "ABCD", "XAB"]
    assert found(world, "BC") == ["ABA", "XAB"]
    assert found(world, "nothing of the kind") == []


def test_a_ticker_in_the_given_case_comes_before_one_in_another(world: World) -> None:
    add(world, ("abc", "Small"), ("ABC", "Large"), ("ABCA", "Longer"))
    assert found(world, "abc", "&limit=2") == ["abc", "ABC"]
    assert found(world, "ABC", "&limit=2") == ["ABC", "abc"]
    assert set(found(world, "aBc", "&limit=2")) == {"abc", "ABC"}


def test_a_found_stock_has_what_tells_it_from_others(world: World) -> None:
    add(world, ("ABC", "Alpha"), vetr_score=61)
    (stock,) = world.data("stocks?search=alp")["stocks"]
    assert stock == {"ticker": "ABC", "name": "Alpha", "exchange": "TSX", "sector": "Mining", "vetr_score": 61}


@pytest.mark.parametrize("limit", [1, 19, 20, 25, 100])
def test_limit_bounds_the_reply(world: World, limit: int) -> None:
    tickers = add_stocks(world, 25)
    assert found(world, "company", f"&limit={limit}") == tickers[:limit]
    assert found(world, "T", f"&limit={limit}") == tickers[:limit]
    assert found(world, "T") == tickers[:20]


@pytest.mark.parametrize("character", ["%", "_", "\\", "/", "*", "?", "[", "]", "'", '"', "^", ".", "+"])
def test_every_character_stands_for_itself(world: World, character: str) -> None:
    add(world, (f"A{character}B", "One"), ("AXB", f"Two {character}2"), ("AB", "Three 2"))
    assert found(world, character) == ["AXB"]
    assert found(world, f"a{character}b") == [f"A{character}B"]


@pytest.mark.parametrize(
    ("name", "searches"),
    [
        ("Société Générale", ["société", "SOCIÉTÉ", "Société Générale", "é g"]),
        ("ÉCLAT", ["éclat", "Éclat", "ÉCLAT"]),
        ("Éclaté", ["éclaté", "ÉCLATÉ"]),
        ("ÉCLATÉ", ["éclaté", "Éclaté"]),
        ("Ёлка-Золото", ["ёлка", "золото", "ЗОЛОТО", "ёлка-золото"]),
        ("株式会社", ["株式", "会社"]),
    ],
)
def test_letters_beyond_ascii_are_found_in_any_usual_case(world: World, name: str, searches: list[str]) -> None:
    add(world, ("ABC", name), ("DEF", "Societe Generale, eclat, EclatE"))
    assert [found(world, search) for search in searches] == [["ABC"]] * len(searches)


@pytest.mark.parametrize("text", [MARKUP, RIGHT_TO_LEFT, "x" * 255, "lower", " "], ids=ascii)
def test_texts_are_returned_as_they_are(world: World, text: str) -> None:
    if world.database_url.startswith("postgresql"):
        world.execute("ALTER TABLE stocks ALTER ticker TYPE text")
    add(world, (text, f"{text[:254]}!"))
    (stock,) = world.data(f"stocks?search={quote(text[:100])}")["stocks"]
    assert (stock["ticker"], stock["name"]) == (text, f"{text[:254]}!")
    shown = one(world, text)
    assert (shown["ticker"], shown["name"]) == (text, f"{text[:254]}!")


@pytest.mark.parametrize(
    ("query", "name", "says"),
    [
        ("", "search", "is required; give text of 1 to 100 characters"),
        ("?limit=5", "search", "is required; give text of 1 to 100 characters"),
        ("?search=", "search", "'' is not allowed; use text of 1 to 100 characters"),
        (f"?search={'x' * 101}", "search", "is not allowed; use text of 1 to 100 characters"),
        ("?search=%00", "search", "use text of 1 to 100 characters"),
        ("?search=a&search=b", "search", "is given more than once"),
        ("?search=a&limit=0", "limit", "'0' is not allowed; use a whole number from 1 to 100"),
        ("?search=a&limit=101", "limit", "'101' is not allowed; use a whole number from 1 to 100"),
        ("?search=a&page=2", "page", "is not a parameter of this path; allowed: search, limit"),
        ("/T00000?search=a", "search", "is not a parameter of this path; allowed: none"),
    ],
)
def test_a_bad_parameter_is_named_with_what_it_may_be(sqlite_world: World, query: str, name: str, says: str) -> None:
    problems = invalid_parameters_of(sqlite_world.call(f"stocks{query}"))
    assert list(problems) == [name]
    assert says in problems[name]


def test_a_search_takes_one_statement(world: World) -> None:
    add_stocks(world, 3)
    with recorded_statements(world) as statements:
        found(world, "a")
    assert len(statements) == 1


# Of both paths


@pytest.mark.parametrize("path", ["stocks?search=T", "stocks/T00000"])
def test_without_a_server_it_is_503(world: World, path: str) -> None:
    add_stocks(world, 1)
    lonely = [World.make("postgresql://127.0.0.1:1/none", world.redis_url)]
    lonely += [World.make(world.database_url, "redis://127.0.0.1:1")] if "search" not in path else []
    for each in lonely:
        with closing(each):
            response = each.call(path)
            error_of(response, 503, "SERVICE_UNAVAILABLE")
            assert response.headers["Retry-After"]


@pytest.mark.parametrize("path", ["stocks?search=T", "stocks/T00000"])
def test_row_security_is_not_taken_for_missing_rows(postgres_world: World, path: str) -> None:
    add_stocks(postgres_world, 1)
    secure(postgres_world, "stocks")
    with as_role(postgres_world) as world:
        error = error_of(world.call(path), 503, "SERVICE_UNAVAILABLE")
        assert "Row security may hide rows of stocks" in error["message"]


@pytest.mark.parametrize("path", ["stocks?search=T", "stocks/T00000"])
def test_head_is_a_get_without_a_body_and_nothing_else_is_allowed(sqlite_world: World, path: str) -> None:
    add_stocks(sqlite_world, 1)
    response = sqlite_world.call(path, "HEAD")
    assert (response.status_code, response.get_data(), response.headers["Cache-Control"]) == (200, b"", "no-store")
    for method in ("POST", "DELETE"):
        error_of(sqlite_world.call(path, method), 405, "METHOD_NOT_ALLOWED")
