"""The result of each of the four pillars."""

from typing import NamedTuple


class PillarScore(NamedTuple):
    """One pillar before weighting; a score of None means missing, and then every sub-score is reported as 0."""

    name: str
    score: int | None
    sub_scores: dict[str, float]


def missing(name: str, *sub_scores: str) -> PillarScore:
    """The pillar of a stock for which none of its inputs is known."""
    return PillarScore(name, None, dict.fromkeys(sub_scores, 0))
