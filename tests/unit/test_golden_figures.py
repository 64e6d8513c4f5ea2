"""Every field of the golden stocks comes out as the platform's own program gives it."""

from typing import Any

import pytest

from tests.golden_data import GoldenStock, golden_now, golden_stocks
from vettr_cron.domain.red_flags import RedFlagReport, red_flags
from vettr_cron.domain.rounding import rhu
from vettr_cron.domain.vetr_score import VetrScore, vetr_score

INT32 = range(-(2**31), 2**31)
TOO_LARGE = "OJMWL.PR.B"  # one of its figures does not fit its column

every_stock = pytest.mark.parametrize("stock", golden_stocks(), ids=lambda stock: stock.ticker)


def test_there_are_101_golden_stocks() -> None:
    assert len(golden_stocks()) == 101


@every_stock
def test_the_history_row_is_the_platforms(stock: GoldenStock) -> None:
    history = history_row(vetr_score(stock.score_inputs, golden_now()))
    if stock.ticker == TOO_LARGE:
        assert stock.expected["vetr_score_history"] is None
        assert misfits(history) == {"efficiency_score": 5_000_000_000}
    else:
        assert history == stock.expected["vetr_score_history"]
        assert misfits(history) == {}


@every_stock
def test_the_cached_score_is_the_platforms(stock: GoldenStock) -> None:
    assert score_answer(vetr_score(stock.score_inputs, golden_now())) == stock.expected["vetr_score_cache"]


@every_stock
def test_the_cached_red_flags_are_the_platforms(stock: GoldenStock) -> None:
    assert flags_answer(red_flags(stock.flag_inputs, golden_now())) == stock.expected["red_flags_cache"]


@every_stock
def test_every_pillar_and_sub_score_is_a_real_int(stock: GoldenStock) -> None:
    score = vetr_score(stock.score_inputs, golden_now())
    figures: list[float] = [score.overall_score, score.base_score]
    for pillar in score.pillars:
        figures.append(pillar.score)
        figures += [value for name, value in pillar.sub_scores.items() if name != "efficiency_ratio"]
    assert {type(figure) for figure in figures} == {int}


def misfits(history: dict[str, Any]) -> dict[str, int]:
    return {name: value for name, value in history.items() if isinstance(value, int) and value not in INT32}


def history_row(score: VetrScore) -> dict[str, Any]:
    survival, efficiency, structure, sentiment = (pillar.sub_scores for pillar in score.pillars)
    return {
        "stock_ticker": score.ticker,
        "overall_score": score.overall_score,
        **{f"{pillar.name}_score": pillar.score for pillar in score.pillars},
        "cash_runway_score": survival["cash_runway"],
        "solvency_score": survival["solvency"],
        "efficiency_score": rhu(efficiency["efficiency_ratio"] * 100),
        "pedigree_sub_score": structure["pedigree"],
        "dilution_penalty_score": structure["dilution_penalty"],
        "insider_alignment_score": structure["sedi_insider_conviction"],
        "sedi_insider_score": structure["sedi_insider_conviction"],
        "warrant_overhang_score": structure["warrant_overhang"],
        "liquidity_score": sentiment["liquidity"],
        "news_velocity_score": sentiment["news_velocity"],
        "technical_momentum_score": 0,
        "short_squeeze_score": sentiment["short_squeeze"],
        "analyst_consensus_score": sentiment["analyst_consensus"],
        "hourly_return_pct": score.overlay.rounded.return_pct,
        "z_score": score.overlay.rounded.z_score,
        "atr_pct": score.overlay.rounded.atr_pct,
        "dynamic_tilt": score.overlay.rounded.dynamic_tilt,
        "base_score": score.base_score,
        **{f"p{number}_weight": pillar.weight for number, pillar in enumerate(score.pillars, start=1)},
    }


def score_answer(score: VetrScore) -> dict[str, Any]:
    names = ("return_pct", "z_score", "atr_pct", "dynamic_tilt")
    return {
        "ticker": score.ticker,
        "overall_score": score.overall_score,
        "base_score": score.base_score,
        "hourly_action_overlay": {name: getattr(score.overlay.rounded, name) for name in names},
        "components": {
            pillar.name: {"score": pillar.score, "weight": pillar.weight, "sub_scores": pillar.sub_scores}
            for pillar in score.pillars
        },
        "null_pillars": list(score.null_pillars),
    }


def flags_answer(report: RedFlagReport) -> dict[str, Any]:
    names = ("flag_type", "score", "weight", "weighted_score")
    return {
        "ticker": report.ticker,
        "composite_score": report.composite_score,
        "severity": report.severity,
        "flags": [{name: getattr(flag, name) for name in names} for flag in report.flags],
    }
