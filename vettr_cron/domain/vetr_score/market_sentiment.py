"""Market sentiment: how much is traded, how fresh the news is, who bets against the stock, what analysts expect."""

from datetime import datetime, timedelta

from vettr_cron.domain.data_checks import whole
from vettr_cron.domain.rounding import rhu, total
from vettr_cron.domain.vetr_score.inputs import StockInputs
from vettr_cron.domain.vetr_score.pillar_score import PillarScore, missing

_NAME = "market_sentiment"
_WEIGHTS = (20 / 75, 15 / 75, 20 / 75, 20 / 75)  # their sum is 1.0
_WEIGHTS_WITHOUT_LIQUIDITY = (0.0, *(weight / total(_WEIGHTS[1:]) for weight in _WEIGHTS[1:]))
_LIQUID_TURNOVER = 100_000
_DAY = timedelta(days=1)


def market_sentiment(inputs: StockInputs, now: datetime) -> PillarScore:
    """The weighted mean of the sub-scores; only liquidity can be missing, the others have a neutral default."""
    if _nothing_known(inputs):
        return missing(_NAME, "liquidity", "news_velocity", "short_squeeze", "analyst_consensus")
    liquidity = _liquidity(inputs)
    news = _news_velocity(inputs, now)
    squeeze = _short_squeeze(inputs)
    consensus = _analyst_consensus(inputs)
    return PillarScore(
        _NAME,
        whole("vetr_score_history.market_sentiment_score", rhu(_weighted_mean(liquidity, news, squeeze, consensus))),
        {
            "liquidity": liquidity or 0,
            "news_velocity": news,
            "short_squeeze": squeeze,
            "analyst_consensus": consensus,
        },
    )


def _nothing_known(inputs: StockInputs) -> bool:
    return (
        inputs.avg_vol_30d is None
        and inputs.price is None
        and inputs.days_since_last_pr is None
        and inputs.short_shares is None
        and inputs.price_target is None
        and inputs.newest_filing is None
    )


def _weighted_mean(liquidity: int | None, news: int, squeeze: int, consensus: int) -> float:
    of_liquidity, of_news, of_squeeze, of_consensus = _WEIGHTS_WITHOUT_LIQUIDITY if liquidity is None else _WEIGHTS
    return (liquidity or 0) * of_liquidity + news * of_news + squeeze * of_squeeze + consensus * of_consensus


def _liquidity(inputs: StockInputs) -> int | None:
    """The mean daily turnover, as a percentage of 100 000."""
    volume, price = inputs.avg_vol_30d, inputs.price
    if volume is None or price is None:
        return None
    score = min(100, rhu(((float(volume) * price) / _LIQUID_TURNOVER) * 100))
    return whole("vetr_score_history.liquidity_score", score)


def _news_velocity(inputs: StockInputs, now: datetime) -> int:
    """100 for news within two weeks, falling to 0 at 60 days; a filing counts as news if nothing else is known."""
    days: float
    if inputs.days_since_last_pr is not None:
        days = inputs.days_since_last_pr
    elif inputs.newest_filing is not None:
        days = rhu((now - inputs.newest_filing) / _DAY)
    else:
        days = 90
    if days < 14:
        return 100
    if days > 60:
        return 0
    return whole("vetr_score_history.news_velocity_score", max(0, rhu(100 - ((days - 14) / 46) * 100)))


def _short_squeeze(inputs: StockInputs) -> int:
    """100 if no shares are sold short, falling to 0 at 15% of the free float; 100 if unknown."""
    short, floating = inputs.short_shares, inputs.float_shares
    if short is None or floating is None or floating <= 0:
        return 100
    rate = float(short) / floating
    return whole("vetr_score_history.short_squeeze_score", max(0, rhu(100 - (rate / 0.15) * 100)))


def _analyst_consensus(inputs: StockInputs) -> int:
    """The gain to the analysts' target, as a percentage of a gain by half; 50 if unknown."""
    target, price = inputs.price_target, inputs.price
    if target is None or price is None or price <= 0:
        return 50
    score = min(100, max(0, rhu((((float(target) - price) / price) / 0.5) * 100)))
    return whole("vetr_score_history.analyst_consensus_score", score)
