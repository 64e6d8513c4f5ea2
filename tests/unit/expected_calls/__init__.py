"""Calls that are expected, and what a person with a calendar says of those that came: a table for each schedule."""

from tests.unit.expected_calls.changes_of_the_clock import (
    EVERY_6_HOURS_IN_BERLIN_IN_AUTUMN,
    EVERY_6_HOURS_IN_BERLIN_IN_SPRING,
    HALF_PAST_TWO_IN_BERLIN_IN_AUTUMN,
    HALF_PAST_TWO_IN_BERLIN_IN_SPRING,
    SIX_IN_NEW_YORK_IN_AUTUMN,
    SIX_IN_NEW_YORK_IN_SPRING,
)
from tests.unit.expected_calls.regular import BURST, EVERY_6_HOURS, LAST_DAY, LEAP_DAY, TWICE_A_WEEK, WEEKDAYS

TABLES = [
    *(EVERY_6_HOURS, BURST, TWICE_A_WEEK, WEEKDAYS, LAST_DAY, LEAP_DAY),
    SIX_IN_NEW_YORK_IN_SPRING,
    SIX_IN_NEW_YORK_IN_AUTUMN,
    HALF_PAST_TWO_IN_BERLIN_IN_SPRING,
    HALF_PAST_TWO_IN_BERLIN_IN_AUTUMN,
    EVERY_6_HOURS_IN_BERLIN_IN_SPRING,
    EVERY_6_HOURS_IN_BERLIN_IN_AUTUMN,
]
