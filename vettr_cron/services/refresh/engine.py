"""Where the groups of a chunk are evaluated and saved: in the process of the call, or elsewhere."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, Protocol
from uuid import UUID

from vettr_cron.work_settings import MAXIMUM_GROUP_SIZE


class Engine(Protocol):
    """Makes the executor to which a call submits its groups; see `run_group` for what is submitted."""

    @property
    def window(self) -> int:
        """How many groups of a chunk may be under way at once."""

    @property
    def side_by_side(self) -> bool:
        """Whether groups are done by other processes, which read the inputs themselves and save several at once."""

    def group_size(self, batch_size: int) -> int:
        """Stocks per group."""

    def executor(self, job: str, call_id: UUID) -> Executor:
        """The executor of one call, which the call shuts down at its end."""


class Threads:
    """One group after the other, in the process of the call, whose threads evaluate its batches."""

    window, side_by_side = 1, False

    def __init__(self, size: int = MAXIMUM_GROUP_SIZE) -> None:
        self._size = size

    def group_size(self, batch_size: int) -> int:
        """As many whole batches as the limit has room for."""
        return max(self._size // batch_size, 1) * batch_size

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
