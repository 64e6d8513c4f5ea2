"""Operational efficiency: the sector's ratio."""

from math import inf, nan
from typing import Any

import pytest

from tests.unit.stocks import NOW, stock
from vettr_cron.domain.errors import StockDataError
from vettr_cron.domain.vetr_score import vetr_score
from vettr_cron.domain.vetr_score.operational_efficiency import operational_efficiency

FIGURES = {"exploration_exp": 7, "r_and_d_exp": 14, "total_opex": 100, "gross_profit": 15, "revenue": 200}


@pytest.mark.parametrize(
    ("sector", "ratio", "score"),
    [
        ("Mining", 0.07, 10),
        ("GOLD", 0.07, 10),
        ("Natural Resources", 0.07, 10),
        ("Mining Technology", 0.07, 10),
        ("Golden Foods", 0.07, 10),
        ("FinTech", 0.14, 20),
        ("SOFTWARE & Services", 0.14, 20),
        ("Biotechnology", 0.14, 20),
        ("Energy", 0.075, 25),
        ("", 0.075, 25),
        (None, 0.075, 25),
    ],
)
def test_the_sector_chooses_the_ratio_and_its_target(sector: str | None, ratio: float, score: int) -> None:
    pillar = operational_efficiency(stock(sector=sector, **FIGURES))
    assert pillar.score == score
    assert pillar.sub_scores == {"efficiency_ratio": ratio}


@pytest.mark.parametrize(
    ("sector", "used"),
    [
        ("Gold", {"financial_data.exploration_exp", "financial_data.total_opex"}),
        ("Software", {"financial_data.r_and_d_exp", "financial_data.total_opex"}),
        ("Energy", {"financial_summary.gross_profit", "financial_data.revenue"}),
    ],
)
@pytest.mark.parametrize("name", list(FIGURES))
@pytest.mark.parametrize("value", [nan, inf, "many"])
def test_only_the_figures_of_the_sectors_ratio_are_judged(
    sector: str, used: set[str], name: str, value: object
) -> None:
    figures: dict[str, Any] = {**FIGURES, name: value}
    spoilt = stock(sector=sector, **figures)
    columns = {column for column in used if column.endswith(f".{name}")}
    if columns:
        with pytest.raises(StockDataError) as caught:
            vetr_score(spoilt, NOW)
        assert {caught.value.column} == columns
    else:
        assert vetr_score(spoilt, NOW) == vetr_score(stock(sector=sector, **FIGURES), NOW)


@pytest.mark.parametrize(
    ("profit", "revenue", "score", "ratio"),
    [
        (5, 0, 50, 0),
        (0, 0, 50, 0),
        (2, 1, 100, 2),
        (1, 1, 100, 1),
        (3, 10, 100, 0.3),
        (-1, 10, 0, -0.1),
        (0, 10, 0, 0),
        (1, -10, 0, -0.1),
        (-20, -10, 100, 2),
        (0.0149, 10, 0, 0.00149),
        (0.015, 10, 1, 0.0015),
    ],
)
def test_the_ratio_is_bounded_by_rule(profit: float, revenue: float, score: int, ratio: float) -> None:
    pillar = operational_efficiency(stock(gross_profit=profit, revenue=revenue))
    assert pillar.score == score
    assert pillar.sub_scores == {"efficiency_ratio": ratio}


@pytest.mark.parametrize(("profit", "revenue"), [(None, 5), (5, None), (None, 0), (None, None)])
def test_the_pillar_is_missing_without_an_operand(profit: float | None, revenue: float | None) -> None:
    pillar = operational_efficiency(stock(gross_profit=profit, revenue=revenue))
    assert pillar.score is None
    assert pillar.sub_scores == {"efficiency_ratio": 0}


@pytest.mark.parametrize(("profit", "revenue", "shown"), [(1e308, 1e-5, "Infinity"), (-1e307, 1, "-Infinity")])
def test_a_ratio_beyond_whole_per_cent_is_a_data_error(profit: float, revenue: float, shown: str) -> None:
    with pytest.raises(StockDataError, match=f"^vetr_score_history.efficiency_score is {shown};"):
        operational_efficiency(stock(gross_profit=profit, revenue=revenue))
