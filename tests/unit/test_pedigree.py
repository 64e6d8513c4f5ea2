"""Pedigree: experience, variety of careers, education."""

import pytest

from vettr_cron.domain.errors import StockDataError
from vettr_cron.domain.vetr_score import Executive
from vettr_cron.domain.vetr_score.pedigree import pedigree

NEUTRAL = 50 * 0.2 + 50 * 0.15  # no degree is known, and the part that no data speaks of


def test_no_executives_are_neutral() -> None:
    assert pedigree([]) == 50


@pytest.mark.parametrize(
    ("executives", "score"),
    [
        ([Executive(0, None, None)], 18),  # 17.5
        ([Executive(4, None, None)], 26),  # 17.5 + 20 * 0.4
        ([Executive(4, [], None), Executive(0, [], None)], 22),  # 17.5 + 10 * 0.4 = 21.5
        ([Executive(40, [], None)], 58),  # experience ends at 100
        ([Executive(-2, [], None)], 14),  # 17.5 - 4 = 13.5
    ],
)
def test_years_count_five_times_up_to_a_hundred(executives: list[Executive], score: int) -> None:
    assert pedigree(executives) == score


@pytest.mark.parametrize(
    ("companies", "experience", "distinct"),
    [
        ([["A", "a", " A\n"]], 45, 1),
        ([["A", ""], ["B", "\t"]], 30, 2),
        ([["", "  "]], 30, 0),
        ([["A", None, False, 0, 0.0, ""]], 90, 1),
        ([[f"company {number}" for number in range(12)]], 100, 10),
    ],
)
def test_companies_before_count_as_years_and_once_as_variety(
    companies: list[list[object]], experience: int, distinct: int
) -> None:
    executives = [Executive(0, names, None) for names in companies]
    assert pedigree(executives) == int(experience * 0.4 + distinct * 10 * 0.25 + NEUTRAL + 0.5)


def test_the_sum_is_made_executive_by_executive_years_first() -> None:
    """In the order in which they come: other orders come to 52.5 to the last bit, and round up."""
    executives = [Executive(19.9, ["D"], None), Executive(11.2, ["B", "C"], None), Executive(9.4, ["A"], None)]
    assert ((((((19.9 + 3) + 11.2) + 6) + 9.4) + 3) / 3) * 5 == 87.49999999999999
    assert pedigree(executives) == 62
    assert pedigree(executives[::-1]) == 63


TRIMMED = {*range(0x9, 0xE), 0x20, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000, 0xFEFF}
ODD = [*(code for code in range(0x10000) if chr(code).isspace()), 0x200B, 0x2060, 0xFEFF]


@pytest.mark.parametrize("code", ODD, ids=hex)
def test_names_are_trimmed_as_ecmascript_trims(code: int) -> None:
    companies = [f"{chr(code)}Barrick{chr(code)}", "Barrick"]
    different = 1 if code in TRIMMED else 2
    score = 6 * 5 * 0.4 + different * 10 * 0.25 + NEUTRAL
    assert pedigree([Executive(0, companies, None)]) == int(score + 0.5)


@pytest.mark.parametrize(
    ("educations", "academic"),
    [
        (["phd"], 100),
        (["Postdoctorate fellow"], 100),
        (["certificate, diploma, b.sc, cfa, mba, phd"], 100),
        (["Ph.D. Geology"], 50),
        (["mba (Finance), CPA"], 90),
        (["Master's degree; CFA"], 85),
        (["P.Eng"], 85),
        (["P.GEO; B.Sc"], 85),
        (["CPA, CA"], 80),
        (["CFA Charterholder"], 80),
        (["FCA"], 80),
        (["Bachelor of Arts, Diploma in Law"], 70),
        (["B.Sc"], 70),
        (["B.A."], 70),
        (["B.ENG."], 70),
        (["B.Comm"], 70),
        (["BSc; Diploma"], 50),
        (["Certificate in Governance"], 40),
        (["Self taught"], 50),
        ([""], 50),
        ([None], 50),
        (["phd", "certificate", None, "Self taught"], 70),
    ],
)
def test_the_best_degree_of_each_who_names_one_counts(educations: list[str | None], academic: int) -> None:
    # Years that bring the sum to just below and just above a half, where one point of a degree more or less shows.
    for total, score in ((40.4, 40), (40.6, 41)):
        years = (total - academic * 0.2 - 50 * 0.15) / (5 * 0.4)
        assert pedigree([Executive(years, [], education) for education in educations]) == score


def test_boundless_experience_is_full_experience() -> None:
    assert pedigree([Executive(1.7e308, [], None), Executive(1.7e308, [], None)]) == 58


def test_boundless_inexperience_is_a_data_error() -> None:
    with pytest.raises(StockDataError, match=r"^vetr_score_history.pedigree_sub_score is -Infinity;"):
        pedigree([Executive(-1.7e308, [], None)])
