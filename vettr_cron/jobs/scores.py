"""The scores job: the VETR score of every stock, with every figure behind it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection

from vettr_cron.domain.attempt import Attempt
from vettr_cron.domain.errors import Problem
from vettr_cron.domain.rounding import rhu
from vettr_cron.domain.timestamps import iso_milliseconds
from vettr_cron.domain.vetr_score import Overlay, StockInputs, VetrScore, vetr_score
from vettr_cron.jobs.job import Chunk, Item, Job, chunk_of
from vettr_cron.models.tables import stocks, vetr_score_history, vetr_score_snapshots
from vettr_cron.models.types import Row
from vettr_cron.repositories import results, score_inputs
from vettr_cron.repositories.column_limits import check_column_limits
from vettr_cron.repositories.universe import Selection


class ScoreResult(NamedTuple):
    """The rows and the answer of one stock."""

    history: Row
    snapshot: Row
    overall: Row
    answer: str


def load(connection: Connection, selection: Selection, now: datetime) -> Chunk:
    """The selected stocks with everything that the score's rules read."""
    return chunk_of(*score_inputs.load(connection, selection, now))


def evaluate(item: Item, attempt: Attempt) -> ScoreResult:
    """The score of one stock as it will be written. Raises StockDataError."""
    inputs: StockInputs = item.inputs
    score = vetr_score(inputs, attempt.now)
    overlay = score.overlay.rounded
    # The id includes ticker and day: a cycle may continue after midnight, or after the stock was renamed.
    kinds = ("vetr_score_history", f"vetr_score_snapshots:{item.ticker}:{attempt.now.date()}")
    history_id, snapshot_id = attempt.row_ids(item.stock_id, *kinds)
    history = _history_row(history_id, score, overlay, item)
    copied = {name: history[name] for name in _SNAPSHOT_COPIES}
    snapshot = {"id": snapshot_id, **copied, "price": inputs.price}
    check_column_limits(vetr_score_history, history)
    check_column_limits(vetr_score_snapshots, snapshot)
    overall = {"id": item.stock_id, "stock_ticker": item.ticker, "vetr_score": score.overall_score}
    answer = orjson.dumps(_answer(score, overlay, attempt.now)).decode()
    return ScoreResult(history, snapshot, overall, answer)


def save(connection: Connection, attempt: Attempt, group: Sequence[ScoreResult]) -> Mapping[str, Problem]:
    """Write a group's history, snapshots and stocks.vetr_score. Returns why some do not exist. Raises RowsRefused."""
    return results.save_scores(
        connection,
        attempt.now,
        [result.history for result in group],
        [result.snapshot for result in group],
        [result.overall for result in group],
    )


def _history_row(row_id: str, score: VetrScore, overlay: Overlay, item: Item) -> Row:
    survival, efficiency, structure, sentiment = score.pillars
    return {
        "id": row_id,
        "stock_ticker": item.ticker,
        "overall_score": score.overall_score,
        "financial_survival_score": survival.score,
        "operational_efficiency_score": efficiency.score,
        "shareholder_structure_score": structure.score,
        "market_sentiment_score": sentiment.score,
        "cash_runway_score": survival.sub_scores["cash_runway"],
        "solvency_score": survival.sub_scores["solvency"],
        "efficiency_score": rhu(efficiency.sub_scores["efficiency_ratio"] * 100),
        "pedigree_sub_score": structure.sub_scores["pedigree"],
        "dilution_penalty_score": structure.sub_scores["dilution_penalty"],
        "insider_alignment_score": structure.sub_scores["sedi_insider_conviction"],
        "sedi_insider_score": structure.sub_scores["sedi_insider_conviction"],
        "warrant_overhang_score": structure.sub_scores["warrant_overhang"],
        "liquidity_score": sentiment.sub_scores["liquidity"],
        "news_velocity_score": sentiment.sub_scores["news_velocity"],
        "short_squeeze_score": sentiment.sub_scores["short_squeeze"],
        "analyst_consensus_score": sentiment.sub_scores["analyst_consensus"],
        "hourly_return_pct": overlay.return_pct,
        "z_score": overlay.z_score,
        "atr_pct": overlay.atr_pct,
        "dynamic_tilt": overlay.dynamic_tilt,
        "base_score": score.base_score,
        "p1_weight": survival.weight,
        "p2_weight": efficiency.weight,
        "p3_weight": structure.weight,
        "p4_weight": sentiment.weight,
    }


def _answer(score: VetrScore, overlay: Overlay, now: datetime) -> dict[str, Any]:
    return {
        "ticker": score.ticker,
        "overall_score": score.overall_score,
        "base_score": score.base_score,
        "hourly_action_overlay": {
            "return_pct": overlay.return_pct,
            "z_score": overlay.z_score,
            "atr_pct": overlay.atr_pct,
            "dynamic_tilt": overlay.dynamic_tilt,
        },
        "components": {
            pillar.name: {"score": pillar.score, "weight": pillar.weight, "sub_scores": pillar.sub_scores}
            for pillar in score.pillars
        },
        "null_pillars": list(score.null_pillars),
        "calculated_at": iso_milliseconds(now),
    }


def _band(score: int) -> str:
    """The lowest score of its ten: "0" for 0 to 9, and "90" for 90 to 100."""
    return str(min(score, 99) // 10 * 10)


_SNAPSHOT_COPIES = (
    "stock_ticker",
    "overall_score",
    "financial_survival_score",
    "operational_efficiency_score",
    "shareholder_structure_score",
    "market_sentiment_score",
    "dynamic_tilt",
)

SCORES = Job(
    name="scores",
    run_name="refresh-scores",
    reads=score_inputs.TABLES,
    writes=(vetr_score_history, vetr_score_snapshots, stocks),
    load=load,
    evaluate=evaluate,
    save=save,
    answer=lambda result: result.answer,
    answer_key="vetr_score:{}".format,
    kinds=lambda result: [_band(result.overall["vetr_score"])],
)
