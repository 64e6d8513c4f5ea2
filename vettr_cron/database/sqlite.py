"""SQLite: write-ahead log, foreign keys, bounded waits, and lenient decoding of text."""

import atexit
import os
import sqlite3
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any
from weakref import ref

from sqlalchemy import Connection, Engine, event

from vettr_cron.domain.timestamps import naive_utc

BUSY_TIMEOUT_SECONDS = 3  # while a process waits for a lock, it handles no signals
CACHE_KIB = 16_000
PAGES_IN_LOG = 16_000  # 64 MB
UTC_FUNCTION = "vettr_cron_in_utc"  # SQL's name for a time as we store it, whatever its form


def prepare(engine: Engine) -> None:
    """Attach what each new connection and each transaction needs. Call it once per engine."""
    event.listen(engine, "do_connect", _create_privately)
    event.listen(engine, "connect", _prepare_connection)
    event.listen(engine, "begin", _begin_transaction)
    atexit.register(_close, ref(engine))


def _close(engine: ref[Engine]) -> None:
    """Close the idle connections: the last one to close moves what is in the log to the file, and removes the log."""
    alive = engine()
    if alive is not None:
        alive.dispose()


def make_private(folder: Path) -> None:
    """Create the folder if it is not there, and let only this user into it, even if an older release created it."""
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid == os.geteuid():
        folder.chmod(0o700)


def _create_privately(_dialect: object, _record: object, arguments: Sequence[Any], _options: object) -> None:
    """Create a file that is not there, readable by this user alone; SQLite creates those beside it with its mode."""
    if str(arguments[0]).startswith("file:"):
        return
    with suppress(OSError):  # which SQLite then reports itself
        os.close(os.open(arguments[0], os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def _prepare_connection(connection: Any, _record: object) -> None:
    # Text that is not UTF-8 comes back with replacement characters instead of failing a whole chunk.
    connection.text_factory = _decode_leniently
    connection.create_function(UTC_FUNCTION, 1, _stored_in_utc, deterministic=True)
    cursor = connection.cursor()
    _turn_wal_on(cursor)
    cursor.execute("PRAGMA foreign_keys=ON")
    # A commit waits for the disk: the cursor in Redis must not survive the results that it stands for.
    cursor.execute("PRAGMA synchronous=FULL")
    # A chunk changes some hundreds of pages all over the file, because rows have random ids. They fit into the cache,
    # and one checkpoint moves the pages of many chunks from the log to the file.
    cursor.execute(f"PRAGMA cache_size = {-CACHE_KIB}")
    cursor.execute(f"PRAGMA wal_autocheckpoint = {PAGES_IN_LOG}")
    cursor.close()


def _turn_wal_on(cursor: sqlite3.Cursor) -> None:
    # On a fresh file the switch locks it without the driver's busy timeout: of several at once, all but one fail.
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


def _stored_in_utc(value: Any) -> Any:
    """A time as SQLAlchemy stores it, for comparisons; what is not a time stays as it is."""
    try:
        return naive_utc(datetime.fromisoformat(value)).isoformat(" ", "microseconds")
    except (OverflowError, TypeError, ValueError):
        return value


def _begin_transaction(connection: Connection) -> None:
    options = connection.get_execution_options()
    milliseconds = int(options.get("busy_timeout", BUSY_TIMEOUT_SECONDS) * 1000)
    # After a plain BEGIN, reading and then writing can fail at once instead of waiting; with IMMEDIATE it waits.
    if connection.info.get("busy_timeout") != milliseconds:
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {milliseconds}")
        connection.info["busy_timeout"] = milliseconds
    connection.exec_driver_sql(options.get("sqlite_begin", "BEGIN DEFERRED"))
