"""Where the groups of a chunk are evaluated and saved: in the process of the call, or elsewhere."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, Protocol
from uuid import UUID


class Engine(Protocol):
    """Makes the executor to which a call submits its groups; see `run_group` for what is submitted."""

    @property
    def window(self) -> int:
        """How many groups of a chunk may be under way at once."""

    @property
    def side_by_side(self) -> bool:
        """Whether groups are done by other processes, which read the inputs themselves and save several at once."""

    def working_seconds(self, time_budget: float | None) -> float | None:
        """For how much of a call's time budget groups are begun; None means no bound."""

    def executor(self, job: str, call_id: UUID) -> Executor:
        """The executor of one call, which the call shuts down at its end."""


class Threads:
    """One group after the other, in the process of the call, whose threads evaluate its batches."""

    window, side_by_side = 1, False

    def working_seconds(self, time_budget: float | None) -> float | None:
        """All of it: batches are short."""
        return time_budget

    def executor(self, job: str, call_id: UUID) -> Executor:
        """An executor that does what is submitted at once."""
        return _Inline()


class _Inline(Executor):
    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(function(*args, **kwargs))
        except Exception as problem:
            future.set_exception(problem)
        return future
