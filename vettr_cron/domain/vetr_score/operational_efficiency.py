"""Operational efficiency: the one ratio that matters in the stock's sector, compared with its target."""

from collections.abc import Sequence

from vettr_cron.domain.data_checks import check_numbers, whole
from vettr_cron.domain.rounding import rhu
from vettr_cron.domain.vetr_score.inputs import Number, StockInputs
from vettr_cron.domain.vetr_score.pillar_score import PillarScore, missing

_NAME = "operational_efficiency"
_EXPLORERS = ("mining", "gold", "resource")
_DEVELOPERS = ("tech", "software")
_EXPLORATION = ("financial_data.exploration_exp", "financial_data.total_opex")
_DEVELOPMENT = ("financial_data.r_and_d_exp", "financial_data.total_opex")
_MARGIN = ("financial_summary.gross_profit", "financial_data.revenue")


def operational_efficiency(inputs: StockInputs) -> PillarScore:
    """The ratio as a percentage of its target; the ratio itself is reported, without bounds."""
    columns, numerator, denominator, target = _operands(inputs)
    check_numbers(columns, (numerator, denominator))  # not before: no rule reads the other sectors' figures
    if numerator is None or denominator is None:
        return missing(_NAME, "efficiency_ratio")
    if denominator == 0:
        return PillarScore(_NAME, 50, {"efficiency_ratio": 0})
    ratio = float(numerator) / denominator
    # The history stores the ratio in whole per cent, so it must be possible to round it to that.
    whole("vetr_score_history.efficiency_score", rhu(ratio * 100))
    return PillarScore(_NAME, _score(ratio, target), {"efficiency_ratio": ratio})


def _operands(inputs: StockInputs) -> tuple[Sequence[str], Number, Number, float]:
    sector = (inputs.sector or "").lower()
    if any(word in sector for word in _EXPLORERS):
        return _EXPLORATION, inputs.exploration_exp, inputs.total_opex, 0.70
    if any(word in sector for word in _DEVELOPERS):
        return _DEVELOPMENT, inputs.r_and_d_exp, inputs.total_opex, 0.70
    return _MARGIN, inputs.gross_profit, inputs.revenue, 0.30


def _score(ratio: float, target: float) -> int:
    if ratio > 1:
        return 100
    if ratio < 0:
        return 0
    return whole("vetr_score_history.operational_efficiency_score", min(100, rhu((ratio / target) * 100)))
