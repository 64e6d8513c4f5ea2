"""Output that nobody waits for: what finds no room is dropped and counted, so that no reader can hold up a call."""

import os
import select
import threading
from collections import deque

MOST_WAITING = 1_000_000  # bytes, besides what the system itself keeps for the reader
LINGER_SECONDS = 1.0


class NonBlockingWriter:
    """Writes texts to a file descriptor, in order, in a thread of its own.

    The thread is started when there is something to write, in the process that writes: none survives a fork. It ends
    when nothing came for a while.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._forget()
        os.register_at_fork(after_in_child=self._forget)

    def _forget(self) -> None:
        """Begin anew: what waits in the parent is the parent's to write."""
        self._changed = threading.Condition()
        self._waiting: deque[tuple[bytes, int]] = deque()
        self._size = 0
        self._dropped = 0
        self._is_writing = False
        self._is_stuck = False

    def write(self, text: str, lines: int = 1) -> bool:
        """Take a text for writing. If there is no room for it, count its lines as dropped and return False."""
        data = text.encode("utf-8", "backslashreplace")
        with self._changed:
            if self._size and self._size + len(data) > MOST_WAITING:
                self._dropped += lines
                return False
            self._waiting.append((data, lines))
            self._size += len(data)
            if self._is_writing:
                self._changed.notify_all()
                return True
            self._is_writing = True
        try:
            threading.Thread(target=self._write_all, name=f"writer-{self._fd}", daemon=True).start()
        except RuntimeError:  # the interpreter ends, and starts no more threads
            self._write_all(linger=0)
        return True

    def take_dropped(self) -> int:
        """How many lines were dropped since this was last asked."""
        with self._changed:
            dropped, self._dropped = self._dropped, 0
            return dropped

    def drain(self, seconds: float, *, drop: bool = False) -> bool:
        """Wait until all is written, but not longer than this; then with `drop`, drop what still waits.

        Nobody waits a second time for a reader that reads nothing.
        """
        with self._changed:
            written = self._changed.wait_for(lambda: not self._size, 0 if self._is_stuck else seconds)
            self._is_stuck = not written
            if drop and not written:
                # The first one may be half written, so it is not taken from the thread.
                while len(self._waiting) > 1:
                    data, lines = self._waiting.pop()
                    self._size -= len(data)
                    self._dropped += lines
            return written

    def _write_all(self, linger: float = LINGER_SECONDS) -> None:
        while True:
            with self._changed:
                if not self._waiting:
                    self._changed.wait(linger)
                if not self._waiting:
                    self._is_writing = False
                    return
                data, lines = self._waiting[0]
            is_written = self._write_one(data)
            with self._changed:
                self._waiting.popleft()
                self._size -= len(data)
                self._is_stuck = False
                self._dropped += 0 if is_written else lines
                self._changed.notify_all()

    def _write_one(self, data: bytes) -> bool:
        left = memoryview(data)
        while left:
            try:
                left = left[os.write(self._fd, left) :]
            except BlockingIOError:  # a program that shares the descriptor has made it non-blocking
                ready = select.poll()
                ready.register(self._fd, select.POLLOUT)
                ready.poll()
            except BrokenPipeError:
                return True  # no reader is left who could miss it
            except OSError:
                return False
        return True
