"""Ends database transactions that exceed their limit, even if the server or the network does not answer at all.

The server's own timeouts bound what the server does, but not a reply that never comes, for which the driver waits
forever. So one thread watches all transactions of the process and cuts the connection of any that is overdue; the
driver then reports a lost connection.
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
"""Called with a driver connection and seconds: the connection is cut after them, unless the watch is called again."""


class Watchdog:
    """Watches transactions; those that began before the moment `shutdown_at()` (monotonic) must end by then."""

    def __init__(self, shutdown_at: Callable[[], float | None]) -> None:
        self._shutdown_at = shutdown_at
        self._watched: dict[object, tuple[float, float, Callable[[], None]]] = {}
        self._changed = threading.Condition()
        self._process: int | None = None

    @contextmanager
    def watching(self) -> Iterator[Watch]:
        """Let the block set a time limit for a connection, which is cut if the block has not ended by then."""
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
        shutdown = self._shutdown_at()
        return min(limit, shutdown) if shutdown is not None and began < shutdown else limit


def _cutter(driver_connection: Any) -> Callable[[], None]:
    """A function that ends a wait in this driver from another thread; it does nothing if the connection is closed."""

    if isinstance(driver_connection, sqlite3.Connection):

        def interrupt() -> None:
            with suppress(sqlite3.ProgrammingError):
                driver_connection.interrupt()

        return interrupt
    from psycopg import Error  # not needed if the database is SQLite

    def cut() -> None:
        # The socket object owns a duplicate of the descriptor, so that closing it does not close the driver's own.
        with suppress(OSError, Error), socket.socket(fileno=os.dup(driver_connection.fileno())) as connection:
            connection.shutdown(socket.SHUT_RDWR)

    return cut
