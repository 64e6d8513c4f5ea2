"""The newest results at a glance: the distribution of scores, the best and worst stocks, the flags by severity."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from vettr_cron.database.transactions import Database
from vettr_cron.repositories import newest_results
from vettr_cron.repositories.newest_results import BAND, Scored
from vettr_cron.services.clock import utc_now

__all__ = ["Results", "ReadResults", "Scored"]

EXTREMES = 5
RECENT = timedelta(days=1)  # the history also has older flags, which are not the newest results


@dataclass(frozen=True, slots=True)
class Results:
    """`bands` counts the stocks by score: the first from 0 to 9, the last from 90 to 100."""

    bands: Sequence[int]
    unscored: int
    best: Sequence[Scored]
    worst: Sequence[Scored]
    flags_by_severity: Mapping[str, int]


class ReadResults:
    """The use case behind `cron overview`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self) -> Results:
        """The newest results. Raises DatabaseUnavailable."""
        with self._database.reading() as connection:
            counts = newest_results.scores_by_band(connection)
            best, worst = newest_results.best_and_worst(connection, EXTREMES)
            flags = newest_results.flags_by_severity(connection, utc_now() - RECENT)
        bands = [0] * (100 // BAND)
        for band, count in counts.items():
            if band is not None:
                bands[min(band, len(bands) - 1)] += count
        return Results(bands, counts.get(None, 0), best, worst, flags)
