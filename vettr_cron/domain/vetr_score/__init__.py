"""The VETR score: 0 to 100 for a stock, from four pillars and a daily price overlay; one file per pillar."""

from vettr_cron.domain.vetr_score.inputs import (
    INSIDER_WINDOW,
    PRICE_DAYS,
    DailyPrices,
    Executive,
    InsiderTransaction,
    StockInputs,
)
from vettr_cron.domain.vetr_score.overlay import Overlay
from vettr_cron.domain.vetr_score.score import Pillar, VetrScore, vetr_score

__all__ = [
    "INSIDER_WINDOW",
    "PRICE_DAYS",
    "DailyPrices",
    "Executive",
    "InsiderTransaction",
    "Overlay",
    "Pillar",
    "StockInputs",
    "VetrScore",
    "vetr_score",
]
