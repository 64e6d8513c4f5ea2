"""Rounding to the nearest, halves up, exact for every double."""

from fractions import Fraction
from math import floor, inf, isnan, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vettr_cron.domain.rounding import rhu, total

finite = st.floats(allow_nan=False, allow_infinity=False)
near_halves = st.builds(lambda whole, nudge: whole + 0.5 + nudge, st.integers(-(2**53), 2**53), st.floats(-1e-9, 1e-9))


@pytest.mark.parametrize(
    ("number", "rounded"),
    [
        (0.5, 1),
        (1.5, 2),
        (2.5, 3),
        (-0.5, 0),
        (-1.5, -1),
        (-2.5, -2),
        (0.49999999999999994, 0),
        (-0.49999999999999994, 0),
        (-0.5000000000000001, -1),
        (-5e-324, 0),
        (4503599627370495.5, 4503599627370496),
        (9007199254740993, 9007199254740993),
        (1e300, int(1e300)),
        (7, 7),
    ],
)
def test_an_exact_half_goes_up_and_nothing_less_does(number: float, rounded: int) -> None:
    assert rhu(number) == rounded
    assert type(rhu(number)) is int


@given(finite | near_halves)
def test_every_double_rounds_as_exact_arithmetic_has_it(number: float) -> None:
    assert rhu(number) == floor(Fraction(number) + Fraction(1, 2))


def test_what_has_no_nearest_integer_stays_as_it_is() -> None:
    assert rhu(inf) == inf
    assert rhu(-inf) == -inf
    assert isnan(rhu(nan))


def test_a_total_is_summed_from_left_to_right_without_compensation() -> None:
    assert total([0.1] * 10) == 0.9999999999999999
    assert total([1e16, 1.0, 1.0, -1e16]) == 0.0
    assert total([]) == 0.0
