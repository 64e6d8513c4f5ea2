"""Runs at the times of a schedule."""

from datetime import datetime, timedelta
from uuid import UUID

from vettr_cron.domain.run import Run, RunStatus

NOON = datetime(2026, 11, 23, 12)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def a_run(began: datetime, stocks: int = 100, seconds: float = 1, **values: object) -> Run:
    known = {
        "id": UUID(int=0),
        "job_name": "refresh-scores",
        "status": RunStatus.COMPLETED,
        "chunk_offset": 0,
        "chunk_size": 100,
        "total_stocks": 1_300,
        "stocks_processed": stocks,
        "started_at": began,
        "completed_at": began + timedelta(seconds=seconds),
    }
    return Run(**known | values)  # type: ignore[arg-type]  # all of them are there


def calls_every(interval: timedelta, count: int, until: datetime, stocks: int = 100) -> list[Run]:
    return [a_run(until - number * interval, stocks) for number in range(count)]
