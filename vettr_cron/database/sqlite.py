"""SQLite: write-ahead log, foreign keys, waits that are bounded, and text whatever the bytes."""

import sqlite3
import time
from typing import Any

from sqlalchemy import Connection, Engine, event

BUSY_TIMEOUT_SECONDS = 3  # in which a process that waits hears no signal
CACHE_KIB = 16_000
PAGES_IN_LOG = 16_000  # 64 MB


def prepare(engine: Engine) -> None:
    """Attach what each new connection and each transaction needs. To be called once an engine."""
    event.listen(engine, "connect", _prepare_connection)
    event.listen(engine, "begin", _begin_transaction)


def _prepare_connection(connection: Any, _record: object) -> None:
    # Text that is no UTF-8 comes back with replacement characters rather than failing a whole chunk.
    connection.text_factory = _decode_leniently
    cursor = connection.cursor()
    _turn_wal_on(cursor)
    cursor.execute("PRAGMA foreign_keys=ON")
    # A commit waits for the disk: the cursor in Redis must not outlive what it stands for.
    cursor.execute("PRAGMA synchronous=FULL")
    # The pages that a chunk changes are some hundreds, all over the file, as rows have random ids: they fit, and are
    # brought from the log to the file once for many chunks.
    cursor.execute(f"PRAGMA cache_size = {-CACHE_KIB}")
    cursor.execute(f"PRAGMA wal_autocheckpoint = {PAGES_IN_LOG}")
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


def _begin_transaction(connection: Connection) -> None:
    options = connection.get_execution_options()
    milliseconds = int(options.get("busy_timeout", BUSY_TIMEOUT_SECONDS) * 1000)
    # A plain BEGIN that reads and then writes can fail at once instead of waiting its turn; IMMEDIATE waits.
    if connection.info.get("busy_timeout") != milliseconds:
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {milliseconds}")
        connection.info["busy_timeout"] = milliseconds
    connection.exec_driver_sql(options.get("sqlite_begin", "BEGIN DEFERRED"))
