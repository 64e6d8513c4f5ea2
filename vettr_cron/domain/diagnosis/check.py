"""A check and its result, in words for the person who fixes it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How bad it is."""

    OK = "ok"  # as it should be
    WARNING = "warning"  # it works, but not as well or for as long as it could; or it could not be checked
    PROBLEM = "problem"  # calls fail, or stocks do not stay fresh


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, and how to fix it."""

    state: State
    found: str
    fix: str


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check; `fix` is None if there is nothing to do."""

    name: str
    state: State
    found: str
    fix: str | None


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All checks."""

    checks: Sequence[Check]

    @property
    def ok(self) -> bool:
        """Whether there is no problem; there may be warnings."""
        return self.count(State.PROBLEM) == 0

    def count(self, state: State) -> int:
        """How many checks have this state."""
        return sum(check.state is state for check in self.checks)


def warning(found: str, fix: str) -> Finding:
    """Something that works for now."""
    return Finding(State.WARNING, found, fix)


def problem(found: str, fix: str) -> Finding:
    """Something that does not work."""
    return Finding(State.PROBLEM, found, fix)


def judged(name: str, fine: str, findings: Sequence[Finding]) -> Check:
    """The check with these findings, as bad as the worst of them; without any, the result is `fine`."""
    if not findings:
        return Check(name, State.OK, fine, None)
    worst_first = sorted(findings, key=lambda finding: finding.state is not State.PROBLEM)
    found = "; ".join(finding.found for finding in worst_first)
    fix = " ".join(dict.fromkeys(finding.fix for finding in worst_first))
    return Check(name, worst_first[0].state, found, fix)


def unchecked(name: str, reason: str) -> Check:
    """A check that could not be run."""
    return Check(name, State.WARNING, f"Not checked: {reason}", "Fix that first, then run the check again.")
