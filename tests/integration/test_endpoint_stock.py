"""GET /v1/cron/stocks/<ticker>: everything about one stock."""

from contextlib import closing
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any, NoReturn
from urllib.parse import quote
from uuid import uuid4

import orjson
import pytest

from tests.integration.bare_stocks import add_stocks, everything
from tests.integration.policies import as_role, secure
from tests.integration.replies import error_of
from tests.integration.shown_stocks import add, found, one
from tests.integration.statements import recorded_statements
from tests.jobs import THE_TWO
from tests.world import World

NOW = datetime(2026, 11, 23, 12)
KEYS = {"scores": "vetr_score", "red_flags": "red_flags"}
TIMES = {"scores": "calculated_at", "red_flags": "detected_at"}
FEW_STATEMENTS = 5  # the stock, its states, snapshots, flags and inputs
STATEMENTS_TO_COMPUTE = 15


def answers(world: World, ticker: str) -> dict[str, Any]:
    return {key: job["answer"] for key, job in one(world, ticker)["jobs"].items()}


@pytest.fixture
def duplicated(world: World) -> World:
    """A table that lets a ticker exist twice, as one without the unique key does."""
    if world.database_url.startswith("postgresql"):
        world.execute("ALTER TABLE stocks DROP CONSTRAINT stocks_ticker_key")
    else:
        world.execute("CREATE TABLE copied AS SELECT * FROM stocks")
        world.execute("DROP TABLE stocks")
        world.execute("ALTER TABLE copied RENAME TO stocks")
    return world


# Its row and how the jobs fared


def test_texts_that_the_table_lacks_are_null(duplicated: World) -> None:
    add_stocks(duplicated, 2)
    if duplicated.database_url.startswith("postgresql"):
        for column in ("name", "exchange", "sector"):
            duplicated.execute(f"ALTER TABLE stocks ALTER {column} DROP NOT NULL")
    duplicated.execute("UPDATE stocks SET name = NULL, exchange = NULL, sector = NULL WHERE ticker = 'T00001'")
    shown = one(duplicated, "T00001")
    assert [shown[field] for field in ("name", "exchange", "sector")] == [None] * 3
    assert [stock["name"] is None for stock in duplicated.data("stocks?search=T0")["stocks"]] == [False, True]


def test_a_stock_has_its_row(world: World) -> None:
    add(world, ("ABC", "Alpha"), price=1.5, market_cap=1e6, vetr_score=61)
    shown = one(world, "ABC")
    row = {name: shown[name] for name in ("ticker", "name", "exchange", "sector", "price", "market_cap", "vetr_score")}
    assert row == {
        "ticker": "ABC",
        "name": "Alpha",
        "exchange": "TSX",
        "sector": "Mining",
        "price": 1.5,
        "market_cap": 1e6,
        "vetr_score": 61,
    }
    assert shown.keys() - row.keys() == {"jobs", "scores", "red_flags", "inputs"}


@pytest.mark.parametrize("figure", ["NaN", "Infinity"])
def test_a_figure_that_is_not_finite_is_null(postgres_world: World, figure: str) -> None:
    add(postgres_world, ("ABC", "Alpha"))
    postgres_world.execute(f"UPDATE stocks SET price = '{figure}', market_cap = '{figure}'")
    shown = one(postgres_world, "ABC")
    assert (shown["price"], shown["market_cap"]) == (None, None)


def test_values_that_another_program_left_in_sqlite_do_no_harm(sqlite_world: World) -> None:
    add(sqlite_world, ("ABC", "Alpha"))
    sqlite_world.data("refresh-all")
    sqlite_world.execute("UPDATE stocks SET price = 'much', vetr_score = 'x', name = x'416cff'")
    sqlite_world.execute("UPDATE vetr_score_snapshots SET overall_score = 'x', recorded_at = 'soon', price = x'00'")
    sqlite_world.execute("UPDATE red_flag_history SET score = 'x', detected_at = 'soon', severity = x'ff'")
    shown = one(sqlite_world, "ABC")
    assert (shown["price"], shown["vetr_score"], shown["name"]) == (None, None, "Al\ufffd")
    (score,) = shown["scores"]
    assert (score["at"], score["score"], score["price"]) == ("soon", None, None)
    (detection,) = shown["red_flags"]
    assert (detection["at"], len(detection["flags"])) == ("soon", 5)
    assert [stock["name"] for stock in sqlite_world.data("stocks?search=ABC")["stocks"]] == ["Al\ufffd"]


def test_each_job_tells_how_it_last_fared_as_in_coverage(world: World) -> None:
    add_stocks(world, 20, unscorable=1)
    assert {job["freshness"] for job in one(world, "T00000")["jobs"].values()} == {"never"}
    world.data("refresh-all")
    jobs = one(world, "T00000")["jobs"]
    (failing,) = world.data("failures?job=scores")["scores"]["stocks"]
    (fresh, *_) = world.data("coverage?job=red-flags&stocks=fresh")["page"]["stocks"]
    assert {**jobs["scores"], "answer": 0} == {**failing, "freshness": "never", "answer": 0}
    assert {**jobs["red_flags"], "answer": 0} == {**fresh, "freshness": "fresh", "answer": 0}
    world.execute("UPDATE cron_stock_states SET last_refreshed_at = '2026-01-02 03:04:05.000000'")
    assert one(world, "T00001")["jobs"]["scores"]["freshness"] == "stale"


# Its answers


def test_answers_are_those_in_redis(world: World) -> None:
    add_stocks(world, 2)
    world.data("refresh-all")
    for key, answer in answers(world, "T00001").items():
        kept = orjson.loads(world.redis.get(f"{KEYS[key]}:T00001") or "")
        assert answer == {"source": "cached", "value": kept, "error": None}


def test_an_answer_that_redis_lacks_is_computed_and_nothing_is_written(world: World) -> None:
    (ticker, *_) = world.generate(3)
    world.data("refresh-all")
    cached = answers(world, ticker)
    world.redis.delete(*(f"{key}:{ticker}" for key in KEYS.values()))
    before = everything(world)
    for key, answer in answers(world, ticker).items():
        assert (answer["source"], answer["error"]) == ("computed", None)
        assert answer["value"] == {**cached[key]["value"], TIMES[key]: answer["value"][TIMES[key]]}
        assert answer["value"][TIMES[key]] > cached[key]["value"][TIMES[key]]
    assert everything(world) == before


@pytest.mark.parametrize("left", ["", "{", "null", "NaN", '{"a": NaN}', "[" * 300 + "]" * 300, b"\xff", '"\\ud800"'])
def test_what_is_not_json_counts_as_none(sqlite_world: World, left: str | bytes) -> None:
    add_stocks(sqlite_world, 1)
    sqlite_world.redis.set("vetr_score:T00000", left)
    assert answers(sqlite_world, "T00000")["scores"]["source"] == "computed"


def test_another_kind_of_key_counts_as_none(sqlite_world: World) -> None:
    add_stocks(sqlite_world, 1)
    sqlite_world.redis.hset("vetr_score:T00000", "a", "b")
    assert answers(sqlite_world, "T00000")["scores"]["source"] == "computed"


@pytest.mark.parametrize("value", [{"any": ["thing", 1.5, None]}, [], 0, "text", 10**30, [[[]]] * 3])
def test_any_json_of_another_program_is_shown(sqlite_world: World, value: Any) -> None:
    add_stocks(sqlite_world, 1)
    text = str(value) if isinstance(value, int) else orjson.dumps(value)
    sqlite_world.redis.set("red_flags:T00000", text)
    assert answers(sqlite_world, "T00000")["red_flags"] == {"source": "cached", "value": value, "error": None}


def test_an_answer_that_cannot_be_computed_says_why_as_a_run_does(world: World) -> None:
    add_stocks(world, 20, unscorable=1, unflaggable=1)
    for key, answer in answers(world, "T00000").items():
        assert (answer["source"], answer["value"]) == ("computed", None)
        failures = world.data(key.replace("_", "-"))["failures"]
        assert failures == [{"ticker": "T00000", "error": answer["error"]}]


def test_inputs_that_the_database_cannot_read_are_told_as_a_run_tells_them(postgres_world: World) -> None:
    world = postgres_world
    add_stocks(world, 20)
    world.execute("ALTER TABLE filings RENAME TO kept_filings")
    world.execute(
        "CREATE VIEW filings AS SELECT k.id, k.stock_id, k.type, k.title, k.summary, k.is_material, k.source_url,"
        " k.created_at, k.date + make_interval(days => 1 / length(k.summary)) AS date FROM kept_filings k"
    )
    world.execute(
        "INSERT INTO kept_filings (id, stock_id, type, title, date, summary)"
        " SELECT gen_random_uuid(), id, 'News', 'News', now(), '' FROM stocks WHERE ticker = 'T00000'"
    )
    shown = one(world, "T00000")
    assert shown["inputs"] is None
    error = shown["jobs"]["red_flags"]["answer"]["error"]
    assert "division by zero" in error
    assert world.data("red-flags")["failures"] == [{"ticker": "T00000", "error": error}]
    assert one(world, "T00001")["jobs"]["red_flags"]["answer"]["error"] is None


@pytest.mark.parametrize("part", ["load", "evaluate", "answer"])
def test_a_bug_in_a_job_is_told_without_internals(sqlite_world: World, part: str) -> None:
    add_stocks(sqlite_world, 1)

    def broken(*_given: Any) -> NoReturn:
        raise KeyError("secret")

    bug: dict[str, Any] = {part: broken}
    jobs = {**THE_TWO, "scores": replace(THE_TWO["scores"], **bug)}
    with closing(World.with_jobs(jobs, sqlite_world.database_url, sqlite_world.redis_url)) as world:
        answer = answers(world, "T00000")["scores"]
    assert answer == {
        "source": "computed",
        "value": None,
        "error": "unexpected KeyError; the log has the details",
    }


def test_a_ticker_that_exists_twice_is_shown_and_told(duplicated: World) -> None:
    add(duplicated, ("ABC", "Alpha"), ("ABC", "Beta"))
    assert found(duplicated, "ABC") == ["ABC", "ABC"]
    shown = one(duplicated, "ABC")
    assert shown["name"] in ("Alpha", "Beta")
    for job in shown["jobs"].values():
        assert job["answer"]["error"].startswith("stocks.ticker exists 2 times")


# Its results over time


def test_scores_are_the_daily_snapshots_newest_first(world: World) -> None:
    add_stocks(world, 2)
    pillars = {
        "financial_survival": 1,
        "operational_efficiency": 2,
        "shareholder_structure": 3,
        "market_sentiment": 4,
    }
    columns = {f"{name}_score": value for name, value in pillars.items()}
    midnight = datetime(2026, 11, 23)
    rows = [
        {
            "id": uuid4(),
            "stock_ticker": ticker,
            "overall_score": day % 100,
            "price": day / 2,
            "recorded_at": midnight - timedelta(days=day),
            **columns,
        }
        for day in range(205)
        for ticker in ("T00000", "T00001")
    ]
    world.add("vetr_score_snapshots", *rows)
    scores = one(world, "T00000")["scores"]
    assert len(scores) == 200
    assert scores[0] == {"at": "2026-11-23T00:00:00.000Z", "score": 0, "price": 0.0, **pillars}
    assert [score["price"] for score in scores] == [day / 2 for day in range(200)]


def flag(ticker: str, at: datetime, score: float, kind: str = "debt_trend") -> dict[str, Any]:
    about = {"flag_type": kind, "severity": "Low", "description": "d"}
    return {"id": uuid4(), "stock_ticker": ticker, "score": score, "detected_at": at, **about}


def test_red_flags_are_the_last_detections_newest_first(world: World) -> None:
    add_stocks(world, 2)
    kinds = ["a", "b", "c", "d", "e", "f", "g"]
    rows = [
        flag(ticker, NOW - timedelta(hours=hour), number, kind)
        for hour in range(65)
        for number, kind in enumerate(kinds)
        for ticker in ("T00000", "T00001")
    ]
    world.add("red_flag_history", *rows)
    detections = one(world, "T00000")["red_flags"]
    assert len(detections) == 60
    assert detections[0]["at"] == "2026-11-23T12:00:00.000Z"
    assert [each["at"] for each in detections] == sorted((each["at"] for each in detections), reverse=True)
    for detection in detections:
        assert [each["flag_type"] for each in detection["flags"]] == kinds[::-1]
        assert detection["flags"][0] == {"flag_type": "g", "severity": "Low", "score": 6}


def test_detections_have_a_bounded_number_of_flags(world: World) -> None:
    add_stocks(world, 1)
    world.add("red_flag_history", *(flag("T00000", NOW, number % 100) for number in range(700)))
    (detection,) = one(world, "T00000")["red_flags"]
    assert len(detection["flags"]) == 600


# Its inputs


def test_inputs_tell_how_many_rows_there_are_and_how_new(world: World) -> None:
    add_stocks(world, 2)
    ids = {row["ticker"]: row["id"] for row in world.table("stocks")}
    for ticker, first, days in (("T00000", NOW, 3), ("T00001", NOW + timedelta(days=9), 2)):
        of = {"stock_id": ids[ticker]}
        ages = [timedelta(days=day) for day in range(days)]
        world.add("filings", *({**of, "type": "News", "title": "News", "date": first - age} for age in ages))
        world.add("executives", {**of, "name": "Ann", "title": "CEO", "years_at_company": 1, "updated_at": first})
        world.add("insider_transactions", *({**of, "filer_name": "A", "transaction_date": first - age} for age in ages))
        world.add("stock_daily_prices", *({**of, "ticker": ticker, "date": (first - age).date()} for age in ages))
        late = NOW + timedelta(days=99)
        world.add("short_interest", {**of, "report_date": late, "created_at": late, "updated_at": first})
    # The rules find prices by ticker, whichever stock's id they have.
    world.add("stock_daily_prices", {"stock_id": ids["T00001"], "ticker": "T00000", "date": date(2020, 1, 2)})
    inputs = {each["table"]: (each["rows"], each["newest"]) for each in one(world, "T00000")["inputs"]}
    assert inputs == {
        "financial_data": (0, None),
        "financial_summary": (0, None),
        "short_interest": (1, "2026-11-23T12:00:00.000Z"),
        "analyst_consensus": (0, None),
        "executives": (1, "2026-11-23T12:00:00.000Z"),
        "filings": (3, "2026-11-23T12:00:00.000Z"),
        "insider_transactions": (3, "2026-11-23T12:00:00.000Z"),
        "stock_daily_prices": (4, "2026-11-23T00:00:00.000Z"),
    }


def test_a_time_that_is_none_is_shown_as_it_is_stored(world: World) -> None:
    (ticker, *_) = world.generate(2)
    strange = "infinity" if world.database_url.startswith("postgresql") else "soon"
    world.execute(f"UPDATE filings SET date = '{strange}'")
    world.execute(
        f"UPDATE stock_daily_prices SET date = '{strange}' WHERE date = (SELECT max(date) FROM stock_daily_prices)"
    )
    inputs = {each["table"]: each["newest"] for each in one(world, ticker)["inputs"]}
    assert (inputs["filings"], inputs["stock_daily_prices"]) == (strange, strange)


def test_a_time_with_an_offset_in_sqlite_is_the_time_that_it_says(sqlite_world: World) -> None:
    (ticker, *_) = sqlite_world.generate(1)
    sqlite_world.execute("UPDATE filings SET date = '2026-11-23T14:00:00+02:00'")
    inputs = {each["table"]: each["newest"] for each in one(sqlite_world, ticker)["inputs"]}
    assert inputs["filings"] == "2026-11-23T12:00:00.000Z"


# Which stock it is, and what it takes


@pytest.mark.parametrize("ticker", ["A/B", "A B", "A%2FB", "Ä株🚀", "A?B#C", "..", "a\tb", "'; DROP TABLE stocks; --"])
def test_a_ticker_is_taken_as_it_is(world: World, ticker: str) -> None:
    if world.database_url.startswith("postgresql"):
        world.execute("ALTER TABLE stocks ALTER ticker TYPE text")
    add(world, (ticker, "Alpha"))
    assert one(world, ticker)["ticker"] == ticker
    assert world.data(f"stocks/{quote(ticker, safe='')}/")["ticker"] == ticker


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("NOPE", "NOPE"),
        ("t00000", "t00000"),
        ("T00000%20", "T00000 "),
        ("A/B", "A/B"),
        ("T00000%00", "T00000\\x00"),
        ("%FF", "\ufffd"),
        ("%E2%80%AE", "\\u202e"),
        ("x" * 5000, "x" * 60 + "..."),
        ("%25", "%"),
    ],
)
def test_an_unknown_ticker_is_named_with_what_to_do(world: World, path: str, named: str) -> None:
    add_stocks(world, 1)
    message = error_of(world.call(f"stocks/{path}"), 404, "NOT_FOUND")["message"]
    assert message.startswith(f"There is no stock with the ticker '{named}'")
    assert "/v1/cron/stocks?search=" in message


@pytest.mark.parametrize("table", ["filings", "red_flag_history", "vetr_score_snapshots"])
def test_row_security_on_what_is_shown_of_a_stock_is_told(postgres_world: World, table: str) -> None:
    add_stocks(postgres_world, 1)
    secure(postgres_world, table)
    with as_role(postgres_world) as world:
        error = error_of(world.call("stocks/T00000"), 503, "SERVICE_UNAVAILABLE")
        assert f"Row security may hide rows of {table}" in error["message"]


def test_a_stock_takes_few_statements_however_much_there_is_of_it(world: World) -> None:
    (ticker, *_) = world.generate(3)
    counts = []
    for more in (0, 200):
        world.add("red_flag_history", *(flag(ticker, NOW - timedelta(hours=hour), 1) for hour in range(more)))
        world.data("refresh-all")
        with recorded_statements(world) as statements:
            one(world, ticker)
        counts.append(len(statements))
        world.redis.flushdb()
        with recorded_statements(world) as statements:
            one(world, ticker)
        counts.append(len(statements))
    assert counts[:2] == counts[2:]
    assert counts[0] == FEW_STATEMENTS
    assert counts[1] <= STATEMENTS_TO_COMPUTE
