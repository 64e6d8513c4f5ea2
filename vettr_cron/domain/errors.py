"""What can go wrong, in the words of the domain; an error's text is what a person reads.

An error that always says the same says it once: the first line of its docstring is its text.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from vettr_cron.domain.printable import printable

_LONGEST_SHOWN = 60  # characters of a ticker


class CronError(Exception):
    """something went wrong that the service expects at times"""

    def __init__(self, message: str | None = None) -> None:
        # `python -OO` drops docstrings.
        said = (self.__doc__ or type(self).__name__).partition("\n")[0]
        super().__init__(said if message is None else message)

    @property
    def lines(self) -> Sequence[str]:
        """The text as a terminal shows it, line by line; most are one, whatever texts from outside are in them."""
        return (str(self),)


class Problem(NamedTuple):
    """Why a stock has no result: a sentence for a person, and the reason, which is the same for all of its kind."""

    error: str
    reason: str


def unexpected(error: Exception) -> Problem:
    """The problem of an unforeseen error: its name alone, as its text may contain anything."""
    name = f"unexpected {type(error).__name__}"
    return Problem(f"{name}; the log has the details", name)


class StockDataError(CronError):
    """One stock's rows cannot be turned into a result.

    `column` is table.column, `problem` a phrase that names the value and what would be allowed, `kind` the same without
    the value: not finite.
    """

    def __init__(self, column: str, problem: str, kind: str = "not usable") -> None:
        super().__init__(f"{column} {problem}")
        self.column = column
        self.problem = Problem(str(self), f"{column} {kind}")


class ServiceUnavailable(CronError):
    """A server that the service needs does not answer"""

    is_logged = False  # whether the log has what the server or its driver said


class DatabaseUnavailable(ServiceUnavailable):
    """The database does not answer

    `transient`: the same again may well succeed. `late`: the server was still at it when the time for it was over.
    """

    def __init__(self, message: str | None = None, *, transient: bool = False, late: bool = False) -> None:
        super().__init__(message)
        self.transient = transient
        self.late = late


class NotMigrated(DatabaseUnavailable):
    """The database is not at the newest migration; run `flask --app wsgi db upgrade`"""


class UnknownCharacters(CronError):
    """The database's encoding lacks a character of what was given"""


class RedisUnavailable(ServiceUnavailable):
    """Redis does not answer"""


class InputsUnreadable(CronError):
    """The database cannot read the inputs of at least one of the selected stocks, because of what they contain.

    `reason` is the kind of error, without any value.
    """

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class GroupNotDone(CronError):
    """no worker has done a group of stocks"""


class RunSuperseded(CronError):
    """the lease was lost; another caller goes on"""


class RunUnknown(CronError):
    """A worker's database does not have the run, which its caller has begun."""


class RowsRefused(CronError):
    """The database refuses a group of rows for the sake of at least one of them.

    `reason` names table, column or constraint, and the kind of error, without any value.
    """

    def __init__(self, message: str, reason: str = "rows refused") -> None:
        super().__init__(message)
        self.problem = Problem(message, reason)


class JobPaused(CronError):
    """the job is paused

    `pause` says why and since when.
    """

    def __init__(self, pause: Any) -> None:
        super().__init__()
        self.pause = pause


class UnknownTickers(CronError):
    """Stocks were asked for by name that are not in the universe."""


class UnknownStock(CronError):
    """There is no stock with this ticker."""

    def __init__(self, ticker: str) -> None:
        shown = printable(ticker if len(ticker) <= _LONGEST_SHOWN else f"{ticker[:_LONGEST_SHOWN]}...")
        super().__init__(f"There is no stock with the ticker '{shown}', written exactly so")


class UnknownRun(CronError):
    """there is no run with this id"""


class UnknownCall(CronError):
    """there is no call with this id"""
