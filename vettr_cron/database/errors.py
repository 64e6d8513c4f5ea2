"""One exception for every way in which a database can fail, with a sentence for a person."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy.exc import DatabaseError, DBAPIError, InterfaceError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from vettr_cron.database.sqlstate import NOT_ITS_ENCODING, condition, sqlstate
from vettr_cron.domain.errors import CronError, DatabaseUnavailable, NotMigrated, UnknownCharacters

_NOT_MIGRATED = "The database lacks tables of this release; run `flask --app wsgi db upgrade`"
_LACKS_COLUMN = (
    "The database lacks a column of this release; run `flask --app wsgi db upgrade`, and `flask --app wsgi cron "
    "doctor`, which names columns that are not as this release needs them"
)
_UNDEFINED_TABLE, _UNDEFINED_COLUMN = "42P01", "42703"
_READ_ONLY = "25006"
_FORBIDDEN = "42501"
_DAMAGED = ("XX001", "XX002")
_GONE = ("08", "57P")  # the connection, or the server
_TIMED_OUT = ("57014", "55P03")
_BY_ROW_SECURITY = "check_enable_rls"  # the function of the server's source that refuses; its message is localized
_NOT_IN_ITS_ENCODING = "22P05"  # what was sent, as UTF-8, has no counterpart in LATIN1 and the like
_STRANGE_BYTES = (
    "The database contains text that is not UTF-8, as SQL_ASCII databases may; convert that text, or the database"
)
_TOO_MANY = re.compile("too many (connections|clients)|connection slots are|no more connections allowed")
_REFUSED_FOR_NOW = re.compile(f"Connection refused|the database system is|{_TOO_MANY.pattern}")
_LOGIN_REFUSED = re.compile('authentication failed|no password supplied|role ".*" does not exist|no pg_hba.conf entry')
_BAD_FILE = re.compile("disk image is malformed|not a database")
_NO_SUCH_DATABASE = re.compile('database ".*" does not exist')


@contextmanager
def translated() -> Iterator[None]:
    """Raise every failure of the server in this block as DatabaseUnavailable."""
    try:
        yield
    except PoolTimeout as error:
        raise DatabaseUnavailable("The database has no free connection for this call") from error
    except DBAPIError as last:
        first = _first(last)
        if _lacks_tables(first):
            raise NotMigrated(_LACKS_COLUMN if sqlstate(first) == _UNDEFINED_COLUMN else _NOT_MIGRATED) from first
        if sqlstate(first) == NOT_ITS_ENCODING:
            raise DatabaseUnavailable(_STRANGE_BYTES) from first
        if sqlstate(first) == _NOT_IN_ITS_ENCODING:
            raise UnknownCharacters from first
        if _is_unable(first) or last.connection_invalidated:
            raise DatabaseUnavailable(_reason(first), transient=_is_transient(first), late=_is_late(first)) from first
        raise


def row_security_hides(tables: Sequence[str]) -> str:
    """The message for when policies may hide rows of these tables, which would then count as missing."""
    return (
        f"Row security may hide rows of {', '.join(tables) or 'a table'} from the user in DATABASE_URL; give it "
        "BYPASSRLS, or set CRON_ROW_SECURITY=on if its policies let it see every row that counts"
    )


def _first(error: DBAPIError) -> DBAPIError:
    """The first error: once a transaction is lost, rolling back to a savepoint in it fails as well."""
    first, earlier = error, error.__context__
    while earlier is not None and not isinstance(earlier, CronError):
        first = earlier if isinstance(earlier, DBAPIError) else first
        earlier = earlier.__context__
    return first


def _lacks_tables(error: DBAPIError) -> bool:
    if isinstance(error, ProgrammingError):
        return sqlstate(error) in (_UNDEFINED_TABLE, _UNDEFINED_COLUMN)
    return isinstance(error, OperationalError) and "no such table" in str(error.orig)


def _is_unable(error: DBAPIError) -> bool:
    """Whether the server was unable to work, whatever was asked; a damaged SQLite file has no class of its own."""
    plain = type(error) is DatabaseError
    in_a_state = sqlstate(error) in (_READ_ONLY, _FORBIDDEN, *_DAMAGED)
    return plain or isinstance(error, OperationalError | InterfaceError) or in_a_state


def _is_transient(error: DBAPIError) -> bool:
    """Deadlock, serialization failure, a lost or refused connection, a pause of this process: a retry may succeed."""
    code = sqlstate(error)
    lost = not code and (error.connection_invalidated or _says(error, _REFUSED_FOR_NOW))
    return lost or code in ("40001", "40P01", "25P03") or code.startswith(_GONE)


def _is_late(error: DBAPIError) -> bool:
    """A timeout of the server itself, including for a lock that another transaction holds; SQLite has no codes."""
    said = str(error.orig)
    return sqlstate(error) in _TIMED_OUT or (not sqlstate(error) and ("is locked" in said or "interrupted" in said))


def _reason(error: DBAPIError) -> str | None:
    """Why the database does not do what it is asked; None if it does not answer."""
    code, said = sqlstate(error), str(error.orig)
    of_sqlite = "" if code else said
    if getattr(getattr(error.orig, "diag", None), "source_function", None) == _BY_ROW_SECURITY:
        return row_security_hides(re.findall('"([^"]+)"', said)[:1])
    reasons = {
        "The database is locked by another writer": "locked" in of_sqlite,
        "The database's disk is full": "is full" in of_sqlite or code == "53100",
        "The database file is damaged, or not a database": _says(error, _BAD_FILE),
        "The database file cannot be opened; check its path in DATABASE_URL, its folder and its permissions": (
            "unable to open database file" in of_sqlite
        ),
        "The database is damaged": code in _DAMAGED,
        "The database is read-only": "readonly database" in of_sqlite or code == _READ_ONLY,
        "The database did not answer in time": code in _TIMED_OUT or "interrupted" in of_sqlite,
        "The database has no free connection for this call": code == "53300" or _says(error, _TOO_MANY),
        "This process was stopped for longer than a transaction may last": code == "25P03",
        "The user in DATABASE_URL lacks a privilege that the service needs": code == _FORBIDDEN,
        "The database refuses the credentials in DATABASE_URL": _says(error, _LOGIN_REFUSED),
        "The database named in DATABASE_URL does not exist": _says(error, _NO_SUCH_DATABASE),
        "The database cancelled the transaction in favour of another": code in ("40001", "40P01"),
    }
    return next((reason for reason, applies in reasons.items() if applies), _other_reason(error))


def _other_reason(error: DBAPIError) -> str | None:
    code, of_sqlite = sqlstate(error), getattr(error.orig, "sqlite_errorname", None)
    if code and not code.startswith(_GONE):
        # Not its message: it may contain whatever a trigger writes into it.
        return f"The database reports an error: {condition(error)} (SQLSTATE {code})"
    return f"The database reports an error: {error.orig}" if of_sqlite else None


def _says(error: DBAPIError, pattern: re.Pattern[str]) -> bool:
    """The server's reason for refusing a connection comes without a code."""
    return not sqlstate(error) and pattern.search(str(error.orig)) is not None
