"""The way to the database: one engine's settings, and the kinds of transaction that the service uses."""

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
POOL_SIZE, POOL_OVERFLOW = 5, 10  # connections that a process keeps, and how many more it opens in a rush

_WRITE_TO_SQLITE = "BEGIN IMMEDIATE"
# Each statement sees what is committed once it has its locks. With the one state that REPEATABLE READ gives to a whole
# transaction, a table that another program emptied and filled again while this one waited for its lock would be empty.
# The level is said each time, as a role's default may be another.
_WRITE_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"
_READ_ONLY_BEGIN = f"{_WRITE_BEGIN} READ ONLY"
# To look for a better order of joins takes as long as to read a small chunk. Left to itself the planner scans whole
# tables of a small universe, anew for each stock in places, and sorts all prices of a ticker to find the newest.
_BY_INDEX = (
    "SET LOCAL join_collapse_limit = 1",
    "SET LOCAL enable_seqscan = off",
    "SET LOCAL enable_bitmapscan = off",
)
_TIMEOUTS = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")


def engine_options(url: URL) -> dict[str, Any]:
    """Engine settings for this database: bounded waits, and connections that are checked before they are used."""
    pool = {"pool_size": POOL_SIZE, "max_overflow": POOL_OVERFLOW}
    if url.get_backend_name() == "sqlite":
        return {**pool, "connect_args": {"timeout": BUSY_TIMEOUT_SECONDS, "isolation_level": None}}
    return {
        **pool,
        "pool_timeout": CONNECT_TIMEOUT_SECONDS,
        "connect_args": {
            "connect_timeout": CONNECT_TIMEOUT_SECONDS,
            # A transaction pooler hands the next transaction another server connection, without the prepared statement.
            "prepare_threshold": None,
            "application_name": "vettr-cron",
            # Whatever the database's own: one of SQL_ASCII would otherwise hand over bytes in place of texts.
            "client_encoding": "UTF8",
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 20_000,
        },
    }


def prepare_engine(engine: Engine) -> None:
    """Teach the engine's driver what the service relies on. To be called once an engine."""
    if engine.dialect.name == "sqlite":
        sqlite.prepare(engine)
    else:
        from vettr_cron.database import postgresql  # which imports its driver

        postgresql.prepare(engine)


class Database:
    """Transactions on one engine; every failure of the server comes out as DatabaseUnavailable.

    No transaction lasts longer than `longest_wait` seconds, half a lease's term: so a holder that was stopped cannot
    block its successor. `shutdown_at` may say a moment (monotonic) by which every transaction must have ended.
    With `row_security` off, PostgreSQL refuses a statement whose rows a policy might hide, rather than hide them.
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
        self._driver_error = engine.dialect.loaded_dbapi.Error
        if not self._is_sqlite:
            event.listen(engine, "do_connect", self._bound_connecting)
            event.listen(engine, "connect", self._watch_opening, insert=True)

    @property
    def patience(self) -> float:
        """Seconds for which a transaction waits for the server, or for another's lock, where no end is nearer."""
        return self._busy_timeout(self._longest_wait) if self._is_sqlite else self._longest_wait

    @property
    def prefetch_helps(self) -> bool:
        """Whether it pays to read beside a thread that computes: SQLite's driver takes Python's lock at each row."""
        return not self._is_sqlite

    def reading(self, timeout: float | None = None) -> AbstractContextManager[Connection]:
        """A read-only transaction of at most so many seconds.

        On PostgreSQL each statement sees what is committed when it begins: what must agree is one statement.
        """
        return self._transaction("BEGIN DEFERRED" if self._is_sqlite else _READ_ONLY_BEGIN, self._limit(timeout))

    def index_reads(self, timeout: float | None = None) -> AbstractContextManager[Connection]:
        """Like reading, for statements that read rows stock by stock: joins as written, rows by their index."""
        begin = "; ".join([_READ_ONLY_BEGIN, *_BY_INDEX])
        return self._transaction("BEGIN DEFERRED" if self._is_sqlite else begin, self._limit(timeout))

    def writing(self, timeout: float | None = None) -> AbstractContextManager[Connection]:
        """A transaction of at most so many seconds; it commits at the block's end, or rolls back on an exception."""
        return self._transaction(_WRITE_TO_SQLITE if self._is_sqlite else _WRITE_BEGIN, self._limit(timeout))

    def saving(self, timeout: float | None = None) -> AbstractContextManager[Connection]:
        """Like writing, where row security may hide rows: what it keeps from being written is found out afterwards.

        The database's own triggers may read and write tables that are under policies and none of ours.
        """
        return self._transaction(
            _WRITE_TO_SQLITE if self._is_sqlite else _WRITE_BEGIN, self._limit(timeout), sees_all=False
        )

    def importing(self) -> AbstractContextManager[Connection]:
        """A writing transaction as long as it takes; only each of its statements is bounded."""
        return self._transaction(_WRITE_TO_SQLITE if self._is_sqlite else _WRITE_BEGIN, None)

    @contextmanager
    def _transaction(self, begin: str, limit: float | None, *, sees_all: bool = True) -> Iterator[Connection]:
        if not self._is_sqlite:
            policies_apply = self.row_security or not sees_all
            begin = f"{begin}; SET LOCAL row_security = {'on' if policies_apply else 'off'}"
        with translated(), self._watchdog.watching() as watch:
            connection, transaction = self._begin(begin, watch, limit)
            with connection, transaction:
                yield connection

    def _begin(self, begin: str, watch: Watch, limit: float | None) -> tuple[Connection, RootTransaction]:
        """A transaction on a connection that answers: one of the pool's may have died there, a new one may not."""
        ends = None if limit is None else time.monotonic() + limit
        while True:
            connection = self._open(watch, _left(ends))
            driver_connection, is_used = connection.connection.driver_connection, "used" in connection.info
            try:
                connection = connection.execution_options(**self._options(begin, _left(ends)))
                ping = PING_TIMEOUT_SECONDS if not self._is_sqlite else _left(ends) or IMPORT_LIMIT_SECONDS
                watch(driver_connection, ping)
                transaction = connection.begin()
                # To begin may have taken a part of what the whole may take.
                watch(driver_connection, _left(ends) or IMPORT_LIMIT_SECONDS)
            except BaseException as error:
                is_lost = isinstance(error, self._driver_error) or getattr(error, "connection_invalidated", False)
                if is_lost:
                    connection.invalidate()
                connection.close()
                if not (is_used and is_lost):
                    raise
            else:
                connection.info["used"] = True
                return connection, transaction

    def _options(self, begin: str, left: float | None) -> dict[str, Any]:
        if self._is_sqlite:
            return {"sqlite_begin": begin, "busy_timeout": self._busy_timeout(left)}
        # The server speaks first: its word says more than a connection that the watchdog has cut.
        milliseconds = max(int((left or self._longest_wait) * 900), 1)
        timeouts = (f"SET LOCAL {name} = {milliseconds}" for name in _TIMEOUTS)
        # The driver neither begins the transaction nor sets anything itself: each would take a round trip of its own.
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
        # What is in hand when a budget ends is still to be saved, and how a run ended still to be told.
        return max(seconds, min(self._longest_wait, MINIMUM_LIMIT_SECONDS))

    def _busy_timeout(self, limit: float | None) -> float:
        return BUSY_TIMEOUT_SECONDS if limit is None else min(limit, BUSY_TIMEOUT_SECONDS)


def _left(ends: float | None) -> float | None:
    """Seconds until a moment (monotonic), as many as anything takes at least; None where there is no end."""
    return None if ends is None else max(ends - time.monotonic(), LEAST_SECONDS)
