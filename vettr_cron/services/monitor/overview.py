"""The newest results at a glance: the distribution of scores, the best and worst stocks, the flags by severity."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from vettr_cron.database.transactions import Database
from vettr_cron.repositories import overview
from vettr_cron.repositories.overview import BAND, Scored
from vettr_cron.services.clock import utc_now

__all__ = ["Overview", "ReadOverview", "Scored"]

EXTREMES = 5
RECENT = timedelta(days=1)  # the history also has older flags, which are not the newest results


@dataclass(frozen=True, slots=True)
class Overview:
    """`bands` counts the stocks by score: the first from 0 to 9, the last from 90 to 100."""

    bands: Sequence[int]
    unscored: int
    best: Sequence[Scored]
    worst: Sequence[Scored]
    flags_by_severity: Mapping[str, int]


class ReadOverview:
    """The use case behind `cron overview`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self) -> Overview:
        """The newest results. Raises DatabaseUnavailable."""
        with self._database.reading() as connection:
            counts = overview.scores_by_band(connection)
            best, worst = overview.best_and_worst(connection, EXTREMES)
            flags = overview.flags_by_severity(connection, utc_now() - RECENT)
        bands = [0] * (100 // BAND)
        for band, count in counts.items():
            if band is not None:
                bands[min(band, len(bands) - 1)] += count
        return Overview(bands, counts.get(None, 0), best, worst, flags)
