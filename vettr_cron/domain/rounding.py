"""Arithmetic that must come out to the last bit as the platform's own program has it."""

from collections.abc import Iterable
from math import floor, isfinite


def rhu(number: float) -> float:
    """The nearest integer as an int, an exact half going up; infinity and NaN, which have none, as they are."""
    if not isfinite(number):
        return number
    below = floor(number)
    return below + (number - below >= 0.5)


def total(numbers: Iterable[float]) -> float:
    """The sum from left to right, each step a double; sum() compensates from Python 3.12 on, which moves ties."""
    result = 0.0
    for number in numbers:
        result += number
    return result
