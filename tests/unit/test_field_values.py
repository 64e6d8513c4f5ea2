"""What a CSV field may hold, and what it becomes."""

import json
import math
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vettr_cron.datasets import values
from vettr_cron.datasets.values import INT32, INT64, NotAllowed


@pytest.mark.parametrize(
    ("field", "value"),
    [("12.5", 12.5), ("-0.5", -0.5), ("+3", 3.0), (".5", 0.5), ("5.", 5.0), ("1e6", 1e6), ("007", 7)],
)
def test_a_number_is_a_decimal(field: str, value: float) -> None:
    assert values.number(field) == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_finite_double_comes_back_as_it_was_written(number: float) -> None:
    assert values.number(repr(number)) == number


@pytest.mark.parametrize(
    "field", ["abc", "1,000", "1_000", "0x10", "1 000", "--1", "1e", ".", "e5", "$5", "٣", "½", "5%"]
)
def test_what_is_not_a_number_is_refused_with_an_example(field: str) -> None:
    with pytest.raises(NotAllowed) as refused:
        values.number(field)
    assert str(refused.value) == f"{field!r} is not a number (write 1234.5, without thousands separators)"


@pytest.mark.parametrize("field", ["nan", "NaN", "-nan", "inf", "-Infinity", "+INF"])
def test_a_number_that_is_not_finite_is_refused(field: str) -> None:
    with pytest.raises(NotAllowed, match=r"is not a finite number \(leave the field empty for NULL\)"):
        values.number(field)


def test_a_number_beyond_the_doubles_is_refused() -> None:
    with pytest.raises(NotAllowed, match=r"'1e999' is too large \(at most 1\.797e308\)"):
        values.number("1e999")


@pytest.mark.parametrize("bounds", [INT32, INT64])
def test_whole_numbers_go_to_the_ends_of_their_column_and_no_further(bounds: tuple[int, int]) -> None:
    parse, (low, high) = values.whole(bounds), bounds
    assert [parse(str(low)), parse(str(high))] == [low, high]
    for beyond in (low - 1, high + 1):
        with pytest.raises(NotAllowed) as refused:
            parse(str(beyond))
        assert str(refused.value) == f"'{beyond}' is out of range (from {low} to {high})"


def test_a_whole_number_of_thousands_of_digits_is_out_of_range() -> None:
    with pytest.raises(NotAllowed, match=r"'9{60}\.\.\.' is out of range"):
        values.whole(INT64)("9" * 10_000)


def test_a_whole_number_may_come_with_empty_decimals() -> None:
    assert values.whole(INT64)("9007199254740993.00") == 9007199254740993


@pytest.mark.parametrize("field", ["12.5", "1e6", "1,000", "1_000", "x", "٣", "nan", "true"])
def test_what_is_not_a_whole_number_is_refused_with_an_example(field: str) -> None:
    with pytest.raises(NotAllowed) as refused:
        values.whole(INT32)(field)
    assert str(refused.value) == f"{field!r} is not a whole number (write 1234, without thousands separators)"


@pytest.mark.parametrize("field", ["true", "TRUE", "True", "t", "T", "1"])
def test_true(field: str) -> None:
    assert values.boolean(field) is True


@pytest.mark.parametrize("field", ["false", "FALSE", "f", "F", "0"])
def test_false(field: str) -> None:
    assert values.boolean(field) is False


@pytest.mark.parametrize("field", ["yes", "no", "2", "y", "on"])
def test_other_booleans_are_refused(field: str) -> None:
    with pytest.raises(NotAllowed) as refused:
        values.boolean(field)
    assert str(refused.value) == f"{field!r} is not a boolean (write true or false)"


@given(st.dates())
def test_every_date_comes_back_as_it_was_written(day: date) -> None:
    assert values.day(day.isoformat()) == day


@pytest.mark.parametrize(
    "field",
    ["2017-13-01", "2017-02-29", "31.03.2017", "03/31/2017", "20170331", "2017-W13-5", "2017-3-1", "0000-01-01"],
)
def test_a_date_is_year_month_day_and_exists(field: str) -> None:
    with pytest.raises(NotAllowed) as refused:
        values.day(field)
    assert str(refused.value) == f"{field!r} is not a date (write 2017-03-31)"


def test_a_date_has_no_time() -> None:
    with pytest.raises(NotAllowed, match="is not a date"):
        values.day("2017-03-31T00:00:00")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("2017-03-31", datetime(2017, 3, 31)),
        ("2017-03-31T12:00", datetime(2017, 3, 31, 12)),
        ("2017-03-31T12:00:05", datetime(2017, 3, 31, 12, 0, 5)),
        ("2017-03-31 12:00:05", datetime(2017, 3, 31, 12, 0, 5)),
        ("2017-03-31T12:00:05.25", datetime(2017, 3, 31, 12, 0, 5, 250_000)),
        ("2017-03-31T12:00:05.123456789", datetime(2017, 3, 31, 12, 0, 5, 123_456)),
        ("2017-03-31T12:00:05Z", datetime(2017, 3, 31, 12, 0, 5)),
        ("2017-03-31T12:00:05+02:00", datetime(2017, 3, 31, 10, 0, 5)),
        ("2017-03-31 12:00:05-0330", datetime(2017, 3, 31, 15, 30, 5)),
        ("2017-03-31 23:00:00-05", datetime(2017, 4, 1, 4)),
    ],
)
def test_a_time_becomes_naive_utc(field: str, value: datetime) -> None:
    assert values.moment(field) == value


offsets = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=offsets))
def test_every_time_with_an_offset_is_the_same_instant_in_utc(instant: datetime) -> None:
    assert values.moment(instant.isoformat()).replace(tzinfo=UTC) == instant


@pytest.mark.parametrize(
    "field",
    [
        *("2017-13-01T00:00:00", "2017-03-31T24:00:00", "2017-03-31T12", "20170331T120000", "2017-W13-5", "1490961600"),
        *("2017-03-31T12:00:05 Z", "2017-03-31T12:00:05+25:00", "31/03/2017 12:00", "2017-03-31T12:00:05,5", "noon"),
        # In UTC these would lie outside of the years 1 to 9999.
        *("0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"),
    ],
)
def test_other_times_are_refused_with_an_example(field: str) -> None:
    with pytest.raises(NotAllowed) as refused:
        values.moment(field)
    assert str(refused.value) == f"{field!r} is not a time (write 2017-03-31T12:00:00, in UTC or with an offset)"


def test_a_text_fills_its_column_to_the_last_character() -> None:
    assert values.text(3)("äöü") == "äöü"
    with pytest.raises(NotAllowed, match=r"'äöüß' has 4 characters \(3 are allowed\)"):
        values.text(3)("äöüß")


def test_a_text_without_a_limit_may_be_long() -> None:
    assert values.text(None)("x" * 100_000) == "x" * 100_000


def test_a_long_text_is_shown_by_its_beginning() -> None:
    with pytest.raises(NotAllowed) as refused:
        values.text(500)("x" * 501)
    assert str(refused.value) == f"'{'x' * 60}...' has 501 characters (500 are allowed)"


def test_no_text_holds_a_nul_character() -> None:
    with pytest.raises(NotAllowed, match="contains a NUL character, which no text can hold"):
        values.text(10)("a\0b")


@pytest.mark.parametrize("field", ["A\nB", "A\tB", "A\0", "A\x1b[31m", "A\u2028"])
def test_a_ticker_has_no_control_characters(field: str) -> None:
    with pytest.raises(NotAllowed, match="contains a control character"):
        values.printable(20)(field)


def test_a_list_of_strings_is_json() -> None:
    assert values.json_texts('["Acme Corp", "", "Beta"]') == ["Acme Corp", "", "Beta"]


@pytest.mark.parametrize("field", ["[1]", '["a", null]', '"Acme"', "{}", "null", '[["a"]]'])
def test_other_json_than_a_list_of_strings_is_refused_with_an_example(field: str) -> None:
    with pytest.raises(NotAllowed) as refused:
        values.json_texts(field)
    assert str(refused.value) == f'{field!r} is not a JSON list of strings (write ["Acme Corp", "Beta Ltd"])'


def test_a_list_of_strings_must_be_json() -> None:
    expected = r"'Acme, Beta' is not JSON \(Expecting value, at character 1\) \(write \[\"Acme Corp\""
    with pytest.raises(NotAllowed, match=expected):
        values.json_texts("Acme, Beta")


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_characters="\0", codec="utf-8")), inner)
    ),
)


@given(json_values)
def test_every_storable_json_value_comes_back_as_it_was_written(value: object) -> None:
    assert values.json_value(json.dumps(value)) == value


@pytest.mark.parametrize(
    ("field", "reason"),
    [
        ("{", "is not JSON"),
        ("[NaN]", r"is not JSON that a database can store \(NaN is not a finite number\)"),
        ("[-Infinity]", "-Infinity is not a finite number"),
        ("[1e999]", r"is not JSON that a database can store \(a number is too large\)"),
        ("9" * 301, r"a number has 301 digits; 300 are allowed"),
        ("9" * 100_000, r"a number has 100000 digits; 300 are allowed"),
        ("[" * 201 + "]" * 201, "nested too deeply; 200 levels are allowed"),
        ('{"a":' * 201 + "1" + "}" * 201, "nested too deeply; 200 levels are allowed"),
        ("[" * 100_000, "nested too deeply"),
        (r'{"a\u0000": 1}', "contains a NUL character"),
        (r'["\ud800"]', "contains half of a surrogate pair"),
    ],
)
def test_json_that_no_database_stores_is_refused(field: str, reason: str) -> None:
    with pytest.raises(NotAllowed, match=reason):
        values.json_value(field)


@given(st.text(st.characters(codec="utf-8"), max_size=30))
def test_no_field_does_worse_than_to_be_refused(field: str) -> None:
    parsers: list[Callable[[str], object]] = [
        values.number,
        values.whole(INT32),
        values.boolean,
        values.day,
        values.moment,
    ]
    for parse in [*parsers, values.json_value, values.json_texts, values.text(10), values.printable(10)]:
        try:
            value = parse(field)
        except NotAllowed as error:
            assert str(error)
        else:
            assert not isinstance(value, float) or math.isfinite(value)
