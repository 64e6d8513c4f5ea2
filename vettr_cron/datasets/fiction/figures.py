"""The rows of which a company has one: its stock, annual figures, the vendor's summary, short interest and analysts."""

from datetime import datetime, timedelta

from vettr_cron.datasets.fiction.company import Company, Draw, pick, rounded_money, rounded_price
from vettr_cron.models.types import Row


def stock(company: Company, last_close: float) -> Row:
    """The stock itself; its price has moved since `last_close`."""
    return {
        "ticker": company.ticker,
        "name": company.name,
        "exchange": company.exchange,
        "sector": company.trade.sector,
        "market_cap": company.market_cap,
        "price": company.price,
        "price_change": round((company.price - last_close) / last_close * 100, 2),
    }


def financial_data(company: Company, draw: Draw) -> Row:
    """The annual figures: a strong company's cash lasts longer, it spends on its trade and owes less."""
    assets = rounded_money(company.market_cap * (0.3 + 1.2 * draw()))
    cash = rounded_money(assets * (0.01 + 0.45 * draw() ** 2))
    revenue = rounded_money(assets * (0.1 + 0.9 * draw())) if company.sells else 0.0
    earns = company.sells and draw() < company.strength
    burn = -revenue * 0.01 * draw() if earns else cash / (1.5 + 45 * company.strength * draw())
    expenses = rounded_money(revenue * (0.6 + 0.6 * draw()) + max(burn, 0) * 12 * (0.8 + 0.4 * draw()))
    spent = rounded_money(expenses * min(0.05 + 0.9 * company.strength + 0.25 * (draw() - 0.5), 0.95))
    indebted = draw() < 0.75
    debt = rounded_money(assets * 0.9 * draw() * (1.2 - company.strength)) if indebted else 0.0
    row: Row = {
        "ticker": company.ticker,
        "cash": _or_missing(cash, 0.03, draw),
        "monthly_burn": _or_missing(round(burn, 2), 0.06, draw),
        "total_debt": _or_missing(debt, 0.05, draw),
        "total_assets": _or_missing(assets, 0.03, draw),
        "exploration_exp": _or_missing(spent, 0.08, draw) if company.trade.spending == "exploration" else None,
        "r_and_d_exp": _or_missing(spent, 0.08, draw) if company.trade.spending == "research" else None,
        "total_opex": _or_missing(expenses, 0.05, draw),
        "g_and_a_expense": _or_missing(rounded_money(expenses - spent * draw()), 0.1, draw),
        "revenue": _or_missing(revenue, 0.04 if company.sells else 0.5, draw),
    }
    return row | _share_figures(company, draw)


def _share_figures(company: Company, draw: Draw) -> Row:
    growth = 0.9 * draw() ** 3 * (1.3 - company.strength) - 0.02
    insiders = company.shares * 0.45 * draw() ** 2
    volume = company.shares * 0.0003 * 60 ** draw()
    return {
        "shares_current": company.shares,
        "shares_1yr_ago": _or_missing(int(company.shares / (1 + growth)), 0.08, draw),
        "insider_shares": _or_missing(int(insiders), 0.2, draw),
        "total_shares": company.shares,
        "avg_vol_30d": _or_missing(round(volume), 0.04, draw),
        "days_since_last_pr": _or_missing(company.quiet_days, 0.4, draw),
        "warrant_strike_price": _or_missing(rounded_price(company.price * (0.7 + draw())), 0.5, draw),
    }


def financial_summary(company: Company, data: Row, draw: Draw) -> Row:
    """The vendor's figures, which agree with the annual ones where both are known."""
    revenue, cash, burn = (_figure(data, name) for name in ("revenue", "cash", "monthly_burn"))
    margin = 0.05 + 0.6 * draw() * company.strength
    cash_flow = rounded_money(-12 * burn) if burn else rounded_money(revenue * (draw() - 0.6) * 0.3)
    net_income = rounded_money(cash_flow - revenue * 0.1 * draw())
    sells = company.sells
    return {
        "ticker": company.ticker,
        "total_revenue": data["revenue"],
        "gross_profit": _or_missing(rounded_money(revenue * margin), 0.06, draw) if sells else None,
        "ebitda": _or_missing(rounded_money(cash_flow * (0.8 + 0.4 * draw())), 0.15, draw),
        "net_income": _or_missing(net_income, 0.05, draw),
        "operating_cash_flow": _or_missing(cash_flow, 0.05, draw),
        "free_cash_flow": _or_missing(rounded_money(cash_flow - cash * 0.05 * draw()), 0.12, draw),
        "total_cash": data["cash"],
        "total_cash_per_share": round(cash / company.shares, 4),
        "total_debt": data["total_debt"],
        "revenue_per_share": round(revenue / company.shares, 4) if sells else None,
        "gross_margins": round(margin, 4) if sells else None,
        "operating_margins": round(cash_flow / revenue, 4) if sells and revenue else None,
        "ebitda_margins": round(margin * draw(), 4) if sells else None,
        "revenue_growth": _or_missing(round(1.2 * draw() - 0.4, 4), 0.1, draw) if sells else None,
        "earnings_growth": _or_missing(round(2 * draw() - 1, 4), 0.5, draw),
        "current_ratio": _or_missing(round(0.4 + 5 * draw() * company.strength, 3), 0.1, draw),
        "quick_ratio": _or_missing(round(0.2 + 4 * draw() * company.strength, 3), 0.15, draw),
        "shares_outstanding": company.shares,
        "float_shares": _or_missing(int(company.shares * (0.5 + 0.45 * draw())), 0.07, draw),
        "currency": "CAD" if company.ticker.endswith((".V", ".TO", ".CN", ".NE")) else "USD",
    }


def short_interest(company: Company, midnight: datetime, draw: Draw) -> Row:
    """A report from the last two weeks; few stocks are heavily sold short."""
    short = int(company.shares * 0.2 * draw() ** 4)
    days = round(8 * draw() ** 2, 2)
    return {
        "ticker": company.ticker,
        "short_shares": _or_missing(short, 0.15, draw),
        "short_interest_pct": _or_missing(round(100 * short / company.shares, 3), 0.15, draw),
        "days_to_cover_10d": days,
        "days_to_cover_30d": round(days * (0.7 + 0.6 * draw()), 2),
        "days_to_cover_90d": _or_missing(round(days * (0.6 + 0.8 * draw()), 2), 0.1, draw),
        "report_date": midnight - timedelta(days=1 + int(14 * draw())),
    }


def analyst_consensus(company: Company, draw: Draw) -> Row:
    """Nearly half of the companies are followed by no analyst: then there is no target and no opinion."""
    analysts = 1 + int(12 * draw() ** 2) if draw() < 0.55 else 0
    buys = int(analysts * min(draw() + company.strength / 2, 1))
    sells = int((analysts - buys) * draw())
    target = rounded_price(company.price * (0.85 + 0.9 * draw() * (0.5 + company.strength)))
    counts = {"buy": buys, "hold": analysts - buys - sells, "sell": sells}
    return {
        "ticker": company.ticker,
        "total_analysts": analysts,
        "buy_count": buys,
        "hold_count": counts["hold"],
        "sell_count": sells,
        "consensus": max(counts, key=lambda opinion: counts[opinion]).capitalize() if analysts else None,
        "price_target": target if analysts else None,
        "price_target_high": rounded_price(target * (1 + 0.4 * draw())) if analysts else None,
        "price_target_low": rounded_price(target * (1 - 0.4 * draw())) if analysts else None,
        "recommendation_trend": [{"period": pick(("0m", "-1m"), draw), **counts}] if analysts else None,
    }


def _or_missing(value: float, rate: float, draw: Draw) -> float | None:
    return None if draw() < rate else value


def _figure(row: Row, name: str) -> float:
    value = row[name]
    return float(value) if isinstance(value, int | float) else 0.0
