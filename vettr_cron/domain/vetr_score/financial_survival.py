"""Financial survival: how long the cash lasts, and how the debt compares with the assets."""

from vettr_cron.domain.data_checks import whole
from vettr_cron.domain.rounding import rhu
from vettr_cron.domain.vetr_score.inputs import StockInputs
from vettr_cron.domain.vetr_score.pillar_score import PillarScore, missing

_NAME = "financial_survival"
_FULL_RUNWAY_MONTHS = 18


def financial_survival(inputs: StockInputs) -> PillarScore:
    """60 parts runway and 40 parts solvency; if only one of them is known, that one."""
    runway = _cash_runway(inputs)
    solvency = _solvency(inputs)
    if runway is None and solvency is None:
        return missing(_NAME, "cash_runway", "solvency")
    if solvency is None:
        score = runway
    elif runway is None:
        score = solvency
    else:
        score = whole("vetr_score_history.financial_survival_score", rhu(runway * 0.6 + solvency * 0.4))
    return PillarScore(_NAME, score, {"cash_runway": runway or 0, "solvency": solvency or 0})


def _cash_runway(inputs: StockInputs) -> int | None:
    """The months that the cash lasts, as a percentage of 18; below zero for a company that is overdrawn."""
    cash, burn, free_cash_flow = inputs.cash, inputs.monthly_burn, inputs.free_cash_flow
    if free_cash_flow is not None and free_cash_flow > 0:
        return 100
    if cash is None or burn is None:
        return None
    if burn <= 0:
        return 100
    if cash == 0:
        return 0
    score = min(100, rhu(((float(cash) / burn) / _FULL_RUNWAY_MONTHS) * 100))
    return whole("vetr_score_history.cash_runway_score", score)


def _solvency(inputs: StockInputs) -> int | None:
    """100 without debt, 0 if the debt is half the assets or more; above 100 if one of the two is negative."""
    debt, assets = inputs.total_debt, inputs.total_assets
    if debt is None or assets is None:
        return None
    if assets == 0:
        return 0
    if debt == 0:
        return 100
    return whole("vetr_score_history.solvency_score", max(0, rhu(100 - (float(debt) / assets) * 200)))
