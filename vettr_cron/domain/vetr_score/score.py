"""The score: four weighted pillars, tilted by the price overlay."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import NamedTuple

from vettr_cron.domain.data_checks import whole
from vettr_cron.domain.rounding import rhu, total
from vettr_cron.domain.vetr_score.checks import check_inputs
from vettr_cron.domain.vetr_score.financial_survival import financial_survival
from vettr_cron.domain.vetr_score.inputs import StockInputs
from vettr_cron.domain.vetr_score.market_sentiment import market_sentiment
from vettr_cron.domain.vetr_score.operational_efficiency import operational_efficiency
from vettr_cron.domain.vetr_score.overlay import Overlay, price_overlay
from vettr_cron.domain.vetr_score.shareholder_structure import shareholder_structure

_BASE_WEIGHTS = (0.35, 0.25, 0.25, 0.15)


class Pillar(NamedTuple):
    """One pillar with its weight; a missing one has score, weight and sub-scores 0."""

    name: str
    score: int
    weight: float
    sub_scores: Mapping[str, float]


class VetrScore(NamedTuple):
    """One stock's score and every figure behind it; the overlay is not rounded yet."""

    ticker: str
    overall_score: int
    base_score: int
    pillars: tuple[Pillar, ...]  # financial survival, operational efficiency, shareholder structure, market sentiment
    overlay: Overlay
    null_pillars: tuple[str, ...]  # the names of the missing ones


def vetr_score(inputs: StockInputs, now: datetime) -> VetrScore:
    """The score at `now` (UTC). Raises StockDataError, which names the bad column and value."""
    check_inputs(inputs)
    found = (
        financial_survival(inputs),
        operational_efficiency(inputs),
        shareholder_structure(inputs, now),
        market_sentiment(inputs, now),
    )
    weights = _weights(tuple([pillar.score is None for pillar in found]))
    pillars = tuple(
        [
            Pillar(name, 0 if score is None else score, weight, sub_scores)
            for (name, score, sub_scores), weight in zip(found, weights, strict=True)
        ]
    )
    base = rhu(total([pillar.score * pillar.weight for pillar in pillars]))
    overlay = price_overlay(inputs.price, inputs.prices)
    overall = min(100, max(0, rhu(base + overlay.dynamic_tilt)))
    return VetrScore(
        inputs.ticker,
        whole("vetr_score_history.overall_score", overall),
        whole("vetr_score_history.base_score", base),
        pillars,
        overlay,
        tuple([pillar.name for pillar in found if pillar.score is None]),
    )


@cache
def _weights(missing: tuple[bool, ...]) -> tuple[float, ...]:
    """The weight of the missing pillars goes to the others, in proportion."""
    present = total(weight for weight, is_missing in zip(_BASE_WEIGHTS, missing, strict=True) if not is_missing)
    return tuple(
        0 if is_missing else weight / present for weight, is_missing in zip(_BASE_WEIGHTS, missing, strict=True)
    )
