"""Arithmetic that must match the platform's own program to the last bit."""

from collections.abc import Iterable
from math import floor, isfinite


def rhu(number: float) -> float:
    """The nearest integer as an int, with an exact half rounded up; infinity and NaN are returned unchanged."""
    if not isfinite(number):
        return number
    below = floor(number)
    return below + (number - below >= 0.5)


def total(numbers: Iterable[float]) -> float:
    """The sum from left to right, each step a double; from Python 3.12 on, sum() compensates, which moves ties."""
    result = 0.0
    for number in numbers:
        result += number
    return result
