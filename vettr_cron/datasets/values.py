"""What one field of a CSV file may hold, and the Python value that it becomes."""

import json
import math
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, NoReturn

INT32 = (-(2**31), 2**31 - 1)
INT64 = (-(2**63), 2**63 - 1)

_WHOLE = re.compile(r"[+-]?[0-9]+(\.0*)?")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIMESTAMP = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?)?"
)
_BOOLEANS = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}
_SHOWN = 60
_DEEPEST_JSON = 200  # levels; every parser and writer of JSON takes that many
_MOST_DIGITS = 300  # of a whole number in JSON: what a double holds, which SQLite makes of a number alone


class NotAllowed(ValueError):
    """A field contains what its column cannot hold; the text names the value and what is allowed."""


def text(length: int | None) -> Callable[[str], str]:
    """A parser for texts of at most `length` characters; None means no limit."""

    def parse(field: str) -> str:
        if length is not None and len(field) > length:
            raise NotAllowed(f"{shown(field)} has {len(field)} characters ({length} are allowed)")
        if "\0" in field:
            raise NotAllowed(f"{shown(field)} contains a NUL character, which no text can hold")
        return field

    return parse


def printable(length: int) -> Callable[[str], str]:
    """A parser for names that appear in logs and keys: no line breaks, tabs or other control characters."""
    parse_text = text(length)

    def parse(field: str) -> str:
        if not field.isprintable():
            raise NotAllowed(f"{shown(field)} contains a control character (letters, digits and signs are allowed)")
        return parse_text(field)

    return parse


def number(field: str) -> float:
    """A finite double."""
    if _NUMBER.fullmatch(field) is None:
        if field.lower().lstrip("+-") in ("nan", "inf", "infinity"):
            raise NotAllowed(f"{shown(field)} is not a finite number (leave the field empty for NULL)")
        raise NotAllowed(f"{shown(field)} is not a number (write 1234.5, without thousands separators)")
    value = float(field)
    if not math.isfinite(value):
        raise NotAllowed(f"{shown(field)} is too large (at most 1.797e308)")
    return value + 0.0  # turns -0 into 0: the two are equal, and must not make two rows


def whole(bounds: tuple[int, int]) -> Callable[[str], int]:
    """A parser for whole numbers from bounds[0] to bounds[1]; it accepts 12.0, as spreadsheets write it."""
    low, high = bounds

    def parse(field: str) -> int:
        if _WHOLE.fullmatch(field) is None:
            raise NotAllowed(f"{shown(field)} is not a whole number (write 1234, without thousands separators)")
        digits = field.partition(".")[0]
        # Python refuses to parse numbers with thousands of digits; no bound here has more than 19.
        value = int(digits) if len(digits) < 400 else high + 1
        if not low <= value <= high:
            raise NotAllowed(f"{shown(field)} is out of range (from {low} to {high})")
        return value

    return parse


def all_numbers(fields: Sequence[str]) -> list[float | None] | None:
    """A column of finite doubles, None for empty fields; None instead if a field has to be looked at by itself."""
    if "".join(fields).encode().translate(None, b"0123456789.+-eE"):
        return None
    try:
        values = [float(field) + 0.0 if field else None for field in fields]
    except ValueError:
        return None
    return values if math.isfinite(sum(filter(None, values))) else None


def all_whole(bounds: tuple[int, int]) -> Callable[[Sequence[str]], list[int | None] | None]:
    """The same for whole numbers from bounds[0] to bounds[1]."""
    low, high = bounds

    def parse_all(fields: Sequence[str]) -> list[int | None] | None:
        if "".join(fields).encode().translate(None, b"0123456789+-"):
            return None
        try:
            values = [int(field) if field else None for field in fields]
        except ValueError:
            return None
        there = [value for value in values if value is not None]
        return values if not there or (low <= min(there) and max(there) <= high) else None

    return parse_all


def boolean(field: str) -> bool:
    """true, t or 1; false, f or 0; upper or lower case."""
    value = _BOOLEANS.get(field.lower())
    if value is None:
        raise NotAllowed(f"{shown(field)} is not a boolean (write true or false)")
    return value


@lru_cache(maxsize=10_000)  # most files have the same days for each stock
def day(field: str) -> date:
    """A calendar day as YYYY-MM-DD and nothing else."""
    if _DATE.fullmatch(field) is None:
        raise NotAllowed(f"{shown(field)} is not a date (write 2017-03-31)")
    try:
        return date.fromisoformat(field)
    except ValueError:
        raise NotAllowed(f"{shown(field)} is not a date (write 2017-03-31)") from None


def moment(field: str) -> datetime:
    """A naive UTC time; a field without an offset is in UTC, one without a time of day means midnight."""
    if _TIMESTAMP.fullmatch(field) is None:
        _refuse_moment(field)
    try:
        value = datetime.fromisoformat(field)
        return value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        _refuse_moment(field)


def _refuse_moment(field: str) -> NoReturn:
    raise NotAllowed(f"{shown(field)} is not a time (write 2017-03-31T12:00:00, in UTC or with an offset)")


def json_value(field: str) -> object:
    """Any JSON value that a database can store: finite numbers, no NUL, no lone surrogates, not too deep."""
    try:
        value = json.loads(field, parse_constant=_refuse_constant, parse_int=_json_whole)
        texts = "".join(_texts(value, _DEEPEST_JSON))
        texts.encode()
    except UnicodeEncodeError:
        raise NotAllowed(f"{shown(field)} contains half of a surrogate pair, which no text can hold") from None
    except RecursionError:
        raise NotAllowed(f"{shown(field)} is not JSON ({_TOO_DEEP})") from None
    except json.JSONDecodeError as error:
        raise NotAllowed(f"{shown(field)} is not JSON ({error.msg}, at character {error.pos + 1})") from None
    except _Unstorable as error:
        raise NotAllowed(f"{shown(field)} is not JSON that a database can store ({error})") from None
    if "\0" in texts:
        raise NotAllowed(f"{shown(field)} contains a NUL character, which no text can hold")
    return value


def json_texts(field: str) -> object:
    """A JSON list of strings."""
    example = '(write ["Acme Corp", "Beta Ltd"])'
    try:
        value = json_value(field)
    except NotAllowed as error:
        raise NotAllowed(f"{error} {example}") from None
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise NotAllowed(f"{shown(field)} is not a JSON list of strings {example}")
    return value


def shown(field: str) -> str:
    """The field in quotes, cut if it is long."""
    return repr(field if len(field) <= _SHOWN else field[:_SHOWN] + "...")


class _Unstorable(Exception):
    """JSON that a database cannot store; the text says why."""


_TOO_DEEP = f"nested too deeply; {_DEEPEST_JSON} levels are allowed"


def _refuse_constant(name: str) -> NoReturn:
    raise _Unstorable(f"{name} is not a finite number")


def _json_whole(digits: str) -> int:
    count = len(digits.removeprefix("-"))
    if count > _MOST_DIGITS:
        raise _Unstorable(f"a number has {count} digits; {_MOST_DIGITS} are allowed")
    return int(digits)


def _texts(value: Any, levels: int) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, float) and not math.isfinite(value):
        raise _Unstorable("a number is too large")
    elif isinstance(value, list | dict):
        if levels == 0:
            raise _Unstorable(_TOO_DEEP)
        for entry in value:
            yield from _texts(entry, levels - 1)
        if isinstance(value, dict):
            for entry in value.values():
                yield from _texts(entry, levels - 1)
