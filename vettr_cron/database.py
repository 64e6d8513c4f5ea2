"""The way to the database: one engine's settings and events, and the two kinds of transaction that the service uses."""

import math
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from psycopg import DataError
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.pq import Format
from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import (
    DatabaseError,
    DBAPIError,
    InterfaceError,
    InvalidatePoolError,
    InvalidRequestError,
    OperationalError,
    ProgrammingError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout

from vettr_cron.domain.errors import CronError, DatabaseUnavailable
from vettr_cron.watchdog import Watch, Watchdog

CONNECT_TIMEOUT_SECONDS = 5
PING_TIMEOUT_SECONDS = 2.0
BUSY_TIMEOUT_SECONDS = 3  # in which a process that waits hears no signal
MINIMUM_LIMIT_SECONDS = 1.5
LEAST_SECONDS = 0.5
IMPORT_LIMIT_SECONDS = 86_400.0

_SET_TIMEOUTS = text(
    "SELECT set_config('lock_timeout', :timeout, true), set_config('statement_timeout', :timeout, true),"
    " set_config('idle_in_transaction_session_timeout', :timeout, true)"
)
_NO_ANSWER = "The database does not answer"
_NOT_MIGRATED = "The database lacks tables of this release; run `flask --app wsgi db upgrade`"
_UNDEFINED_TABLE_OR_COLUMN = ("42P01", "42703")
_READ_ONLY = "25006"
_FORBIDDEN = "42501"
_TOO_MANY = re.compile("too many (connections|clients)|connection slots are|no more connections allowed")
_REFUSED_FOR_NOW = re.compile(f"Connection refused|the database system is|{_TOO_MANY.pattern}")
_NOT_LET_IN = re.compile('authentication failed|no password supplied|role ".*" does not exist|no pg_hba.conf entry')
_NO_SUCH_DATABASE = re.compile('database ".*" does not exist')


def engine_options(url: URL) -> dict[str, Any]:
    """Engine settings for this database: bounded waits, and connections that are checked before they are used."""
    if url.get_backend_name() == "sqlite":
        # Transactions are begun by our own events below, not by the driver.
        return {"connect_args": {"timeout": BUSY_TIMEOUT_SECONDS, "isolation_level": None}}
    return {
        "pool_timeout": CONNECT_TIMEOUT_SECONDS,
        "pool_size": 5,
        "max_overflow": 10,
        "connect_args": {
            "connect_timeout": CONNECT_TIMEOUT_SECONDS,
            # A transaction pooler hands the next transaction another server connection, without the prepared statement.
            "prepare_threshold": None,
            "application_name": "vettr-cron",
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 20_000,
        },
    }


class Database:
    """Transactions on one engine; every failure of the server comes out as DatabaseUnavailable.

    No transaction lasts longer than `longest_wait` seconds, half a lease's term: so a holder that was stopped cannot
    block its successor. `shutdown_at` may say a moment (monotonic) by which every transaction must have ended.
    """

    def __init__(
        self, engine: Engine, longest_wait: float, shutdown_at: Callable[[], float | None] = lambda: None
    ) -> None:
        self.engine = engine
        self._longest_wait = longest_wait
        self._shutdown_at = shutdown_at
        self._watchdog = Watchdog(shutdown_at)
        self._is_sqlite = engine.dialect.name == "sqlite"
        self._opening = threading.local()
        if not self._is_sqlite:
            event.listen(engine, "do_connect", self._bound_connecting)
            event.listen(engine, "connect", self._watch_opening, insert=True)
            event.listen(engine, "checkout", self._ping)

    def reading(self, timeout: float | None = None) -> AbstractContextManager[Connection]:
        """A read-only transaction of at most so many seconds, in which every statement sees the same state."""
        postgresql = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        return self._transaction({} if self._is_sqlite else postgresql, self._limit(timeout))

    def writing(self, timeout: float | None = None) -> AbstractContextManager[Connection]:
        """A transaction of at most so many seconds; it commits at the block's end, or rolls back on an exception."""
        return self._transaction({"sqlite_begin": "IMMEDIATE"} if self._is_sqlite else {}, self._limit(timeout))

    def importing(self) -> AbstractContextManager[Connection]:
        """A writing transaction as long as it takes; only each of its statements is bounded."""
        return self._transaction({"sqlite_begin": "IMMEDIATE"} if self._is_sqlite else {}, None)

    @contextmanager
    def _transaction(self, options: dict[str, Any], limit: float | None) -> Iterator[Connection]:
        began = time.monotonic()
        with _translated(), self._watchdog.watching() as watch, self._open(watch, limit) as connection:
            # To open a connection may have taken most of what the whole may take.
            left = None if limit is None else max(limit - (time.monotonic() - began), LEAST_SECONDS)
            connection = connection.execution_options(**options, busy_timeout=self._busy_timeout(left))
            watch(connection.connection.driver_connection, left or IMPORT_LIMIT_SECONDS)
            with connection.begin():
                self._bound_waits(connection, left or self._longest_wait)
                yield connection

    def _open(self, watch: Watch, limit: float | None) -> Connection:
        self._opening.watch, self._opening.limit = watch, limit
        try:
            return self.engine.connect()
        except InvalidRequestError as error:  # each new connection, too, fell silent when it was tried
            raise DatabaseUnavailable(_NO_ANSWER) from error
        finally:
            self._opening.watch = self._opening.limit = None

    def _bound_connecting(self, _dialect: object, _record: object, _arguments: object, options: dict[str, Any]) -> None:
        limit = getattr(self._opening, "limit", None) or CONNECT_TIMEOUT_SECONDS
        options["connect_timeout"] = math.ceil(min(limit, CONNECT_TIMEOUT_SECONDS))

    def _watch_opening(self, driver_connection: Any, _record: object) -> None:
        watch = getattr(self._opening, "watch", None)
        if watch is not None:
            watch(driver_connection, PING_TIMEOUT_SECONDS)

    def _ping(self, driver_connection: Any, record: object, _fairy: object) -> None:
        """Let the pool replace a connection that is dead. The pool's own ping could wait for ever."""
        self._watch_opening(driver_connection, record)
        dialect = self.engine.dialect
        try:
            dialect.do_ping(driver_connection)
        except dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error

    def _limit(self, timeout: float | None) -> float:
        seconds = self._longest_wait if timeout is None else min(self._longest_wait, timeout)
        shutdown = self._shutdown_at()
        if shutdown is not None:
            seconds = min(seconds, shutdown - time.monotonic())
        # What is in hand when a budget ends is still to be saved, and how a run ended still to be told.
        return max(seconds, min(self._longest_wait, MINIMUM_LIMIT_SECONDS))

    def _busy_timeout(self, limit: float | None) -> float:
        return BUSY_TIMEOUT_SECONDS if limit is None else min(limit, BUSY_TIMEOUT_SECONDS)

    def _bound_waits(self, connection: Connection, seconds: float) -> None:
        if not self._is_sqlite:  # there the busy timeout bounds the only wait
            # The server speaks first: its word says more than a connection that the watchdog has cut.
            connection.execute(_SET_TIMEOUTS, {"timeout": str(max(int(seconds * 900), 1))})


def prepare_engine(engine: Engine) -> None:
    """Attach what each new connection and each SQLite transaction needs. To be called once an engine."""
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite_connection)
        event.listen(engine, "begin", _begin_sqlite_transaction)
    else:
        event.listen(engine, "connect", _prepare_postgresql_connection)


def _prepare_sqlite_connection(connection: Any, _record: object) -> None:
    # Text that is no UTF-8 comes back with replacement characters rather than failing a whole chunk.
    connection.text_factory = _decode_leniently
    cursor = connection.cursor()
    _turn_wal_on(cursor)
    cursor.execute("PRAGMA foreign_keys=ON")
    # FULL, the default, stays: a cursor in Redis must not outlive the commit that it stands for, not even a power cut.
    cursor.close()


def _turn_wal_on(cursor: sqlite3.Cursor) -> None:
    # The switch of a fresh file takes its lock without the driver's busy timeout: of several at once all but one fail.
    ends = time.monotonic() + BUSY_TIMEOUT_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > ends:
                raise
            time.sleep(0.01)


def _decode_leniently(raw: bytes) -> str:
    return str(raw, "utf-8", "replace")


def _begin_sqlite_transaction(connection: Connection) -> None:
    options = connection.get_execution_options()
    milliseconds = int(options.get("busy_timeout", BUSY_TIMEOUT_SECONDS) * 1000)
    connection.exec_driver_sql(f"PRAGMA busy_timeout = {milliseconds}")
    # A plain BEGIN that reads and then writes can fail at once instead of waiting its turn; IMMEDIATE waits.
    connection.exec_driver_sql(f"BEGIN {options.get('sqlite_begin', 'DEFERRED')}")


def _prepare_postgresql_connection(connection: Any, _record: object) -> None:
    strict = connection.adapters.get_loader(connection.adapters.types["timestamp"].oid, Format.TEXT)

    class LenientTimestampLoader(Loader):
        """`infinity` and years beyond 9999 come back as text, so that they fail their own stock alone."""

        def __init__(self, oid: int, context: Any = None) -> None:
            super().__init__(oid, context)
            self._parse = strict(oid, context).load

        def load(self, data: Buffer) -> Any:
            try:
                return self._parse(data)
            except DataError:
                return bytes(data).decode()

    connection.adapters.register_loader("timestamp", LenientTimestampLoader)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except PoolTimeout as error:
        raise DatabaseUnavailable("The database has no free connection for this call") from error
    except DBAPIError as last:
        first = _first(last)
        if isinstance(first, ProgrammingError) and _sqlstate(first) in _UNDEFINED_TABLE_OR_COLUMN:
            raise DatabaseUnavailable(_NOT_MIGRATED) from last
        if _is_unable(first) or last.connection_invalidated:
            raise DatabaseUnavailable(_reason(first), transient=_is_transient(first)) from last
        raise


def _first(error: DBAPIError) -> DBAPIError:
    """What went wrong first: once a transaction is gone, going back to a savepoint in it fails as well."""
    first, earlier = error, error.__context__
    while earlier is not None and not isinstance(earlier, CronError):
        first = earlier if isinstance(earlier, DBAPIError) else first
        earlier = earlier.__context__
    return first


def _is_unable(error: DBAPIError) -> bool:
    """Whether the server could not do it, whatever was asked; a damaged SQLite file has no class of its own."""
    plain = type(error) is DatabaseError
    refused = _sqlstate(error) in (_READ_ONLY, _FORBIDDEN)
    return plain or isinstance(error, OperationalError | InterfaceError) or refused


def _is_transient(error: DBAPIError) -> bool:
    """Deadlock, serialization failure, a lost or refused connection, a pause of our own: the same again may succeed."""
    sqlstate = _sqlstate(error)
    lost = not sqlstate and (error.connection_invalidated or _says(error, _REFUSED_FOR_NOW))
    return lost or sqlstate in ("40001", "40P01", "25P03") or sqlstate.startswith(("08", "57P"))


def _reason(error: DBAPIError) -> str:
    sqlstate, text_of_driver = _sqlstate(error), str(error.orig)
    reasons = {
        _NOT_MIGRATED: "no such table" in text_of_driver,
        "The database is locked by another writer": "locked" in text_of_driver,
        "The database's disk is full": "is full" in text_of_driver or sqlstate == "53100",
        "The database file is damaged, or is none": "malformed" in text_of_driver or "not a database" in text_of_driver,
        "The database is read-only": "readonly database" in text_of_driver or sqlstate == _READ_ONLY,
        "The database did not answer in time": sqlstate in ("57014", "55P03") or "interrupted" in text_of_driver,
        "The database has no free connection for this call": sqlstate == "53300" or _says(error, _TOO_MANY),
        "This process stood still for longer than a transaction may": sqlstate == "25P03",
        "The database forbids what is needed to the user in DATABASE_URL": sqlstate == _FORBIDDEN,
        "The database refuses the credentials in DATABASE_URL": _says(error, _NOT_LET_IN),
        "There is no database of the name in DATABASE_URL": _says(error, _NO_SUCH_DATABASE),
        "The database gave up the transaction for another's sake": sqlstate in ("40001", "40P01"),
    }
    return next((reason for reason, applies in reasons.items() if applies), _NO_ANSWER)


def _says(error: DBAPIError, pattern: re.Pattern[str]) -> bool:
    """What the server says to a connection that it does not take comes without a code."""
    return not _sqlstate(error) and pattern.search(str(error.orig)) is not None


def _sqlstate(error: DBAPIError) -> str:
    return getattr(error.orig, "sqlstate", None) or ""
