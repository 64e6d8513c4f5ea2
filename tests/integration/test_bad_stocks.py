"""One stock's trouble stays its own: it fails with a reason for a person, and all others are written."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.integration.outcomes import FLAGS, SCORES, check_failures, make_older, results
from tests.world import World
from vettr_cron.services.clock import utc_now

DEPTH = 10_000  # more levels than Python's parser takes, fewer than PostgreSQL's

_OF = "stock_id = (SELECT id FROM stocks WHERE ticker = :ticker)"
_LATEST = f"id = (SELECT id FROM filings WHERE {_OF} ORDER BY date DESC LIMIT 1)"


@dataclass(frozen=True, slots=True)
class Bad:
    """A way to spoil a stock of which all is known, and what each job that cannot do it any more says then."""

    does: str
    sql: str
    says: Mapping[str, str]
    value: object = None


def _companies(does: str, value: str, shown: str) -> Bad:
    says = rf"executives\.previous_companies is {shown}; a list of texts is needed"
    sql = f"UPDATE executives SET previous_companies = CAST(:value AS %JSON%) WHERE {_OF}"
    return Bad(does, sql, {SCORES: says}, value)


def _stock(does: str, column: str, value: str, says: Mapping[str, str]) -> Bad:
    return Bad(does, f"UPDATE stocks SET {column} = {value} WHERE ticker = :ticker", says)


def _row(does: str, table: str, column: str, value: str, says: Mapping[str, str]) -> Bad:
    return Bad(does, f"UPDATE {table} SET {column} = {value} WHERE {_OF}", says)


def _filing(does: str, value: str, shown: str) -> Bad:
    says = rf"filings\.date is {shown}; a timestamp without time zone is needed"
    return Bad(does, f"UPDATE filings SET date = {value} WHERE {_LATEST}", {SCORES: says, FLAGS: says})


def _not_finite(column: str, shown: str) -> str:
    return rf"{re.escape(column)} is {shown}; a finite number is needed"


_YEARS = "executives.years_at_company"
ON_BOTH = (
    _companies("an object for a list of companies", '{"Acme": 1}', r"\{'Acme': 1\}"),
    _companies("numbers for names of companies", "[1, 2]", r"\[1, 2\]"),
    _companies("lists for names of companies", "[[]]", r"\[\[\]\]"),
    _companies("a text for a list of companies", '"Acme"', "'Acme'"),
    _companies("companies nested without end", "[" * DEPTH + "]" * DEPTH, r".*\[\[\[.*"),
    _row(
        "a score beyond its column",
        "financial_data",
        "cash = -1e18, monthly_burn",
        "1",
        {SCORES: r"vetr_score_history\.financial_survival_score would be -\d{18,19}, which does not fit .*"},
    ),
    _row(
        "a score beyond every number",
        "financial_data",
        "cash = -1e308, monthly_burn",
        "1e-9",
        {SCORES: r".*cash_runway.* is -Infinity; a whole number is needed"},
    ),
)
ON_POSTGRESQL = (
    *ON_BOTH,
    _stock("a price of NaN", "price", "'NaN'", {SCORES: _not_finite("stocks.price", "NaN")}),
    _stock("an infinite price", "price", "'-Infinity'", {SCORES: _not_finite("stocks.price", "-Infinity")}),
    _stock("an infinite size", "market_cap", "'Infinity'", {FLAGS: _not_finite("stocks.market_cap", "Infinity")}),
    _row(
        *("cash of NaN", "financial_data", "cash", "'NaN'"),
        {SCORES: _not_finite("financial_data.cash", "NaN")},
    ),
    _row(
        *("a tenure of NaN", "executives", "years_at_company", "'NaN'"),
        {SCORES: _not_finite(_YEARS, "NaN"), FLAGS: _not_finite(_YEARS, "NaN")},
    ),
    _row(
        *("an infinite close", "stock_daily_prices", "close", "'Infinity'"),
        {SCORES: _not_finite("stock_daily_prices.close", "Infinity")},
    ),
    _row(
        *("a trade of NaN", "insider_transactions", "transaction_date = '2999-01-01', transaction_text = 'Buy', value"),
        "'NaN'",
        {SCORES: _not_finite("insider_transactions.value", "NaN")},
    ),
    _row(
        *("a trade in the infinite", "insider_transactions", "transaction_date", "'infinity'"),
        {SCORES: r"insider_transactions\.transaction_date is 'infinity'; .*"},
    ),
    _filing("a filing in the infinite", "'infinity'", "'infinity'"),
    _filing("a filing of the year 12000", "'12000-01-01 10:00'", "'12000-01-01 10:00:00'"),
    Bad(
        "nothing but filings of minus infinity",
        f"UPDATE filings SET date = '-infinity' WHERE {_OF}",
        {SCORES: r"filings\.date is '-infinity'; .*", FLAGS: r"filings\.date is '-infinity'; .*"},
    ),
)
ON_SQLITE = (
    *ON_BOTH,
    _companies("companies that are no JSON", "Acme, Beta", "'Acme, Beta'"),
    _stock("a price in words", "price", "'two'", {SCORES: _not_finite("stocks.price", "'two'")}),
    _stock("an infinite price", "price", "9e999", {SCORES: _not_finite("stocks.price", "Infinity")}),
    _stock("a size in words", "market_cap", "'big'", {FLAGS: _not_finite("stocks.market_cap", "'big'")}),
    _stock(
        "a sector of bytes", "sector", "x'ff00'", {SCORES: r"stocks\.sector is binary data \(2 B\); a text is needed"}
    ),
    _row(
        *("shares in words", "financial_data", "insider_shares", "'1 000'"),
        {SCORES: _not_finite("financial_data.insider_shares", "'1 000'")},
    ),
    _row(
        *("a tenure in words", "executives", "years_at_company", "'long'"),
        {SCORES: _not_finite(_YEARS, "'long'"), FLAGS: _not_finite(_YEARS, "'long'")},
    ),
    _row(
        *("a close in words", "stock_daily_prices", "close", "'n/a'"),
        {SCORES: _not_finite("stock_daily_prices.close", "'n/a'")},
    ),
    _row(
        *("a trade on no day", "insider_transactions", "transaction_date", "'soon'"),
        {SCORES: r"insider_transactions\.transaction_date is 'soon'; .*"},
    ),
    _filing("a filing on no day", "'yesterday'", "'yesterday'"),
    _filing("a filing in a time zone that nobody knows", "'2999-01-01 10:00:00+99:00'", ".*2999.*"),
    Bad(
        "a title of bytes",
        f"UPDATE filings SET title = x'ff', date = '2999-01-01 00:00:00.000000' WHERE {_LATEST}",
        {FLAGS: r"filings\.title is binary data \(1 B\); a text is needed"},
    ),
)


def _universe(world: World, bad: Sequence[Bad]) -> dict[str, Bad]:
    """Stocks that were all refreshed once, of which every second is then spoilt; the spoilt ones by ticker."""
    tickers = world.generate(2 * len(bad) + 2)
    _make_complete(world)
    world.data("refresh-all?chunks=all")
    spoilt = dict(zip(tickers[1::2], bad, strict=False))
    for ticker, each in spoilt.items():
        _spoil(world, ticker, each)
    make_older(world)
    return spoilt


def _make_complete(world: World) -> None:
    """Each stock gets a row of every kind that a test spoils, and a cash runway that is computed."""
    now = utc_now()
    world.execute("UPDATE financial_summary SET free_cash_flow = NULL")
    world.execute("UPDATE financial_data SET cash = 1000, monthly_burn = 100")
    for row in world.table("stocks"):
        stock = {"stock_id": row["id"]}
        world.add("executives", {**stock, "name": "A", "title": "CEO", "years_at_company": 2.5})
        world.add("filings", {**stock, "type": "8-K", "title": "Offering", "date": now})
        world.add("insider_transactions", {**stock, "filer_name": "B", "transaction_date": now, "value": 1.0})


def _spoil(world: World, ticker: str, bad: Bad) -> None:
    on_postgresql = world.database_url.startswith("postgresql")
    values = {"ticker": ticker} | ({} if bad.value is None else {"value": bad.value})
    world.execute(bad.sql.replace("%JSON%", "jsonb" if on_postgresql else "text"), **values)


def _refuse_all_kinds(world: World, bad: Sequence[Bad]) -> None:
    spoilt = _universe(world, bad)
    before = results(world)
    for job in (SCORES, FLAGS):
        result = world.data(f"{job}?chunks=all")
        expected = {ticker: each.says[job] for ticker, each in spoilt.items() if job in each.says}
        check_failures(world, job, before, result, expected)


def test_each_kind_of_bad_stock_on_postgresql_fails_alone_and_says_why(postgres_world: World) -> None:
    _refuse_all_kinds(postgres_world, ON_POSTGRESQL)


def test_each_kind_of_bad_stock_on_sqlite_fails_alone_and_says_why(sqlite_world: World) -> None:
    _refuse_all_kinds(sqlite_world, ON_SQLITE)


def test_companies_of_json_null_are_missing_and_no_error(world: World) -> None:
    (ticker,) = world.generate(1)
    _make_complete(world)
    _spoil(world, ticker, _companies("", "null", ""))
    assert world.data("scores")["succeeded"] == 1


def test_companies_without_names_are_blank_ones(world: World) -> None:
    tickers = world.generate(2)
    _make_complete(world)
    world.execute("DELETE FROM executives WHERE name <> 'A'")
    world.execute("UPDATE stocks SET sector = 'Gold'")
    for ticker, companies in zip(
        tickers, ('["Acme", null, false, 0, 0.0, ""]', '["Acme", "", "", "", "", ""]'), strict=True
    ):
        _spoil(world, ticker, _companies("", companies, ""))
    assert world.data("scores")["succeeded"] == 2
    first, second = (row["pedigree_sub_score"] for row in world.table("vetr_score_history"))
    assert first == second


def test_nan_is_missing_on_sqlite_which_cannot_store_it(sqlite_world: World) -> None:
    sqlite_world.generate(1)
    sqlite_world.execute("UPDATE stocks SET price = :price", price=float("nan"))
    assert sqlite_world.data("scores")["succeeded"] == 1
    assert sqlite_world.rows("SELECT price FROM vetr_score_snapshots") == [{"price": None}]


def test_text_that_is_not_utf_8_is_still_read(sqlite_world: World) -> None:
    (ticker,) = sqlite_world.generate(1)
    _make_complete(sqlite_world)
    sqlite_world.execute("DELETE FROM filings WHERE type <> '8-K'")
    sqlite_world.execute("UPDATE filings SET title = CAST(x'ff' || 'Takeover' AS TEXT), summary = CAST(x'c3' AS TEXT)")
    sqlite_world.execute("UPDATE executives SET education = CAST(x'ff' || 'MBA' AS TEXT)")
    data = sqlite_world.data("refresh-all")
    assert (data["scores"]["succeeded"], data["red_flags"]["succeeded"]) == (1, 1)
    answer = json.loads(sqlite_world.redis.get(f"red_flags:{ticker}") or "null")
    assert answer["flags"][0]["score"] == 20


def test_a_ticker_that_no_column_holds_fails_alone(sqlite_world: World) -> None:
    tickers = sqlite_world.generate(3)
    endless = tickers[1] + "X" * 10_000
    sqlite_world.execute("UPDATE stocks SET ticker = :ticker WHERE ticker = :old", ticker=endless, old=tickers[1])
    before = results(sqlite_world)
    for job, column in ((SCORES, "vetr_score_history.stock_ticker"), (FLAGS, "red_flag_history.stock_ticker")):
        says = rf"{re.escape(column)} takes at most 20 characters; '{tickers[1]}X+\.\.\.' has {len(endless)}"
        check_failures(sqlite_world, job, before, sqlite_world.data(job), {endless: says})
