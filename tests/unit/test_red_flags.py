"""The five red flags, their composite and its severity."""

from datetime import datetime, timedelta
from math import inf, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.stocks import NOW, dates, flagged_stock, numbers, optional_numbers, words
from vettr_cron.domain.errors import StockDataError
from vettr_cron.domain.red_flags import RECENT, Filing, RedFlag, RedFlagInputs, red_flags, severity

YESTERDAY = NOW - timedelta(days=1)


def flag(flag_type: str, **known: Any) -> RedFlag:
    (found,) = (each for each in red_flags(flagged_stock(**known), NOW).flags if each.flag_type == flag_type)
    return found


def filings(*titles: str, plain: int = 0) -> list[Filing]:
    return [Filing(YESTERDAY, title, None) for title in (*titles, *["Quarterly report"] * plain)]


CONSOLIDATION = [
    "Acquisition", "to ACQUIRE land", "Merger", "Emerged", "Unconsolidated", "Takeover", "BuyOut", "Amalgamation"
]  # fmt: skip
FINANCING = [
    "private placement", "Prospectus", "Offering", "capital raise", "Refinancing", "Inequity", "Debenture", "warranty",
    "subscription", "Bought Deal", "share issuance",
]  # fmt: skip
DEBT = [
    "debenture", "credit facility", "Credit Agreement", "Loaned", "Debtor", "borrowing", "leverage", "restructuring",
    "default", "covenant", "interest payment",
]  # fmt: skip
REVENUE = [
    "revenue growth", "revenue increase", "earnings growth", "Non-profit", "positive cash flow", "record revenue",
    "STRONG QUARTER", "beat estimates",
]  # fmt: skip


@pytest.mark.parametrize("title", CONSOLIDATION)
def test_each_filing_about_consolidation_counts_twenty(title: str) -> None:
    assert flag("consolidation_velocity", recent_filings=filings(title, plain=3)).score == 20


@pytest.mark.parametrize(("count", "score"), [(0, 0), (4, 80), (5, 100), (9, 100)])
def test_consolidation_ends_at_a_hundred(count: int, score: int) -> None:
    assert flag("consolidation_velocity", recent_filings=filings(*["merger"] * count)).score == score


@pytest.mark.parametrize("title", FINANCING)
def test_each_filing_about_financing_counts(title: str) -> None:
    assert flag("financing_velocity", recent_filings=filings(title, plain=3)).score == 33


@pytest.mark.parametrize("title", ["bought-deal desk", "credit  facility", "private\nplacement", "Cashless flow"])
def test_a_keyword_counts_as_it_is_written_only(title: str) -> None:
    report = red_flags(flagged_stock(recent_filings=filings(title), newest_filing=YESTERDAY), NOW)
    assert report.composite_score == 0


@pytest.mark.parametrize(
    ("market_cap", "count", "score"),
    [
        (None, 2, 67),
        (0, 3, 100),
        (499_999_999.99, 1, 33),
        (500_000_000, 1, 20),
        (500_000_000, 4, 80),
        (1e12, 9, 100),
        (-5, 4, 100),
    ],
)
def test_a_large_company_may_raise_money_more_often(market_cap: float | None, count: int, score: int) -> None:
    known = {"market_cap": market_cap, "recent_filings": filings(*["Prospectus"] * count)}
    assert flag("financing_velocity", **known).score == score


def test_a_summary_counts_like_a_title_and_both_count_once() -> None:
    recent = [
        Filing(YESTERDAY, "News", "a MERGER"),
        Filing(YESTERDAY, "Merger", "merger"),
        Filing(YESTERDAY, "-", None),
    ]
    assert flag("consolidation_velocity", recent_filings=recent).score == 40


def test_no_keyword_reaches_from_the_title_into_the_summary() -> None:
    recent = [Filing(YESTERDAY, "credit", "facility"), Filing(YESTERDAY, "credit ", "facility")]
    assert flag("debt_trend", recent_filings=recent).score == 0


@pytest.mark.parametrize(
    ("age", "score"),
    [(RECENT, 20), (RECENT + timedelta(milliseconds=1), 0), (timedelta(days=-9), 20)],
)
def test_filings_are_recent_for_365_days(age: timedelta, score: int) -> None:
    recent = [Filing(NOW - age, "Merger", None)]
    assert flag("consolidation_velocity", recent_filings=recent).score == score


@pytest.mark.parametrize(
    ("years", "score"),
    [([], 0), ([0], 0), ([0.01], 25), ([0.99, 1, 1.01], 25), ([-0.5], 0), ([0.5] * 4, 100), ([0.5] * 9, 100)],
)
def test_executives_in_their_first_year_are_churn(years: list[float], score: int) -> None:
    assert flag("executive_churn", executives_years=years).score == score


@pytest.mark.parametrize(
    ("age", "score"),
    [
        (None, 100),
        (timedelta(days=120), 100),
        (timedelta(days=119, hours=23), 75),
        (timedelta(days=90), 75),
        (timedelta(days=89, hours=23), 50),
        (timedelta(days=60), 50),
        (timedelta(days=59, hours=23), 25),
        (timedelta(days=30), 25),
        (timedelta(days=29, hours=23), 0),
        (timedelta(days=-200), 0),
    ],
)
def test_silence_is_a_disclosure_gap(age: timedelta | None, score: int) -> None:
    newest = None if age is None else NOW - age
    assert flag("disclosure_gaps", newest_filing=newest).score == score


@pytest.mark.parametrize("title", DEBT)
def test_filings_about_debt_alone_are_the_worst_trend(title: str) -> None:
    assert flag("debt_trend", recent_filings=filings(title)).score == 100


@pytest.mark.parametrize("title", REVENUE)
def test_filings_about_earning_more_soften_the_trend(title: str) -> None:
    assert flag("debt_trend", recent_filings=filings("loan", title)).score == 75


@pytest.mark.parametrize(
    ("titles", "plain", "score"),
    [
        ([], 0, 0),
        ([], 5, 0),
        (["loan"], 8, 0),
        (["loan"], 7, 25),
        (["loan"], 3, 50),
        (["loan"] * 3, 5, 75),
        (["loan"] * 5 + ["profit"], 4, 100),
        (["loan"] * 5 + ["profit"] * 2, 3, 75),
    ],
)
def test_the_share_of_filings_about_debt_makes_the_trend(titles: list[str], plain: int, score: int) -> None:
    assert flag("debt_trend", recent_filings=filings(*titles, plain=plain)).score == score


def test_the_composite_weighs_the_scores_and_not_the_rounded_ones() -> None:
    known = {"recent_filings": filings("Prospectus", plain=9), "executives_years": [0.5]}
    report = red_flags(flagged_stock(**known, newest_filing=NOW - timedelta(days=30)), NOW)
    assert [each.flag_type for each in report.flags] == [
        "consolidation_velocity",
        "financing_velocity",
        "executive_churn",
        "disclosure_gaps",
        "debt_trend",
    ]
    assert [each.score for each in report.flags] == [0, 33, 25, 25, 0]
    assert [each.weight for each in report.flags] == [0.30, 0.25, 0.20, 0.15, 0.10]
    assert [each.weighted_score for each in report.flags] == [0, 8, 5, 4, 0]
    assert [each.severity for each in report.flags] == ["Low", "Moderate", "Low", "Low", "Low"]
    assert report.composite_score == 17
    assert report.severity == "Low"
    assert report.ticker == "TST"


@pytest.mark.parametrize(
    ("score", "word"),
    [(0, "Low"), (29, "Low"), (30, "Moderate"), (59, "Moderate"), (60, "High"), (85, "High"), (86, "Critical")],
)
def test_a_score_has_a_severity(score: int, word: str) -> None:
    assert severity(score) == word


@pytest.mark.parametrize(
    ("known", "description"),
    [
        (
            {"recent_filings": filings("merger", plain=5)},
            "Acquisitions or mergers come up in 1 of 6 filings of the last 365 days.",
        ),
        (
            {"recent_filings": filings("equity")},
            "Financing comes up in 1 of 1 filing of the last 365 days, where 3 are a lot for an early-stage company.",
        ),
        (
            {"market_cap": 1e9},
            "Financing comes up in 0 of 0 filings of the last 365 days, where 5 are a lot for a growth-stage company.",
        ),
        (
            {"executives_years": [0.5, 5, 0]},
            "Less than 1 year at the company is on record for 1 of 3 executives.",
        ),
        ({}, "There are 0 filings on record, of any time."),
        ({"newest_filing": NOW - timedelta(days=45.5)}, "The newest filing is 45 days old."),
        ({"newest_filing": YESTERDAY}, "The newest filing is 1 day old."),
        ({"newest_filing": NOW + timedelta(days=3)}, "The newest filing is 0 days old."),
        ({}, "There are 0 filings in the last 365 days that could mention debt."),
        (
            {"recent_filings": filings("loan", "profit", "debt", plain=1)},
            "Debt comes up in 2, growth or profit in 1 of 4 filings of the last 365 days.",
        ),
    ],
)
def test_a_description_gives_the_figures(known: dict[str, Any], description: str) -> None:
    assert description in [each.description for each in red_flags(flagged_stock(**known), NOW).flags]


@pytest.mark.parametrize(
    ("known", "message"),
    [
        ({"market_cap": nan}, "stocks.market_cap is NaN; a finite number is needed"),
        ({"market_cap": "5"}, "stocks.market_cap is '5'; a finite number is needed"),
        ({"executives_years": [1, inf]}, "executives.years_at_company is Infinity; a finite number is needed"),
        ({"executives_years": [None]}, "executives.years_at_company is missing; a finite number is needed"),
        ({"newest_filing": "soon"}, "filings.date is 'soon'; a timestamp without time zone is needed"),
        (
            {"recent_filings": [Filing("soon", "", "")]},  # type: ignore[arg-type]
            "filings.date is 'soon'; a timestamp without time zone is needed",
        ),
        ({"recent_filings": [Filing(NOW, 5, "")]}, "filings.title is 5; a text is needed"),  # type: ignore[arg-type]
        ({"recent_filings": [Filing(NOW, "", b"")]}, "filings.summary is binary data (0 B); a text is needed"),  # type: ignore[arg-type]
    ],
)
def test_a_value_that_no_rule_can_use_is_named_with_its_column(known: dict[str, Any], message: str) -> None:
    with pytest.raises(StockDataError) as caught:
        red_flags(flagged_stock(**known), NOW)
    assert str(caught.value) == message


texts = st.none() | words | st.sampled_from(CONSOLIDATION + FINANCING + DEBT + REVENUE)


@given(
    st.builds(
        RedFlagInputs,
        ticker=st.just("TST"),
        market_cap=optional_numbers,
        executives_years=st.lists(numbers),
        newest_filing=st.none() | dates,
        recent_filings=st.lists(st.builds(Filing, dates | st.just(YESTERDAY), texts, texts)),
    )
)
def test_any_finite_stock_has_five_flags_from_0_to_100(inputs: RedFlagInputs) -> None:
    report = red_flags(inputs, NOW)
    assert len(report.flags) == 5
    for figure in (report.composite_score, *(each.score for each in report.flags)):
        assert type(figure) is int
        assert 0 <= figure <= 100
    assert 0 <= sum(each.weighted_score for each in report.flags) <= 102


@given(st.datetimes())
def test_a_newest_filing_of_any_time_is_answered(newest: datetime) -> None:
    red_flags(flagged_stock(newest_filing=newest), NOW)
