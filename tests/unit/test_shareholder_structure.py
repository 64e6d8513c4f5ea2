"""Shareholder structure: dilution, insiders, warrants, and the pillar as a whole."""

from datetime import timedelta
from math import inf, nan
from typing import Any

import pytest

from tests.unit.stocks import NOW, stock
from vettr_cron.domain.errors import StockDataError
from vettr_cron.domain.vetr_score import Executive, InsiderTransaction, vetr_score
from vettr_cron.domain.vetr_score.shareholder_structure import shareholder_structure

SOMEONE = [Executive(0, None, None)]


def sub_score(name: str, **known: Any) -> float:
    return shareholder_structure(stock(executives=SOMEONE, **known), NOW).sub_scores[name]


@pytest.mark.parametrize(
    ("current", "year_ago", "score"),
    [
        (None, 100, 100),
        (100, None, 100),
        (100, 0, 100),
        (100, 100, 100),
        (99, 100, 100),
        (125, 100, 50),
        (150, 100, 0),
        (900, 100, 0),
        (1, -100, 100),
        (-200, -100, 0),
        (2**62 + 1, 2**62, 100),
    ],
)
def test_dilution_costs_two_points_a_per_cent(current: int | None, year_ago: int | None, score: int) -> None:
    assert sub_score("dilution_penalty", shares_current=current, shares_1yr_ago=year_ago) == score


@pytest.mark.parametrize(
    ("insider", "all_shares", "score"),
    [(None, 100, 50), (10, None, 50), (10, 0, 50), (0, 100, 0), (10, 100, 50), (20, 100, 100), (90, 100, 100)],
)
def test_insiders_ought_to_hold_a_fifth(insider: int | None, all_shares: int | None, score: int) -> None:
    assert sub_score("sedi_insider_conviction", insider_shares=insider, total_shares=all_shares) == score


def trades(*values: tuple[str | None, float | None]) -> list[InsiderTransaction]:
    return [InsiderTransaction(NOW - timedelta(days=1), text, value) for text, value in values]


@pytest.mark.parametrize(
    ("insider", "transactions", "score"),
    [
        (10, [], 50),
        (10, trades(("Purchase", 50_000)), 50),
        (10, trades(("Purchase", 50_000.01)), 70),
        (10, trades(("PURCHASE", -50_000.01)), 70),
        (10, trades(("Buyback", 30_000), ("ACQUISITION", 30_000)), 70),
        (10, trades(("Sale", 50_000)), 50),
        (10, trades(("Sale", 50_000.01)), 30),
        (10, trades(("Selling", -30_000), ("Disposition", 30_000)), 30),
        (10, trades(("Sale then acquisition", 60_000)), 70),
        (10, trades(("Purchase", 90_000), ("sell", 60_000)), 50),
        (10, trades(("Gift", 90_000), (None, 90_000), ("", 90_000), ("Purchase", None)), 50),
        (18, trades(("Purchase", 90_000)), 100),
        (2, trades(("Sale", 90_000)), 0),
        (-10, trades(("Purchase", 90_000)), -30),
        (-10, trades(("Sale", 90_000)), 0),
        (10, trades(*[("Purchase", 1.7e308)] * 2, ("Sale", 1.7e308)), 70),
    ],
)
def test_net_buying_moves_conviction_by_twenty(
    insider: int, transactions: list[InsiderTransaction], score: int
) -> None:
    known = {"insider_shares": insider, "total_shares": 100, "insider_transactions": transactions}
    assert sub_score("sedi_insider_conviction", **known) == score


@pytest.mark.parametrize(
    ("age", "score"),
    [(timedelta(days=60), 70), (timedelta(days=60, milliseconds=1), 50), (timedelta(days=-3), 70)],
)
def test_transactions_count_for_sixty_days(age: timedelta, score: int) -> None:
    transactions = [InsiderTransaction(NOW - age, "Purchase", 60_000)]
    assert sub_score("sedi_insider_conviction", insider_transactions=transactions) == score


STRANGE: list[Any] = [nan, inf, "1 000", True]


@pytest.mark.parametrize("value", STRANGE)
@pytest.mark.parametrize("text", ["Acquisition", "private sale"])
def test_a_value_that_counts_must_be_a_finite_number(text: str, value: Any) -> None:
    known = {"executives": SOMEONE, "insider_transactions": trades(("buy", 1), (text, value))}
    with pytest.raises(StockDataError) as caught:
        vetr_score(stock(**known), NOW)
    assert caught.value.column == "insider_transactions.value"


@pytest.mark.parametrize("value", STRANGE)
@pytest.mark.parametrize(("text", "days"), [("Gift", 1), (None, 1), ("", 61)])
def test_a_value_that_does_not_count_may_be_anything(text: str | None, days: int, value: Any) -> None:
    transactions = [InsiderTransaction(NOW - timedelta(days=days), text, value), *trades(("buy", 60_000))]
    score = vetr_score(stock(executives=SOMEONE, insider_transactions=transactions), NOW)
    assert score.pillars[2].sub_scores["sedi_insider_conviction"] == 70


@pytest.mark.parametrize(
    ("strike", "price", "score"),
    [
        (None, 1, 100),
        (1, None, 100),
        (1, 0, 100),
        (0.99, 1, 0),
        (1, 1, 0),
        (1.0625, 1, 42),
        (4.5, 4, 83),
        (1.15, 1, 100),
        (1.2, 1, 100),
        (5, -5, 0),
        (-10, -5, 100),
    ],
)
def test_warrants_overhang_until_the_strike_is_far(strike: float | None, price: float | None, score: int) -> None:
    assert sub_score("warrant_overhang", warrant_strike_price=strike, price=price) == score


def test_the_pillar_weighs_thirty_thirty_twenty_twenty() -> None:
    known = {"shares_current": 125, "shares_1yr_ago": 100, "insider_shares": 4, "total_shares": 100}
    pillar = shareholder_structure(stock(**known, warrant_strike_price=1, price=1), NOW)
    assert pillar.sub_scores == {
        "pedigree": 50,
        "dilution_penalty": 50,
        "sedi_insider_conviction": 20,
        "warrant_overhang": 0,
    }
    assert pillar.score == 34


def test_the_pillar_is_missing_when_nothing_is_known() -> None:
    pillar = shareholder_structure(stock(price=1, insider_transactions=trades(("Purchase", 60_000))), NOW)
    assert pillar.score is None
    assert set(pillar.sub_scores.values()) == {0}


@pytest.mark.parametrize(
    "name", ["shares_current", "shares_1yr_ago", "insider_shares", "total_shares", "warrant_strike_price"]
)
def test_one_figure_is_enough_for_the_neutral_ones(name: str) -> None:
    pillar = shareholder_structure(stock(**{name: 5}), NOW)
    assert pillar.score == 75
    assert list(pillar.sub_scores.values()) == [50, 100, 50, 100]


def test_a_boundless_conviction_is_a_data_error() -> None:
    known = {"insider_shares": -1e308, "total_shares": 1e-10}
    with pytest.raises(StockDataError, match=r"^vetr_score_history.sedi_insider_score is -Infinity;"):
        shareholder_structure(stock(**known), NOW)
