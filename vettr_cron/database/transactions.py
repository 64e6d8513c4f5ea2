"""The engine's settings, and the kinds of transaction that the service uses."""

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import URL, RootTransaction

from vettr_cron.database import sqlite
from vettr_cron.database.errors import translated
from vettr_cron.database.sqlite import BUSY_TIMEOUT_SECONDS
from vettr_cron.database.watchdog import Watch, Watchdog

CONNECT_TIMEOUT_SECONDS = 5
PING_TIMEOUT_SECONDS = 2.0
MINIMUM_LIMIT_SECONDS = 1.5
LEAST_SECONDS = 0.5
IMPORT_LIMIT_SECONDS = 86_400.0
POOL_SIZE, POOL_OVERFLOW = 5, 5  # connections that a process keeps, and how many more it opens under load

_WRITE_TO_SQLITE = "BEGIN IMMEDIATE"
# Each statement sees what is committed once it has its locks. With REPEATABLE READ, a table that another program
# emptied and refilled while this transaction waited for its lock would be empty. The level is set each time, because a
# role may have another default.
_WRITE_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"
_READ_ONLY_BEGIN = f"{_WRITE_BEGIN} READ ONLY"
# Searching for a better join order takes as long as reading a small chunk. Left alone, the planner scans whole tables
# of a small universe, sometimes again for each stock, and sorts all prices of a ticker to find the newest.
_BY_INDEX = (
    "SET LOCAL join_collapse_limit = 1",
    "SET LOCAL enable_seqscan = off",
    "SET LOCAL enable_bitmapscan = off",
)
# A role or a database may have other values. Our times are in UTC, also in a column with a time zone.
_AS_EXPECTED = "SET LOCAL TimeZone = 'UTC'; SET LOCAL array_nulls = on"
_TIMEOUTS = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")


def engine_options(url: URL) -> dict[str, Any]:
    """Engine settings for this database: bounded waits, and connections that are checked before use."""
    pool = {"pool_size": POOL_SIZE, "max_overflow": POOL_OVERFLOW}
    if url.get_backend_name() == "sqlite":
        return {**pool, "connect_args": {"timeout": BUSY_TIMEOUT_SECONDS, "isolation_level": None}}
    return {
        **pool,
        "pool_timeout": CONNECT_TIMEOUT_SECONDS,
        "connect_args": {
            "connect_timeout": CONNECT_TIMEOUT_SECONDS,
            # A transaction pooler may give the next transaction another server connection, which lacks the prepared
            # statement.
            "prepare_threshold": None,
            "application_name": "vettr-cron",
            # Whatever the database's own encoding: with SQL_ASCII, text would otherwise arrive as bytes.
            "client_encoding": "UTF8",
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 20_000,
        },
    }


def prepare_engine(engine: Engine) -> None:
    """Set up the engine's driver as the service needs it. Call it once per engine."""
    if engine.dialect.name == "sqlite":
        sqlite.prepare(engine)
    else:
        from vettr_cron.database import postgresql  # imports its driver

        postgresql.prepare(engine)


class Database:
    """Transactions on one engine; every failure of the server is raised as DatabaseUnavailable.

    No transaction lasts longer than `longest_wait` seconds, half a lease's term, so a stopped holder cannot block its
    successor. `shutdown_at` may give a moment (monotonic) by which every transaction must have ended. With
    `row_security` off, PostgreSQL refuses a statement if a policy might hide its rows, instead of hiding them.
    """

    def __init__(
        self,
        engine: Engine,
        longest_wait: float,
        shutdown_at: Callable[[], float | None] = lambda: None,
        *,
        row_security: bool = False,
    ) -> None:
        self.engine = engine
        self._longest_wait = longest_wait
        self._shutdown_at = shutdown_at
        self.row_security = row_security
        self._watchdog = Watchdog(shutdown_at)
        self._is_sqlite = engine.dialect.name == "sqlite"
        self._opening = threading.local()
        if not self._is_sqlite:
            event.listen(engine, "do_connect", self._bound_connecting)
            event.listen(engine, "connect", self._watch_opening, insert=True)

    @property
    def patience(self) -> float:
        """Seconds that a transaction waits for the server, or for another's lock, unless it has to end earlier."""
        return self._busy_timeout(self._longest_wait) if self._is_sqlite else self._longest_wait

    @property
    def prefetch_helps(self) -> bool:
        """Whether reading while another thread computes saves time; SQLite's driver takes Python's lock at each row."""
        return not self._is_sqlite

    def reading(self, timeout: float | None = None) -> AbstractContextManager[Connection]:
        """A read-only transaction of at most `timeout` seconds.

        On PostgreSQL each statement sees what is committed when it begins: read in one statement what must agree.
        """
        return self._transaction("BEGIN DEFERRED" if self._is_sqlite else _READ_ONLY_BEGIN, self._limit(timeout))

    def index_reads(self, timeout: float | None = None) -> AbstractContextManager[Connection]:
        """Like reading, for statements that read stock by stock: joins in the order written, rows by index."""
        begin = "; ".join([_READ_ONLY_BEGIN, *_BY_INDEX])
        return self._transaction("BEGIN DEFERRED" if self._is_sqlite else begin, self._limit(timeout))

    def writing(self, timeout: float | None = None) -> AbstractContextManager[Connection]:
        """A transaction of at most `timeout` seconds; it commits when the block ends, or rolls back on an exception."""
        return self._transaction(_WRITE_TO_SQLITE if self._is_sqlite else _WRITE_BEGIN, self._limit(timeout))

    def saving(self, timeout: float | None = None) -> AbstractContextManager[Connection]:
        """Like writing, but row security may hide rows; rows that it keeps from being written are detected afterwards.

        The database's own triggers may read and write tables that have policies and are not ours.
        """
        return self._transaction(
            _WRITE_TO_SQLITE if self._is_sqlite else _WRITE_BEGIN, self._limit(timeout), sees_all=False
        )

    def importing(self) -> AbstractContextManager[Connection]:
        """A writing transaction of any length; only its single statements are bounded."""
        return self._transaction(_WRITE_TO_SQLITE if self._is_sqlite else _WRITE_BEGIN, None)

    @contextmanager
    def _transaction(self, begin: str, limit: float | None, *, sees_all: bool = True) -> Iterator[Connection]:
        if not self._is_sqlite:
            policies_apply = self.row_security or not sees_all
            begin = f"{begin}; SET LOCAL row_security = {'on' if policies_apply else 'off'}; {_AS_EXPECTED}"
        with translated(), self._watchdog.watching() as watch:
            connection, transaction = self._begin(begin, watch, limit)
            with connection, transaction:
                yield connection

    def _begin(self, begin: str, watch: Watch, limit: float | None) -> tuple[Connection, RootTransaction]:
        """A transaction on a working connection: a pooled one may have died and is replaced, a new one must work."""
        ends = None if limit is None else time.monotonic() + limit
        while True:
            connection = self._open(watch, _left(ends))
            driver_connection, is_used = connection.connection.driver_connection, "used" in connection.info
            try:
                connection = connection.execution_options(
                    **self._options(begin + _without_end(driver_connection), _left(ends))
                )
                ping = PING_TIMEOUT_SECONDS if not self._is_sqlite else _left(ends) or IMPORT_LIMIT_SECONDS
                watch(driver_connection, ping)
                transaction = connection.begin()
                # Beginning may have used up part of the limit.
                watch(driver_connection, _left(ends) or IMPORT_LIMIT_SECONDS)
            except BaseException as error:
                connection.close()
                if not (is_used and getattr(error, "connection_invalidated", False)):
                    raise
            else:
                connection.info["used"] = True
                return connection, transaction

    def _options(self, begin: str, left: float | None) -> dict[str, Any]:
        if self._is_sqlite:
            return {"sqlite_begin": begin, "busy_timeout": self._busy_timeout(left)}
        # The server times out before the watchdog: its error says more than a cut connection.
        milliseconds = max(int((left or self._longest_wait) * 900), 1)
        timeouts = (f"SET LOCAL {name} = {milliseconds}" for name in _TIMEOUTS)
        # The driver must not begin the transaction or set anything itself: each would take an extra round trip.
        return {"postgresql_begin": "; ".join([begin, *timeouts]), "isolation_level": "AUTOCOMMIT"}

    def _open(self, watch: Watch, limit: float | None) -> Connection:
        self._opening.watch, self._opening.limit = watch, limit
        try:
            return self.engine.connect()
        finally:
            self._opening.watch = self._opening.limit = None

    def _bound_connecting(self, _dialect: object, _record: object, _arguments: object, options: dict[str, Any]) -> None:
        limit = getattr(self._opening, "limit", None) or CONNECT_TIMEOUT_SECONDS
        options["connect_timeout"] = math.ceil(min(limit, CONNECT_TIMEOUT_SECONDS))

    def _watch_opening(self, driver_connection: Any, _record: object) -> None:
        watch = getattr(self._opening, "watch", None)
        if watch is not None:
            watch(driver_connection, PING_TIMEOUT_SECONDS)

    def _limit(self, timeout: float | None) -> float:
        seconds = self._longest_wait if timeout is None else min(self._longest_wait, timeout)
        shutdown = self._shutdown_at()
        if shutdown is not None:
            seconds = min(seconds, shutdown - time.monotonic())
        # When a budget ends, finished work is still to be saved, and the run's end still to be recorded.
        return max(seconds, min(self._longest_wait, MINIMUM_LIMIT_SECONDS))

    def _busy_timeout(self, limit: float | None) -> float:
        return BUSY_TIMEOUT_SECONDS if limit is None else min(limit, BUSY_TIMEOUT_SECONDS)


def _without_end(driver_connection: Any) -> str:
    """What turns off a timeout that PostgreSQL has from release 17 on: an import may take longer, and we have ours."""
    info = getattr(driver_connection, "info", None)  # SQLite has none
    return "; SET LOCAL transaction_timeout = 0" if info is not None and info.server_version >= 170_000 else ""


def _left(ends: float | None) -> float | None:
    """Seconds until a moment (monotonic), but at least the time that anything takes; None if there is no end."""
    return None if ends is None else max(ends - time.monotonic(), LEAST_SECONDS)
