"""What is wrong with a folder of CSV files, worded so that a person can fix it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vettr_cron.domain.errors import CronError
from vettr_cron.domain.printable import printable

SHOWN = 20
"""This many problems are listed; the others are only counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One mistake and its place; `line` is the line of the file where its row begins."""

    file: str
    line: int | None = None
    column: str | None = None
    text: str

    def __str__(self) -> str:
        line = "" if self.line is None else f" line {self.line}"
        column = "" if self.column is None else f", column {self.column}"
        return printable(f"{self.file}{line}{column}: {self.text}")


Report = Callable[[Problem], None]


class ImportRefused(CronError):
    """A folder has mistakes; the text lists the first of them and says that nothing was written."""

    def __init__(self, problems: Sequence[Problem], *, total: int, outcome: str = "nothing was written") -> None:
        lines = [str(problem) for problem in problems]
        if total == 1:
            super().__init__(f"{lines[0]}; {outcome}")
        elif total == len(lines):
            super().__init__("\n".join([*lines, f"{total} problems; {outcome}"]))
        else:
            super().__init__("\n".join([*lines, f"{total} problems, of which {len(lines)} are shown; {outcome}"]))
        self.problems = tuple(problems)
        self.total = total

    @property
    def lines(self) -> Sequence[str]:
        """One problem per line, and the outcome."""
        return str(self).split("\n")
