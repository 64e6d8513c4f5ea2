"""Ends database transactions that outlast their limit, also when the server, or the way to it, says nothing at all.

The server's own timeouts bound what the server does; a reply that never comes they cannot bound, and the driver waits
for it for ever. So one thread watches all transactions of the process, and cuts the connection of one that is overdue:
the driver then reports a lost connection.
"""

import os
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

TICK_SECONDS = 0.1

Watch = Callable[[Any, float], None]
"""Called with a driver's connection and seconds: this connection is cut then, unless the watch is called again."""


class Watchdog:
    """Watches transactions; `earlier` may say a moment (monotonic) by which all must end that began before it."""

    def __init__(self, earlier: Callable[[], float | None]) -> None:
        self._earlier = earlier
        self._watched: dict[object, tuple[float, float, Callable[[], None]]] = {}
        self._changed = threading.Condition()
        self._process: int | None = None

    @contextmanager
    def watching(self) -> Iterator[Watch]:
        """Cut what the block says, when it says, unless it ends before."""
        key = object()

        def watch(driver_connection: Any, seconds: float) -> None:
            now = time.monotonic()
            with self._changed:
                self._watched[key] = (now, now + seconds, _cutter(driver_connection))
                self._start()
                self._changed.notify()

        try:
            yield watch
        finally:
            with self._changed:
                self._watched.pop(key, None)

    def _start(self) -> None:
        # A thread does not survive a fork: each process has its own.
        if self._process != os.getpid():
            self._process = os.getpid()
            threading.Thread(target=self._watch, name="transaction-watchdog", daemon=True).start()

    def _watch(self) -> None:
        while True:
            with self._changed:
                while not self._watched:
                    self._changed.wait()
                for began, limit, cut in self._watched.values():
                    if time.monotonic() > self._end(began, limit):
                        cut()
            time.sleep(TICK_SECONDS)

    def _end(self, began: float, limit: float) -> float:
        earlier = self._earlier()
        return min(limit, earlier) if earlier is not None and began < earlier else limit


def _cutter(driver_connection: Any) -> Callable[[], None]:
    """How to end a wait in this driver from another thread; nothing happens when the connection is closed by then."""

    if isinstance(driver_connection, sqlite3.Connection):

        def interrupt() -> None:
            with suppress(sqlite3.ProgrammingError):
                driver_connection.interrupt()

        return interrupt
    from psycopg import Error  # not where the database is SQLite

    def cut() -> None:
        # The socket object owns a duplicate: closing it leaves the driver's descriptor to the driver.
        with suppress(OSError, Error), socket.socket(fileno=os.dup(driver_connection.fileno())) as connection:
            connection.shutdown(socket.SHUT_RDWR)

    return cut
