"""Market sentiment: liquidity, news, short sellers, analysts."""

from datetime import timedelta
from typing import Any

import pytest

from tests.unit.stocks import NOW, stock
from vettr_cron.domain.errors import StockDataError
from vettr_cron.domain.vetr_score.market_sentiment import market_sentiment


def sub_score(name: str, **known: Any) -> float:
    return market_sentiment(stock(**({"days_since_last_pr": 1} | known)), NOW).sub_scores[name]


@pytest.mark.parametrize(
    ("volume", "price", "score"),
    [
        (50_000, 1, 50),
        (100_000, 1, 100),
        (1e9, 5, 100),
        (499, 1, 0),
        (500, 1, 1),
        (1000, -1, -1),
        (1e308, 100, 100),
        (None, 1, 0),
        (1, None, 0),
    ],
)
def test_liquidity_is_turnover(volume: float | None, price: float | None, score: int) -> None:
    assert sub_score("liquidity", avg_vol_30d=volume, price=price) == score


@pytest.mark.parametrize(
    ("days", "score"),
    [(-5, 100), (0, 100), (13, 100), (14, 100), (15, 98), (37, 50), (59, 2), (60, 0), (61, 0), (2**31, 0)],
)
def test_news_grows_stale_between_two_weeks_and_sixty_days(days: int, score: int) -> None:
    assert sub_score("news_velocity", days_since_last_pr=days) == score


@pytest.mark.parametrize(
    ("age", "score"),
    [
        (timedelta(days=37), 50),
        (timedelta(days=36.5), 50),
        (timedelta(days=37.5), 48),
        (timedelta(days=14.49), 100),
        (timedelta(days=60.5), 0),
        (timedelta(days=-3), 100),
    ],
)
def test_the_newest_filing_is_news_when_no_other_is_known(age: timedelta, score: int) -> None:
    assert sub_score("news_velocity", days_since_last_pr=None, newest_filing=NOW - age) == score


def test_a_press_release_comes_before_a_filing() -> None:
    assert sub_score("news_velocity", days_since_last_pr=37, newest_filing=NOW) == 50


def test_no_news_at_all_is_stale() -> None:
    assert sub_score("news_velocity", days_since_last_pr=None, price_target=1) == 0


@pytest.mark.parametrize(
    ("short", "floating", "score"),
    [
        (None, 100, 100),
        (5, None, 100),
        (5, 0, 100),
        (5, -100, 100),
        (0, 100, 100),
        (3, 40, 50),
        (15, 100, 0),
        (16, 100, 0),
        (-1, 100, 107),
    ],
)
def test_short_sellers_count_against_the_float(short: int | None, floating: int | None, score: int) -> None:
    assert sub_score("short_squeeze", short_shares=short, float_shares=floating) == score


@pytest.mark.parametrize(
    ("target", "price", "score"),
    [
        (None, 4, 50),
        (5, None, 50),
        (5, 0, 50),
        (5, -4, 50),
        (4, 4, 0),
        (3, 4, 0),
        (5, 4, 50),
        (6, 4, 100),
        (60, 4, 100),
        (1e308, 1e-10, 100),
        (-1e308, 1e-10, 0),
    ],
)
def test_analysts_promise_a_gain(target: float | None, price: float | None, score: int) -> None:
    assert sub_score("analyst_consensus", price_target=target, price=price) == score


def test_the_pillar_weighs_twenty_fifteen_twenty_twenty() -> None:
    known = {"avg_vol_30d": 40_000, "price": 1, "days_since_last_pr": 37, "price_target": 1.25}
    assert market_sentiment(stock(**known), NOW).score == 61  # (40*20 + 50*15 + 100*20 + 50*20) / 75 = 60.67


def test_without_liquidity_the_other_three_share_its_weight() -> None:
    pillar = market_sentiment(stock(days_since_last_pr=61), NOW)
    assert pillar.score == 55  # (0*15 + 100*20 + 50*20) / 55 = 54.5
    assert pillar.sub_scores["liquidity"] == 0


def test_the_pillar_is_missing_when_nothing_is_known() -> None:
    pillar = market_sentiment(stock(float_shares=5), NOW)
    assert pillar.score is None
    assert set(pillar.sub_scores.values()) == {0}


@pytest.mark.parametrize(
    "known",
    [
        {"avg_vol_30d": 1},
        {"price": 1},
        {"days_since_last_pr": 1},
        {"short_shares": 1},
        {"price_target": 1},
        {"newest_filing": NOW},
    ],
)
def test_one_figure_or_filing_is_enough(known: dict[str, Any]) -> None:
    assert market_sentiment(stock(**known), NOW).score is not None


@pytest.mark.parametrize(
    ("known", "column"),
    [
        ({"avg_vol_30d": -1e308, "price": 100}, "liquidity_score is -Infinity"),
        ({"short_shares": -1e308, "float_shares": 1e-10}, "short_squeeze_score is Infinity"),
    ],
)
def test_a_boundless_sub_score_is_a_data_error(known: dict[str, Any], column: str) -> None:
    with pytest.raises(StockDataError, match=f"^vetr_score_history.{column};"):
        market_sentiment(stock(**known), NOW)
