"""A check and what came out of it, in words for whoever is to mend it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How bad it is."""

    OK = "ok"  # as it should be
    WARNING = "warning"  # it works, though not as well or as long as it might; or it could not be found out
    PROBLEM = "problem"  # calls fail, or stocks do not stay fresh


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is not as it should be, and what to do about it."""

    state: State
    found: str
    mend: str


@dataclass(frozen=True, slots=True)
class Check:
    """What one check has found; `mend` is None where there is nothing to do."""

    name: str
    state: State
    found: str
    mend: str | None


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All checks."""

    checks: Sequence[Check]

    @property
    def ok(self) -> bool:
        """Whether there is no problem; there may be warnings."""
        return self.count(State.PROBLEM) == 0

    def count(self, state: State) -> int:
        """How many checks came out so."""
        return sum(check.state is state for check in self.checks)


def warning(found: str, mend: str) -> Trouble:
    """Something that works for now."""
    return Trouble(State.WARNING, found, mend)


def problem(found: str, mend: str) -> Trouble:
    """Something that does not work."""
    return Trouble(State.PROBLEM, found, mend)


def judged(name: str, fine: str, troubles: Sequence[Trouble]) -> Check:
    """The check that found these troubles, as bad as the worst of them; without any, all is `fine`."""
    if not troubles:
        return Check(name, State.OK, fine, None)
    worst_first = sorted(troubles, key=lambda trouble: trouble.state is not State.PROBLEM)
    found = "; ".join(trouble.found for trouble in worst_first)
    mend = " ".join(dict.fromkeys(trouble.mend for trouble in worst_first))
    return Check(name, worst_first[0].state, found, mend)


def unchecked(name: str, reason: str) -> Check:
    """A check that could not be made."""
    return Check(name, State.WARNING, f"Not checked: {reason}", "Mend that first, then ask again.")
