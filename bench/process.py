"""The service's processes as a benchmark starts them: with a production environment and nothing else set."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

SECRET = "of the benchmark alone"  # noqa: S105


class Pass(NamedTuple):
    """One cycle of both jobs."""

    seconds: float
    stocks: int
    statements: int
    round_trips: int
    peak_kib: int


def production(database_url: str, redis_url: str) -> dict[str, str]:
    """A production environment for a service on these servers."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LANG") if name in os.environ}
    own = {"APP_ENV": "production", "CRON_SECRET": SECRET, "DATABASE_URL": database_url, "REDIS_URL": redis_url}
    return kept | own


def peak_kib(pid: int | str = "self") -> int:
    """The peak memory of a process; getrusage may report its parent's, from before the exec."""
    (line,) = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1])


def cpu_seconds(pid: int) -> float:
    """What a process has computed so far, its threads and its calls of the kernel included."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


class CyclingService:
    """A process that runs cycles of one job, or of all jobs of the application in a module."""

    def __init__(self, environment: Mapping[str, str], job: str | None = None, app: str = "wsgi") -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.service", app, *([job] if job else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=dict(environment),
        )

    def cpu_seconds(self) -> float:
        """What the process has computed so far."""
        return cpu_seconds(self._process.pid)

    def cycle(self, chunk_size: int, chunks: int | None = None) -> Pass:
        """One cycle with chunks of that size, or so many of its chunks."""
        self.begin(chunk_size, chunks)
        return self.end()

    def begin(self, chunk_size: int, chunks: int | None = None) -> None:
        """Begin a cycle without waiting for it."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{chunk_size} {chunks or ''}\n")
        self._process.stdin.flush()

    def end(self) -> Pass:
        """Wait for the cycle that was begun, and return its figures."""
        assert self._process.stdout is not None
        return Pass(**json.loads(self._process.stdout.readline()))

    def __enter__(self) -> "CyclingService":
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _where: TracebackType | None
    ) -> None:
        self._process.communicate()
