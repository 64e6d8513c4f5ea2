"""Financial survival: runway and solvency."""

from typing import Any

import pytest

from tests.unit.stocks import stock
from vettr_cron.domain.errors import StockDataError
from vettr_cron.domain.vetr_score.financial_survival import financial_survival


@pytest.mark.parametrize(
    ("known", "runway"),
    [
        ({"free_cash_flow": 0.01}, 100),
        ({"free_cash_flow": 0.01, "cash": 0, "monthly_burn": 5}, 100),
        ({"free_cash_flow": 0, "cash": 0, "monthly_burn": 5}, 0),
        ({"free_cash_flow": -1, "cash": 900, "monthly_burn": 100}, 50),
        ({"cash": 900, "monthly_burn": 0}, 100),
        ({"cash": 0, "monthly_burn": -5}, 100),
        ({"cash": 1800, "monthly_burn": 100}, 100),
        ({"cash": 1_000_000, "monthly_burn": 1}, 100),
        ({"cash": 1.0, "monthly_burn": 5e-324}, 100),
        ({"cash": 90, "monthly_burn": 1000}, 1),
        ({"cash": 89, "monthly_burn": 1000}, 0),
        ({"cash": -180, "monthly_burn": 100}, -10),
    ],
)
def test_cash_runway_is_the_share_of_eighteen_months(known: dict[str, Any], runway: int) -> None:
    pillar = financial_survival(stock(**known))
    assert pillar.score == runway
    assert pillar.sub_scores == {"cash_runway": runway, "solvency": 0}


@pytest.mark.parametrize(
    ("debt", "assets", "solvency"),
    [
        (5, 0, 0),
        (0, 0, 0),
        (0, 10, 100),
        (0, -10, 100),
        (1, 4, 50),
        (1, 2, 0),
        (9, 2, 0),
        (-1, 10, 120),
        (1, -10, 120),
        (1e308, 5e-324, 0),
        (0.25, 100, 100),
        (0.2501, 100, 99),
    ],
)
def test_solvency_is_what_debt_leaves_of_the_assets(debt: float, assets: float, solvency: int) -> None:
    pillar = financial_survival(stock(total_debt=debt, total_assets=assets))
    assert pillar.score == solvency
    assert pillar.sub_scores == {"cash_runway": 0, "solvency": solvency}


def test_runway_has_sixty_parts_and_solvency_forty() -> None:
    pillar = financial_survival(stock(cash=0, monthly_burn=1, total_debt=0, total_assets=1))
    assert pillar.score == 40


@pytest.mark.parametrize(
    "known", [{}, {"cash": 1}, {"monthly_burn": 1}, {"free_cash_flow": -1}, {"total_debt": 1}, {"total_assets": 1}]
)
def test_the_pillar_is_missing_without_a_sub_score(known: dict[str, Any]) -> None:
    pillar = financial_survival(stock(**known))
    assert pillar.score is None
    assert pillar.sub_scores == {"cash_runway": 0, "solvency": 0}


@pytest.mark.parametrize(
    ("known", "column"),
    [
        ({"cash": -1e308, "monthly_burn": 1e-10}, "cash_runway_score is -Infinity"),
        ({"total_debt": -1e308, "total_assets": 1e-10}, "solvency_score is Infinity"),
    ],
)
def test_a_boundless_sub_score_is_a_data_error(known: dict[str, Any], column: str) -> None:
    with pytest.raises(StockDataError, match=f"^vetr_score_history.{column}; a whole number is needed$"):
        financial_survival(stock(**known))


def test_large_integers_are_divided_as_doubles() -> None:
    pillar = financial_survival(stock(total_debt=2**63 - 1, total_assets=2**63))
    assert pillar.score == 0
