"""Pedigree: the executives' experience, the variety of their careers, and their education."""

from collections.abc import Sequence
from typing import Any

from vettr_cron.domain.data_checks import whole
from vettr_cron.domain.rounding import rhu, total
from vettr_cron.domain.vetr_score.inputs import Executive

# By descending score: the first keyword that occurs in an education text is the best one.
_DEGREES = (
    ("phd", 100),
    ("doctorate", 100),
    ("mba", 90),
    ("master", 85),
    ("p.eng", 85),
    ("p.geo", 85),
    ("cpa", 80),
    ("cfa", 80),
    ("fca", 80),
    ("bachelor", 70),
    ("b.sc", 70),
    ("b.a", 70),
    ("b.eng", 70),
    ("b.comm", 70),
    ("diploma", 50),
    ("certificate", 40),
)


# What ECMAScript's trim() treats as white space. Python's strip() would also remove U+0085 and U+001C to U+001F, but
# not U+FEFF.
_WHITE_SPACE = "\t\n\v\f\r \u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff" + "".join(map(chr, range(0x2000, 0x200B)))


def pedigree(executives: Sequence[Executive]) -> int:
    """50 if no executive is known; the part of the score for which there is no data is always 50."""
    if not executives:
        return 50
    careers = [_companies(executive) for executive in executives]
    experience = _experience(executives, careers)
    variety = _variety(careers)
    academic = _academic(executives)
    score = rhu(experience * 0.4 + variety * 0.25 + academic * 0.2 + 50 * 0.15)
    return whole("vetr_score_history.pedigree_sub_score", score)


def _companies(executive: Executive) -> list[Any]:
    """The names; null, false and 0 among them are blank ones."""
    companies = executive.previous_companies
    return companies if isinstance(companies, list) else []


def _experience(executives: Sequence[Executive], careers: list[list[Any]]) -> float:
    """The mean of years at the company plus three per previous company, blank names included, times 5.

    Executive by executive the years are added to the sum first, then the points for companies, as the platform does.
    """
    parts = (
        part
        for executive, companies in zip(executives, careers, strict=True)
        for part in (executive.years_at_company, 3.0 * len(companies))
    )
    return min(100, (total(parts) / len(executives)) * 5)


def _variety(careers: list[list[Any]]) -> int:
    """Ten for each distinct previous company."""
    names = {name.strip(_WHITE_SPACE).lower() for companies in careers for name in companies if name}
    names.discard("")
    return min(100, len(names) * 10)


def _academic(executives: Sequence[Executive]) -> float:
    """The mean over executives who name a degree; 50 if none does."""
    degrees = [degree for executive in executives if (degree := _degree(executive.education)) is not None]
    return sum(degrees) / len(degrees) if degrees else 50


def _degree(education: str | None) -> int | None:
    if education is None:
        return None
    education = education.lower()
    for keyword, score in _DEGREES:
        if keyword in education:
            return score
    return None
