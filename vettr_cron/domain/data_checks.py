"""What the rules rely on: finite numbers, real timestamps, text; errors name the column and the value."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from math import isfinite, isnan
from reprlib import Repr
from typing import Any, NoReturn
from uuid import UUID

from vettr_cron.domain.errors import StockDataError

_NUMBER = frozenset({float, int})
_OPTIONAL_NUMBER = _NUMBER | {type(None)}
_OPTIONAL_TEXT = frozenset({str, type(None)})


def check_numbers(columns: Iterable[str], values: Sequence[Any], *, required: bool = False) -> None:
    """Each value, of the column in the same place, must be a finite int or float; None passes unless `required`."""
    # Nearly every row is good, so check all values at once and search for the bad one only if there is one.
    types = set(map(type, values))
    if types <= (_NUMBER if required else _OPTIONAL_NUMBER):
        try:
            if isfinite(sum(values if types <= _NUMBER else filter(None, values))):
                return
        except OverflowError:  # an int beyond the range of a float
            pass
    for column, value in zip(columns, values, strict=False):
        if not (_is_finite_number(value) or (value is None and not required)):
            refuse(column, value, "a finite number is needed", "not a number")


def check_timestamps(column: str, values: Iterable[object]) -> None:
    """Each value must be a naive datetime, which all of ours are: UTC without an offset."""
    for value in values:
        if not isinstance(value, datetime) or value.tzinfo is not None:
            refuse(column, value, "a timestamp without time zone is needed", "not a timestamp")


def check_texts(column: str, values: Iterable[object]) -> None:
    """Each value must be a str or None."""
    for value in values:
        if type(value) not in _OPTIONAL_TEXT and not isinstance(value, str):
            refuse(column, value, "a text is needed", "not a text")


def whole(column: str, result: float) -> int:
    """A result of rhu as the int that its column needs; if it overflowed, the stock's data is wrong."""
    if not isinstance(result, int):
        refuse(column, result, "a whole number is needed", "not a whole number")
    return result


def refuse(column: str, value: object, needed: str, kind: str = "not usable") -> NoReturn:
    """Raise StockDataError with a short form of the value, whatever the value is.

    `kind` says what is wrong without the value. A missing value, and a number that is not finite, have their own kinds.
    """
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    kind = "missing" if value is None else "not finite" if is_number and not _is_finite_number(value) else kind
    raise StockDataError(column, f"is {shown(value)}; {needed}", kind)


def _is_finite_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return isfinite(value)
    except OverflowError:
        return False


def shown(value: object) -> str:
    """A short form of a value for a person, whatever the value is."""
    if value is None:
        return "missing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, bytes | bytearray | memoryview):
        return f"binary data ({len(value)} B)"
    if isinstance(value, float) and not isfinite(value):
        return "NaN" if isnan(value) else "Infinity" if value > 0 else "-Infinity"
    text = str(value) if isinstance(value, date | Decimal | UUID) else _SHORT.repr(value)
    return text if len(text) <= _SHOWN_LENGTH else text[: _SHOWN_LENGTH - 3] + "..."


class _ShortRepr(Repr):
    """reprlib's Repr, which renders little more than it shows; it also handles ints too long for Python to print."""

    def repr_int(self, x: int, level: int) -> str:
        if x.bit_length() > 1024:
            return f"an integer of {x.bit_length()} bits"
        return super().repr_int(x, level)


_SHOWN_LENGTH = 60
_SHORT = _ShortRepr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = _SHOWN_LENGTH
