"""Tells inputs that the database or the driver cannot read from a server that cannot work."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError

from vettr_cron.database.sqlstate import NOT_ITS_ENCODING, condition, is_about_data, message, sqlstate, words
from vettr_cron.domain.errors import InputsUnreadable

_NOT_UTF8 = "they contain text that is not UTF-8, as SQL_ASCII databases may; convert that text, or the database"
_SHOWN = 200
# What converting a value to a Python type raises; on SQLite any column may contain any value.
_NOT_CONVERTED = (ValueError, TypeError, ArithmeticError, RecursionError)


@contextmanager
def unreadable() -> Iterator[None]:
    """Raise what the rows that are read in this block cause as InputsUnreadable."""
    try:
        yield
    except DBAPIError as error:
        if not is_about_data(error):
            raise
        said = _NOT_UTF8 if sqlstate(error) == NOT_ITS_ENCODING else _line(message(error))
        raise InputsUnreadable(said, f"inputs unreadable: {condition(error)}") from error
    except _NOT_CONVERTED as error:
        said = _line(str(error) or type(error).__name__)
        raise InputsUnreadable(said, f"inputs unreadable: {words(type(error).__name__)}") from error


def _line(said: str) -> str:
    """The first line, which may contain a value of any length."""
    line = said.strip().partition("\n")[0]
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}..."
