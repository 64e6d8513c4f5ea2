"""How a job's current results are distributed: what a sample keeps, so that nobody has to read the history for it."""

from sqlalchemy import Connection, func, select

from vettr_cron.domain.red_flags import SEVERITIES
from vettr_cron.models.tables import cron_stock_states as states
from vettr_cron.models.tables import red_flag_history as flags
from vettr_cron.repositories.overview import BAND, scores_by_band

UNSCORED = "none"
_LAST_BAND = 100 // BAND - 1


def of_scores(connection: Connection) -> dict[str, int]:
    """How many stocks have a score from 0 to 9, from 10 to 19, ..., from 90 to 100, by the lowest; "none": no score."""
    found = dict.fromkeys([*(str(band * BAND) for band in range(_LAST_BAND + 1)), UNSCORED], 0)
    for band, stocks in scores_by_band(connection).items():
        found[UNSCORED if band is None else str(min(max(int(band), 0), _LAST_BAND) * BAND)] += stocks
    return found


def of_red_flags(connection: Connection, job: str) -> dict[str, int]:
    """How many flags of each severity are current: detected when this job last refreshed their stock.

    The history has many flags, and an index on the time; a cycle has as few times as chunks, so that only the flags of
    these times are read. As a join, SQLite would read them again for each stock.
    """
    of_job = states.c.job == job
    times = select(states.c.last_refreshed_at).where(of_job)
    same = (states.c.ticker == flags.c.stock_ticker) & (states.c.last_refreshed_at == flags.c.detected_at)
    is_current = select(states.c.ticker).where(of_job, same).exists()
    counted = (func.count().filter(flags.c.severity == severity) for severity in SEVERITIES)
    row = connection.execute(select(*counted).where(flags.c.detected_at.in_(times), is_current)).one()
    return dict(zip(SEVERITIES, row, strict=True))
