"""What a driver's error says: its SQLSTATE, its message, and whether the data, rather than the server, is the cause."""

import re

from sqlalchemy.exc import DataError, DBAPIError

NOT_ITS_ENCODING = "22021"
# Two rows where one is needed; bad values; broken constraints of a domain; rows too large; errors of functions in
# PL/pgSQL, among them those that triggers and views raise.
_ABOUT_DATA = ("21", "22", "23", "54", "P0")
_NOT_COMPILED = re.compile("no such |syntax error|ambiguous column|has no column")  # SQLite has one code for all errors

_CONDITIONS_OF_SQLITE = {
    "SQLITE_CONSTRAINT_CHECK": "check violation",
    "SQLITE_CONSTRAINT_FOREIGNKEY": "foreign key violation",
    "SQLITE_CONSTRAINT_NOTNULL": "not null violation",
    "SQLITE_CONSTRAINT_PRIMARYKEY": "unique violation",
    "SQLITE_CONSTRAINT_TRIGGER": "raise exception",
    "SQLITE_CONSTRAINT_UNIQUE": "unique violation",
}


def sqlstate(error: DBAPIError) -> str:
    """The server's code for the error; "" if it is SQLite's, the driver's own, or about the connection."""
    return getattr(error.orig, "sqlstate", None) or ""


def message(error: DBAPIError) -> str:
    """The server's message, without its details and the place in the statement; or the driver's."""
    return str(getattr(getattr(error.orig, "diag", None), "message_primary", None) or error.orig)


def condition(error: DBAPIError) -> str:
    """The standard's name for the server's code, in lower case: division by zero. SQLite's own codes say as much."""
    own = getattr(error.orig, "sqlite_errorname", "")
    return _CONDITIONS_OF_SQLITE.get(own) or words(type(error.orig).__name__)


def words(name: str) -> str:
    """The name of a class as words, in lower case."""
    return re.sub("(?<=[a-z])(?=[A-Z])", " ", name).lower()


def is_about_data(error: DBAPIError) -> bool:
    """Whether the rows that were read caused the error: other rows can then still be read."""
    if sqlstate(error):
        return sqlstate(error).startswith(_ABOUT_DATA)
    failed = getattr(error.orig, "sqlite_errorname", None) == "SQLITE_ERROR"
    return isinstance(error, DataError) or (failed and not _NOT_COMPILED.search(str(error.orig)))
