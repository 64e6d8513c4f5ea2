"""Red flags: five detectors, a weighted composite from 0 (calm) to 100, and a severity."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import repeat
from typing import NamedTuple

from vettr_cron.domain.data_checks import check_numbers, check_texts, check_timestamps
from vettr_cron.domain.rounding import rhu, total

RECENT = timedelta(hours=365 * 24)
"""How old a filing may be to count as recent."""

_CONSOLIDATION = ("acquisition", "acquire", "merger", "merge", "consolidat", "takeover", "buyout", "amalgamat")
_FINANCING = (
    "private placement", "prospectus", "offering", "capital raise", "financing", "equity", "debenture", "warrant",
    "subscription", "bought deal", "share issuance",
)  # fmt: skip
_DEBT = (
    "debenture", "credit facility", "credit agreement", "loan", "debt", "borrowing", "leverage", "restructuring",
    "default", "covenant", "interest payment",
)  # fmt: skip
_REVENUE = (
    "revenue growth", "revenue increase", "earnings growth", "profit", "positive cash flow", "record revenue",
    "strong quarter", "beat estimates",
)  # fmt: skip
_GROWTH_STAGE_MARKET_CAP = 500_000_000
_DAY = timedelta(days=1)

SEVERITIES = ("Critical", "High", "Moderate", "Low")


class Filing(NamedTuple):
    """A filing or press release."""

    date: datetime
    title: str | None
    summary: str | None


class RedFlagInputs(NamedTuple):
    """One stock's rows as they come from the database, not checked yet."""

    ticker: str
    market_cap: float | None
    executives_years: Sequence[float]  # years at the company, one for each executive; 0 means unknown
    newest_filing: datetime | None  # None: no filings at all
    recent_filings: Sequence[Filing]  # those within RECENT, possibly also older ones


class RedFlag(NamedTuple):
    """One detector's result; its severity follows from its own score."""

    flag_type: str
    score: int
    weight: float
    weighted_score: int
    severity: str
    description: str


class RedFlagReport(NamedTuple):
    """All five flags of one stock, always in the same order."""

    ticker: str
    composite_score: int
    severity: str
    flags: tuple[RedFlag, ...]


def red_flags(inputs: RedFlagInputs, now: datetime) -> RedFlagReport:
    """The flags at `now` (UTC). Raises StockDataError, which names the bad column and value."""
    _check(inputs)
    since = now - RECENT
    texts = [
        f"{title or ''}\n{summary or ''}".lower() for date, title, summary in inputs.recent_filings if date >= since
    ]
    flags = (
        _flag("consolidation_velocity", 0.30, _consolidation_velocity(texts)),
        _flag("financing_velocity", 0.25, _financing_velocity(texts, inputs.market_cap or 0)),
        _flag("executive_churn", 0.20, _executive_churn(inputs.executives_years)),
        _flag("disclosure_gaps", 0.15, _disclosure_gaps(inputs.newest_filing, now)),
        _flag("debt_trend", 0.10, _debt_trend(texts)),
    )
    composite = int(rhu(total([flag.score * flag.weight for flag in flags])))
    return RedFlagReport(inputs.ticker, composite, severity(composite), flags)


def severity(score: int) -> str:
    """The word for a score from 0 to 100."""
    if score > 85:
        return "Critical"
    if score >= 60:
        return "High"
    return "Moderate" if score >= 30 else "Low"


def _check(inputs: RedFlagInputs) -> None:
    check_numbers(("stocks.market_cap",), (inputs.market_cap,))
    check_numbers(repeat("executives.years_at_company"), inputs.executives_years, required=True)
    if inputs.newest_filing is not None:
        check_timestamps("filings.date", (inputs.newest_filing,))
    if inputs.recent_filings:
        dates, titles, summaries = zip(*inputs.recent_filings, strict=True)
        check_timestamps("filings.date", dates)
        check_texts("filings.title", titles)
        check_texts("filings.summary", summaries)


def _flag(flag_type: str, weight: float, finding: tuple[int, str]) -> RedFlag:
    score, description = finding
    return RedFlag(flag_type, score, weight, int(rhu(score * weight)), severity(score), description)


def _consolidation_velocity(texts: list[str]) -> tuple[int, str]:
    """20 for each recent filing about a merger or an acquisition."""
    count = _mentioning(texts, _CONSOLIDATION)
    return min(100, 20 * count), f"Acquisitions or mergers come up in {_of_recent(count, texts)}."


def _financing_velocity(texts: list[str], market_cap: float) -> tuple[int, str]:
    """Recent filings about raising money, compared with what is a lot for a company of that size."""
    stage, many = ("an early-stage", 3) if market_cap < _GROWTH_STAGE_MARKET_CAP else ("a growth-stage", 5)
    count = _mentioning(texts, _FINANCING)
    score = min(100, int(rhu((count / many) * 100)))
    return score, f"Financing comes up in {_of_recent(count, texts)}, where {many} are a lot for {stage} company."


def _executive_churn(years: Sequence[float]) -> tuple[int, str]:
    """25 for each executive in their first year; 0 years means unknown, and raises no flag."""
    count = sum([0 < each < 1 for each in years])
    return min(100, 25 * count), f"Less than 1 year at the company is on record for {_of(count, years, 'executive')}."


def _disclosure_gaps(newest_filing: datetime | None, now: datetime) -> tuple[int, str]:
    """The longer the company has been silent, the higher."""
    if newest_filing is None:
        return 100, "There are 0 filings on record, of any time."
    days = (now - newest_filing) // _DAY
    score = 100 if days >= 120 else 75 if days >= 90 else 50 if days >= 60 else 25 if days >= 30 else 0
    return score, f"The newest filing is {max(0, days)} {'day' if days == 1 else 'days'} old."


def _debt_trend(texts: list[str]) -> tuple[int, str]:
    """The share of recent filings about debt; worst if hardly any are about growth or profit."""
    if not texts:
        return 0, "There are 0 filings in the last 365 days that could mention debt."
    debts, revenues = _mentioning(texts, _DEBT), _mentioning(texts, _REVENUE)
    debt, revenue = debts / len(texts), revenues / len(texts)
    if debt >= 0.5 and revenue < 0.2:
        score = 100
    else:
        score = 75 if debt >= 0.375 else 50 if debt >= 0.25 else 25 if debt >= 0.125 else 0
    return score, f"Debt comes up in {debts}, growth or profit in {_of_recent(revenues, texts)}."


def _mentioning(texts: list[str], keywords: tuple[str, ...]) -> int:
    # Plain loops, as a universe has many filings: any() with a generator takes half as long again.
    count = 0
    for text in texts:
        for keyword in keywords:
            if keyword in text:
                count += 1
                break
    return count


def _of_recent(count: int, texts: list[str]) -> str:
    return f"{_of(count, texts, 'filing')} of the last 365 days"


def _of(count: int, things: Sequence[object], noun: str) -> str:
    return f"{count} of {len(things)} {noun}{'' if len(things) == 1 else 's'}"
