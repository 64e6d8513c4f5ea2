"""For any finite input the rules answer with figures within their bounds or with a data error, and nothing else."""

from collections.abc import Callable
from math import inf, isfinite, nan
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.days import DailyPrice, series_of
from tests.unit.stocks import NOW, NUMBER_FIELDS, executives, finite_stocks, prices, stock
from vettr_cron.domain.errors import StockDataError
from vettr_cron.domain.vetr_score import DailyPrices, StockInputs, vetr_score
from vettr_cron.domain.vetr_score.financial_survival import financial_survival
from vettr_cron.domain.vetr_score.market_sentiment import market_sentiment
from vettr_cron.domain.vetr_score.operational_efficiency import operational_efficiency
from vettr_cron.domain.vetr_score.pillar_score import PillarScore
from vettr_cron.domain.vetr_score.shareholder_structure import shareholder_structure

PILLARS: list[Callable[[StockInputs], PillarScore]] = [
    financial_survival,
    operational_efficiency,
    lambda inputs: shareholder_structure(inputs, NOW),
    lambda inputs: market_sentiment(inputs, NOW),
]
# The bounds that the rules set; None where they set none.
BOUNDS: dict[str, tuple[int | None, int | None]] = {
    "cash_runway": (None, 100),
    "solvency": (0, None),
    "pedigree": (None, 100),
    "dilution_penalty": (0, 100),
    "sedi_insider_conviction": (None, 100),
    "warrant_overhang": (0, 100),
    "liquidity": (None, 100),
    "news_velocity": (0, 100),
    "short_squeeze": (0, None),
    "analyst_consensus": (0, 100),
}
not_finite = st.sampled_from([nan, inf, -inf])


@pytest.mark.parametrize("pillar", PILLARS)
@given(inputs=finite_stocks)
def test_each_pillar_answers_with_whole_figures_within_bounds(
    pillar: Callable[[StockInputs], PillarScore], inputs: StockInputs
) -> None:
    try:
        answer = pillar(inputs)
    except StockDataError as error:
        assert error.column.startswith("vetr_score_history.")
        return
    assert answer.score is None or type(answer.score) is int
    for name, value in answer.sub_scores.items():
        if name == "efficiency_ratio":
            assert isfinite(value)
            continue
        assert type(value) is int
        low, high = BOUNDS[name]
        assert low is None or answer.score is None or value >= low
        assert high is None or value <= high


@given(inputs=finite_stocks)
def test_the_score_answers_with_whole_figures_from_0_to_100(inputs: StockInputs) -> None:
    try:
        score = vetr_score(inputs, NOW)
    except StockDataError as error:
        assert error.column.startswith("vetr_score_history.")
        return
    assert type(score.overall_score) is int
    assert type(score.base_score) is int
    assert 0 <= score.overall_score <= 100
    assert -7.5 <= score.overlay.dynamic_tilt <= 7.5
    assert all(map(isfinite, score.overlay + score.overlay.rounded))
    weights = sum(pillar.weight for pillar in score.pillars)
    assert weights == pytest.approx(0 if len(score.null_pillars) == 4 else 1)


@given(inputs=finite_stocks)
def test_the_same_inputs_give_the_same_answer(inputs: StockInputs) -> None:
    assert outcome(inputs) == outcome(inputs)


def outcome(inputs: StockInputs) -> Any:
    try:
        return vetr_score(inputs, NOW)
    except StockDataError as error:
        return str(error)


# Which of these a rule reads, the sector tells.
EFFICIENCY = ("exploration_exp", "r_and_d_exp", "total_opex", "gross_profit", "revenue")


@given(inputs=finite_stocks, name=st.sampled_from(sorted({*NUMBER_FIELDS} - {*EFFICIENCY})), value=not_finite)
def test_a_number_that_is_not_finite_is_named(inputs: StockInputs, name: str, value: float) -> None:
    strange: dict[str, Any] = {name: value}
    table, _, column = column_refused(inputs._replace(**strange)).partition(".")
    assert column == name
    assert table in {"stocks", "financial_data", "financial_summary", "short_interest", "analyst_consensus"}


@given(inputs=finite_stocks, executive=executives, value=not_finite)
def test_an_executive_whose_years_are_not_finite_is_named(inputs: StockInputs, executive: Any, value: float) -> None:
    strange = executive._replace(years_at_company=value)
    assert column_refused(inputs._replace(executives=[*inputs.executives, strange])) == "executives.years_at_company"


@given(
    inputs=finite_stocks,
    price=prices,
    name=st.sampled_from(["high", "low", "close", "previous_close"]),
    value=not_finite,
)
def test_a_price_that_is_not_finite_is_named(inputs: StockInputs, price: Any, name: str, value: float) -> None:
    strange = price._replace(**{name: value})
    assert (
        column_refused(inputs._replace(prices=series_of([*days_of(inputs.prices), strange])))
        == f"stock_daily_prices.{name}"
    )


def days_of(prices: DailyPrices) -> list[DailyPrice]:
    return [DailyPrice(*day) for day in zip(*prices, strict=True)]


def column_refused(inputs: StockInputs) -> str:
    with pytest.raises(StockDataError) as caught:
        vetr_score(inputs, NOW)
    return caught.value.column


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(executive=executives, value=json_values)
def test_previous_companies_of_any_other_shape_are_named(executive: Any, value: Any) -> None:
    assume(value is not None)
    assume(not (isinstance(value, list) and all(isinstance(name, str) or name in (None, 0) for name in value)))
    inputs = stock(executives=[executive._replace(previous_companies=value)])
    with pytest.raises(StockDataError) as caught:
        vetr_score(inputs, NOW)
    assert caught.value.column == "executives.previous_companies"
    assert len(str(caught.value)) < 160
