"""What each of the four pillars answers."""

from typing import NamedTuple


class PillarScore(NamedTuple):
    """One pillar before it is weighed: score None means missing, and then every sub-score is reported as 0."""

    name: str
    score: int | None
    sub_scores: dict[str, float]


def missing(name: str, *sub_scores: str) -> PillarScore:
    """The pillar of a stock about which nothing is known that it needs."""
    return PillarScore(name, None, dict.fromkeys(sub_scores, 0))
