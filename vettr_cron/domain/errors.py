"""What can go wrong, in the words of the domain; an error's text is what a person reads."""

from collections.abc import Sequence
from typing import Any


class CronError(Exception):
    """Something that the service expects to go wrong at times; without a message, the docstring is the message."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or self.__doc__)

    @property
    def lines(self) -> Sequence[str]:
        """The text as a terminal shows it, line by line; most are one, whatever texts from outside are in them."""
        return (str(self),)


class StockDataError(CronError):
    """One stock's rows cannot be turned into a result.

    `column` is table.column, `problem` a phrase that names the value and what would be allowed.
    """

    def __init__(self, column: str, problem: str) -> None:
        super().__init__(f"{column} {problem}")
        self.column = column


class ServiceUnavailable(CronError):
    """A server that the service needs does not answer."""


class DatabaseUnavailable(ServiceUnavailable):
    """The database does not answer, or not in time.

    `transient`: the same again may well succeed. `late`: the server was still at it when the time for it was over.
    """

    def __init__(self, message: str, *, transient: bool = False, late: bool = False) -> None:
        super().__init__(message)
        self.transient = transient
        self.late = late


class NotMigrated(DatabaseUnavailable):
    """The database is not at the newest migration of this release."""


class RedisUnavailable(ServiceUnavailable):
    """Redis does not answer, or refuses writes."""


class RunSuperseded(CronError):
    """the lease was lost; another caller goes on"""


class RowsRefused(CronError):
    """The database refuses a group of rows for the sake of at least one of them."""


class JobPaused(CronError):
    """An operator has paused the job; `pause` says why and since when."""

    def __init__(self, pause: Any) -> None:
        super().__init__("the job is paused")
        self.pause = pause


class UnknownTickers(CronError):
    """Stocks were asked for by name that are not in the universe."""
