"""Time for the services: the day's clock for what is written down, a stopwatch for what is waited for."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

# After both the lease is given back and the interpreter ends: in all within the 10 s that a stop may take.
SHUTDOWN_GRACE_SECONDS = 8.0
LAST_WORD_SECONDS = 0.5


def utc_now() -> datetime:
    """Now as naive UTC in whole milliseconds, as every timestamp that we write."""
    now = datetime.now(UTC).replace(tzinfo=None)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


class Stopwatch:
    """Milliseconds since it was made, unmoved by changes of the system's clock."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    @property
    def milliseconds(self) -> int:
        """Whole milliseconds so far."""
        return int((time.monotonic() - self._started) * 1000)


class Limits:
    """What bounds a call: its time budget, and whoever may tell it to stop."""

    def __init__(self, seconds: float | None, is_stopped: Callable[[], bool] = lambda: False) -> None:
        self._ends = None if seconds is None else time.monotonic() + seconds
        self._is_stopped = is_stopped

    @property
    def seconds_left(self) -> float | None:
        """Seconds left of the time budget, never below 0; None when there is no bound."""
        return None if self._ends is None else max(self._ends - time.monotonic(), 0.0)

    @property
    def spent(self) -> bool:
        """Whether the time budget is spent."""
        return self.seconds_left == 0.0

    def may_start(self) -> bool:
        """Whether another step may start; once the answer is no, it stays no."""
        return not (self._is_stopped() or self.spent)


class Shutdown:
    """Set once the process was asked to stop: work in hand may be saved for a while, no new work starts."""

    def __init__(self, grace_seconds: float = SHUTDOWN_GRACE_SECONDS) -> None:
        self._grace_seconds = grace_seconds
        self._asked_at: float | None = None

    def ask(self) -> None:
        """Ask every call of this process to stop soon. Safe in a signal handler, and more than once."""
        if self._asked_at is None:
            self._asked_at = time.monotonic()

    @property
    def asked(self) -> bool:
        """Whether the process was asked to stop."""
        return self._asked_at is not None

    @property
    def at(self) -> float | None:
        """The moment (monotonic) by which what can be saved must have been; None while nobody asked."""
        return None if self._asked_at is None else self._asked_at + self._grace_seconds

    @property
    def over(self) -> bool:
        """Whether that moment has come."""
        return self.at is not None and time.monotonic() >= self.at

    @property
    def ends(self) -> float | None:
        """The moment (monotonic) until which a run's end may be told; nobody waits any longer."""
        return None if self.at is None else self.at + LAST_WORD_SECONDS
