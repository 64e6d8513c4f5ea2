"""Server processes that end with the test run, however it ends, and leave nothing behind."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import Signals
from typing import Self

_SUPERVISOR = Path(__file__).with_name("supervisor.py")


class ServerDidNotStart(Exception):
    """A server of the tests does not start, or there is none on this machine."""


class SupervisedServer(ABC):
    """A server of this test process's own: it keeps its data, and its address, from start to start until `close`."""

    def __init__(self, end_signal: Signals, user: str | None = None) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="vettr-cron-"))
        self._end_signal = end_signal
        self._user = user
        self._supervisor: subprocess.Popen[bytes] | None = None
        self._pid = 0

    @abstractmethod
    def command(self) -> list[str]:
        """What runs the server in the foreground, in `folder`."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether the server can be used now."""

    @property
    def pid(self) -> int:
        """The server's process, for a test that sends it a signal of its own."""
        return self._pid

    @property
    def alive(self) -> bool:
        """Whether the process is there; the news of its end may take a tenth of a second."""
        try:
            os.kill(self._pid, 0)
        except ProcessLookupError:
            return False
        return self._supervisor is not None

    @contextmanager
    def running(self) -> Iterator[Self]:
        """The server, from its start to the end of the block."""
        try:
            self.start()
            yield self
        finally:
            self.close()

    def start(self) -> None:
        """Start the server, again if it ran already, and wait until it answers. Raises ServerDidNotStart."""
        self.stop()
        arguments = [str(self.folder), str(int(self._end_signal)), self._user or "", *self.command()]
        self._supervisor = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_SUPERVISOR), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the test run, which then ends it
        )
        assert self._supervisor.stdout is not None
        self._pid = int(self._supervisor.stdout.readline() or 0)
        deadline = time.monotonic() + 60
        while not self.answers():
            if not self.alive or time.monotonic() > deadline:
                raise ServerDidNotStart(f"{arguments[3]} does not start; its log ends: {self._log()[-2000:]}")
            time.sleep(0.02)

    def stop(self) -> None:
        """End the server and every connection to it; it may have ended already."""
        self._end(b"keep")

    def close(self) -> None:
        """End the server and remove its data."""
        self._end(b"")
        shutil.rmtree(self.folder, ignore_errors=True)

    def _end(self, word: bytes) -> None:
        supervisor, self._supervisor = self._supervisor, None
        if supervisor is not None:
            supervisor.communicate(word)

    def _log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")
