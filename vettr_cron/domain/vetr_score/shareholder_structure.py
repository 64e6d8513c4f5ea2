"""Shareholder structure: who runs the company, how much shareholders were diluted, and what insiders do."""

from collections.abc import Sequence
from datetime import datetime

from vettr_cron.domain.data_checks import whole
from vettr_cron.domain.rounding import rhu
from vettr_cron.domain.vetr_score.inputs import INSIDER_WINDOW, InsiderTransaction, StockInputs
from vettr_cron.domain.vetr_score.pedigree import pedigree
from vettr_cron.domain.vetr_score.pillar_score import PillarScore, missing

_NAME = "shareholder_structure"
_BOUGHT = ("purchase", "acquisition", "buy")
_SOLD = ("sale", "disposition", "sell")
_NOTABLE_NET_BUYING = 50_000


def shareholder_structure(inputs: StockInputs, now: datetime) -> PillarScore:
    """Pedigree and dilution 30 parts each, insiders and warrants 20 each; each has a neutral figure if unknown."""
    if _nothing_known(inputs):
        return missing(_NAME, "pedigree", "dilution_penalty", "sedi_insider_conviction", "warrant_overhang")
    people = pedigree(inputs.executives)
    dilution = _dilution_penalty(inputs)
    insiders = _insider_conviction(inputs, now)
    warrants = _warrant_overhang(inputs)
    score = rhu(people * 0.30 + dilution * 0.30 + insiders * 0.20 + warrants * 0.20)
    return PillarScore(
        _NAME,
        whole("vetr_score_history.shareholder_structure_score", score),
        {
            "pedigree": people,
            "dilution_penalty": dilution,
            "sedi_insider_conviction": insiders,
            "warrant_overhang": warrants,
        },
    )


def _nothing_known(inputs: StockInputs) -> bool:
    return (
        not inputs.executives
        and inputs.shares_current is None
        and inputs.shares_1yr_ago is None
        and inputs.insider_shares is None
        and inputs.total_shares is None
        and inputs.warrant_strike_price is None
    )


def _dilution_penalty(inputs: StockInputs) -> int:
    """100 if the number of shares did not grow within the year, 0 if it grew by half or more."""
    current, year_ago = inputs.shares_current, inputs.shares_1yr_ago
    if current is None or year_ago is None or year_ago == 0:
        return 100
    rate = (float(current) - year_ago) / year_ago
    if rate < 0:
        return 100
    return whole("vetr_score_history.dilution_penalty_score", max(0, rhu(100 - rate * 200)))


def _insider_conviction(inputs: StockInputs, now: datetime) -> int:
    """The insiders' share of the company compared with a target of a fifth, plus or minus 20 for their trades."""
    insider, all_shares = inputs.insider_shares, inputs.total_shares
    if insider is None or all_shares is None or all_shares == 0:
        score: float = 50
    else:
        score = min(100, rhu(((float(insider) / all_shares) / 0.2) * 100))
    net_buying = _net_buying(inputs.insider_transactions, now)
    if net_buying > _NOTABLE_NET_BUYING:
        score = min(100, score + 20)
    elif net_buying < -_NOTABLE_NET_BUYING:
        score = max(0, score - 20)
    return whole("vetr_score_history.sedi_insider_score", score)


def _net_buying(transactions: Sequence[InsiderTransaction], now: datetime) -> float:
    """The value of what insiders bought minus what they sold within the window; 0 if they did nothing."""
    since = now - INSIDER_WINDOW
    net = 0.0
    for date, text, value in transactions:
        if date >= since and value is not None and (sign := direction(text)):
            net += sign * abs(value)
    return net


def direction(text: str | None) -> int:
    """1 if the text of a transaction says that an insider bought, -1 if sold, 0 if neither: then no value counts."""
    said = (text or "").lower()
    if any(word in said for word in _BOUGHT):
        return 1
    return -1 if any(word in said for word in _SOLD) else 0


def _warrant_overhang(inputs: StockInputs) -> int:
    """0 for warrants in the money, rising to 100 at a strike 15% above the price."""
    strike, price = inputs.warrant_strike_price, inputs.price
    if strike is None or price is None or price == 0:
        return 100
    distance = (float(strike) - price) / price
    if distance < 0:
        return 0
    if distance <= 0.15:
        return whole("vetr_score_history.warrant_overhang_score", rhu((distance / 0.15) * 100))
    return 100
