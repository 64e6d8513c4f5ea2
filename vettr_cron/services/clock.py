"""Time for the services: the wall clock for what is recorded, a monotonic clock for durations and waits."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

# Both leave time to release the lease and end the interpreter within the 10 s that a stop may take.
SHUTDOWN_GRACE_SECONDS = 8.0
LAST_WORD_SECONDS = 0.5


def utc_now() -> datetime:
    """Now as naive UTC in whole milliseconds, like every timestamp that we write."""
    now = datetime.now(UTC).replace(tzinfo=None)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


class Stopwatch:
    """Milliseconds since its creation, unaffected by changes of the system clock."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    @property
    def milliseconds(self) -> int:
        """Whole milliseconds so far."""
        return int((time.monotonic() - self._started) * 1000)


class Limits:
    """The limits of a call: its time budget, and a function that may tell it to stop."""

    def __init__(self, seconds: float | None, is_stopped: Callable[[], bool] = lambda: False) -> None:
        self._ends = None if seconds is None else time.monotonic() + seconds
        self._is_stopped = is_stopped

    @property
    def seconds_left(self) -> float | None:
        """Seconds left of the time budget, never below 0; None if there is no bound."""
        return None if self._ends is None else max(self._ends - time.monotonic(), 0.0)

    @property
    def spent(self) -> bool:
        """Whether the time budget is spent."""
        return self.seconds_left == 0.0

    def may_start(self) -> bool:
        """Whether another step may start; once the answer is no, it stays no."""
        return not (self._is_stopped() or self.spent)


class Shutdown:
    """Set once the process is asked to stop: no new work starts, and running work has a while to be saved."""

    def __init__(self, grace_seconds: float = SHUTDOWN_GRACE_SECONDS) -> None:
        self._grace_seconds = grace_seconds
        self._asked_at: float | None = None

    def ask(self) -> None:
        """Ask every call of this process to stop soon. Safe in a signal handler, and if called more than once."""
        if self._asked_at is None:
            self._asked_at = time.monotonic()

    @property
    def asked(self) -> bool:
        """Whether the process was asked to stop."""
        return self._asked_at is not None

    @property
    def at(self) -> float | None:
        """The moment (monotonic) by which everything must be saved; None if the process was not asked to stop."""
        return None if self._asked_at is None else self._asked_at + self._grace_seconds

    @property
    def over(self) -> bool:
        """Whether that moment has come."""
        return self.at is not None and time.monotonic() >= self.at

    @property
    def ends(self) -> float | None:
        """The moment (monotonic) until which a run's end may be recorded; no wait lasts longer."""
        return None if self.at is None else self.at + LAST_WORD_SECONDS
