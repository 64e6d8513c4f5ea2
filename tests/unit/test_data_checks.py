"""What rules cannot work with is named with its column and a short form of its value."""

from datetime import UTC, date, datetime
from decimal import Decimal
from math import inf, nan
from uuid import UUID

import pytest

from vettr_cron.domain.data_checks import check_numbers, check_texts, check_timestamps, refuse, whole
from vettr_cron.domain.errors import StockDataError


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (nan, "NaN"),
        (inf, "Infinity"),
        (-inf, "-Infinity"),
        ("12", "'12'"),
        (True, "true"),
        (b"xyz", "binary data (3 B)"),
        (Decimal("1.50"), "1.50"),
        (datetime(2026, 11, 1, 12, tzinfo=UTC), "2026-11-01 12:00:00+00:00"),
        (UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        pytest.param(10**400, "an integer of 1329 bits", id="400 digits"),
        pytest.param(10**5000, "an integer of 16610 bits", id="5000 digits"),
    ],
)
def test_a_number_must_be_finite(value: object, shown: str) -> None:
    for others in ((None,), (2.5,), ()):
        with pytest.raises(StockDataError) as caught:
            check_numbers(("a.first", "a.second", "a.third"), (1.5, value, *others))
        assert str(caught.value) == f"a.second is {shown}; a finite number is needed"
        assert caught.value.column == "a.second"


@pytest.mark.parametrize("value", [None, 0, -0.0, 5e-324, 1.7976931348623157e308, 2**63, 10**308])
def test_finite_numbers_and_missing_ones_pass(value: float | None) -> None:
    check_numbers(("a.first", "a.second"), (value, value))


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (nan, "a.b not finite"),
        (-inf, "a.b not finite"),
        (10**400, "a.b not finite"),
        (None, "a.b missing"),
        ("12", "a.b not a number"),
        (True, "a.b not a number"),
    ],
)
def test_a_reason_names_the_column_and_the_kind_but_no_value(value: object, reason: str) -> None:
    with pytest.raises(StockDataError) as caught:
        check_numbers(("a.b",), (value,), required=True)
    assert caught.value.problem == (str(caught.value), reason)


def test_finite_numbers_pass_whose_sum_would_not_be_finite() -> None:
    check_numbers(("a.first", "a.second"), (1.7e308, 1.7e308))


def test_a_number_that_must_be_there_is_refused_when_missing() -> None:
    with pytest.raises(StockDataError, match=r"^a.b is missing; a finite number is needed$"):
        check_numbers(("a.b",), (None,), required=True)


@pytest.mark.parametrize("value", ["2026-01-01", date(2026, 1, 1), datetime(2026, 1, 1, tzinfo=UTC), None, 5])
def test_a_datetime_must_be_naive(value: object) -> None:
    with pytest.raises(StockDataError, match=r"^a\.b is .*; a timestamp without time zone is needed$"):
        check_timestamps("a.b", (datetime(2026, 1, 1), value))


@pytest.mark.parametrize("value", [5, b"text", ["text"], 1.5])
def test_what_is_not_a_text_is_refused(value: object) -> None:
    with pytest.raises(StockDataError, match=r"^a\.b is .*; a text is needed$"):
        check_texts("a.b", ("text", None, value))


def test_an_overflowed_result_is_not_a_whole_number() -> None:
    assert whole("a.b", -(10**30)) == -(10**30)
    with pytest.raises(StockDataError, match=r"^a\.b is -Infinity; a whole number is needed$"):
        whole("a.b", -inf)


@pytest.mark.parametrize(
    "value",
    [
        "x" * 1000,
        ["y" * 1000] * 1000,
        {"deep": {"deeper": {"deepest": {"and": {"on": 1}}}}},
        10**300,
        "\ud800\n" * 100,
        Decimal(10) ** 400 + 1,
    ],
)
def test_a_long_value_is_shown_in_one_short_line(value: object) -> None:
    with pytest.raises(StockDataError) as caught:
        refuse("a.b", value, "something else is needed")
    message = str(caught.value)
    assert len(message) <= len("a.b is ; something else is needed") + 60
    assert message.isprintable()


def test_a_huge_integer_deep_in_a_value_can_be_shown_too() -> None:
    with pytest.raises(StockDataError, match="an integer of 16610 bits"):
        refuse("a.b", [10**5000], "something else is needed")
