"""The performance goals, and how measured figures compare with them."""

from collections.abc import Iterable, Sequence
from statistics import median
from typing import NamedTuple


class Goal(NamedTuple):
    """One line of the table. `figure` is compared with `limit`, both in the same unit."""

    what: str
    limit: float
    figure: float
    seen: str  # the measurements behind the figure

    @property
    def is_met(self) -> bool:
        """Whether the figure is not above the limit."""
        return self.figure <= self.limit


def table(goals: Iterable[Goal]) -> str:
    """The goals as a Markdown table."""
    lines = ["| what | measured | figure | goal | met |", "|---|---|---|---|---|"]
    lines += [
        f"| {goal.what} | {goal.seen} | {goal.figure:.3g} | at most {goal.limit:g} | {'yes' if goal.is_met else 'no'} |"
        for goal in goals
    ]
    return "\n".join(lines)


def ratio(ones: Sequence[float], others: Sequence[float]) -> float:
    """The median of the ratios of figures measured side by side."""
    return median(one / other for one, other in zip(ones, others, strict=True))


def spread(seconds: Sequence[float], unit: float = 1.0, name: str = "s") -> str:
    """The median of some times, with the shortest and the longest."""
    least, middle, most = (value / unit for value in (min(seconds), median(seconds), max(seconds)))
    return f"{middle:.3g} {name} ({least:.3g} to {most:.3g})"
