"""The score as a whole: weights, missing pillars, the tilt, and what it refuses."""

from datetime import UTC, datetime, timedelta
from math import inf, nan
from typing import Any

import pytest

from tests.days import DailyPrice, series_of
from tests.unit.stocks import NOW, stock
from vettr_cron.domain.errors import StockDataError
from vettr_cron.domain.vetr_score import Executive, InsiderTransaction, vetr_score

SURVIVAL = {"cash": 0, "monthly_burn": 1, "total_debt": 1, "total_assets": 4}  # 20
EFFICIENCY = {"gross_profit": 0.15, "revenue": 1}  # 50
STRUCTURE = {"total_shares": 1}  # 75
SENTIMENT = {"days_since_last_pr": 61}  # 55


def test_the_base_score_weighs_the_four_pillars() -> None:
    score = vetr_score(stock(**SURVIVAL, **EFFICIENCY, **STRUCTURE, **SENTIMENT), NOW)
    assert [pillar.name for pillar in score.pillars] == [
        "financial_survival",
        "operational_efficiency",
        "shareholder_structure",
        "market_sentiment",
    ]
    assert [pillar.score for pillar in score.pillars] == [20, 50, 75, 55]
    assert [pillar.weight for pillar in score.pillars] == [0.35, 0.25, 0.25, 0.15]
    assert score.base_score == score.overall_score == 47  # 46.5
    assert score.null_pillars == ()
    assert score.ticker == "TST"


def test_the_weight_of_missing_pillars_goes_to_the_others() -> None:
    score = vetr_score(stock(**STRUCTURE, **SENTIMENT), NOW)
    assert [pillar.weight for pillar in score.pillars] == [0, 0, 0.625, 0.15 / 0.4]
    assert [pillar.score for pillar in score.pillars] == [0, 0, 75, 55]
    assert score.base_score == 68  # 67.5
    assert score.null_pillars == ("financial_survival", "operational_efficiency")


def test_a_stock_without_data_scores_zero() -> None:
    score = vetr_score(stock(), NOW)
    assert score.overall_score == score.base_score == 0
    assert [pillar.weight for pillar in score.pillars] == [0, 0, 0, 0]
    assert len(score.null_pillars) == 4


@pytest.mark.parametrize(("price", "overall"), [(20.0, 63), (5.0, 48), (10.0, 55)])
def test_the_overlay_tilts_the_base_score(price: float, overall: int) -> None:
    prices = series_of([DailyPrice(10.1, 10, 10, 10)] * 20)
    known = {"price": price, "prices": prices, "days_since_last_pr": 61, "avg_vol_30d": None}
    score = vetr_score(stock(**known), NOW)
    assert (score.base_score, score.overall_score) == (55, overall)


@pytest.mark.parametrize(
    ("known", "base", "overall"),
    [
        ({"free_cash_flow": 1}, 100, 100),
        ({"cash": -1e12, "monthly_burn": 1, "price": 1}, None, 0),
        ({"total_debt": -1e12, "total_assets": 1}, None, 100),
    ],
)
def test_the_overall_score_stays_between_0_and_100(known: dict[str, Any], base: int | None, overall: int) -> None:
    score = vetr_score(stock(**known), NOW)
    assert score.overall_score == overall
    assert base is None or score.base_score == base


def test_a_figure_too_large_for_a_column_is_still_a_figure() -> None:
    score = vetr_score(stock(cash=-1.8e15, monthly_burn=1), NOW)
    assert score.pillars[0].score == -10_000_000_000_000_000
    assert score.overall_score == 0


# Any, because what is put in their places below is wrong on purpose.
BUYS: Any = InsiderTransaction(NOW - timedelta(days=1), "Purchase", 5.0)
BOSS: Any = Executive(1.0, ["A"], "MBA")
DAY: Any = DailyPrice(1.0, 1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("known", "message"),
    [
        ({"sector": 5}, "stocks.sector is 5; a text is needed"),
        ({"price": nan}, "stocks.price is NaN; a finite number is needed"),
        ({"cash": "1000"}, "financial_data.cash is '1000'; a finite number is needed"),
        ({"monthly_burn": True}, "financial_data.monthly_burn is true; a finite number is needed"),
        ({"free_cash_flow": inf}, "financial_summary.free_cash_flow is Infinity; a finite number is needed"),
        ({"gross_profit": -inf}, "financial_summary.gross_profit is -Infinity; a finite number is needed"),
        ({"short_shares": ""}, "short_interest.short_shares is ''; a finite number is needed"),
        ({"price_target": b""}, "analyst_consensus.price_target is binary data (0 B); a finite number is needed"),
        (
            {"newest_filing": "yesterday"},
            "filings.date is 'yesterday'; a timestamp without time zone is needed",
        ),
        (
            {"executives": [BOSS, BOSS._replace(years_at_company=nan)]},
            "executives.years_at_company is NaN; a finite number is needed",
        ),
        (
            {"executives": [BOSS._replace(years_at_company=None)]},
            "executives.years_at_company is missing; a finite number is needed",
        ),
        ({"executives": [BOSS._replace(education=7)]}, "executives.education is 7; a text is needed"),
        (
            {"executives": [BOSS, BOSS._replace(previous_companies=["A", 1])]},
            "executives.previous_companies is ['A', 1]; a list of texts is needed",
        ),
        (
            {"executives": [BOSS._replace(previous_companies="A, B")]},
            "executives.previous_companies is 'A, B'; a list of texts is needed",
        ),
        (
            {"executives": [BOSS._replace(previous_companies={"A": 1})]},
            "executives.previous_companies is {'A': 1}; a list of texts is needed",
        ),
        (
            {"insider_transactions": [BUYS, BUYS._replace(value=inf)]},
            "insider_transactions.value is Infinity; a finite number is needed",
        ),
        (
            {"insider_transactions": [BUYS._replace(transaction_text=1)]},
            "insider_transactions.transaction_text is 1; a text is needed",
        ),
        (
            {"insider_transactions": [BUYS._replace(transaction_date="2026-13-01")]},
            "insider_transactions.transaction_date is '2026-13-01'; a timestamp without time zone is needed",
        ),
        (
            {"prices": series_of([DAY, DAY._replace(high=nan)])},
            "stock_daily_prices.high is NaN; a finite number is needed",
        ),
        (
            {"prices": series_of([DAY, DAY._replace(low="1")])},
            "stock_daily_prices.low is '1'; a finite number is needed",
        ),
        (
            {"prices": series_of([DAY._replace(close=inf), DAY])},
            "stock_daily_prices.close is Infinity; a finite number is needed",
        ),
        (
            {"prices": series_of([DAY, DAY._replace(previous_close=nan)])},
            "stock_daily_prices.previous_close is NaN; a finite number is needed",
        ),
    ],
)
def test_a_value_that_no_rule_can_use_is_named_with_its_column(known: dict[str, Any], message: str) -> None:
    with pytest.raises(StockDataError) as caught:
        vetr_score(stock(**known), NOW)
    assert str(caught.value) == message
    assert caught.value.column == message.split(maxsplit=1)[0]


def test_a_timestamp_with_a_time_zone_is_refused() -> None:
    with pytest.raises(StockDataError, match=r"^filings.date is "):
        vetr_score(stock(newest_filing=datetime(2026, 1, 1, tzinfo=UTC)), NOW)


@pytest.mark.parametrize("blank", [None, False, 0, 0.0])
def test_what_is_no_name_of_a_company_counts_as_a_blank_one(blank: object) -> None:
    score = vetr_score(stock(executives=[BOSS._replace(previous_companies=["A", blank])]), NOW)
    assert score == vetr_score(stock(executives=[BOSS._replace(previous_companies=["A", ""])]), NOW)


def test_missing_previous_companies_are_none_at_all() -> None:
    without = vetr_score(stock(executives=[BOSS._replace(previous_companies=None)]), NOW)
    assert without == vetr_score(stock(executives=[BOSS._replace(previous_companies=[])]), NOW)
