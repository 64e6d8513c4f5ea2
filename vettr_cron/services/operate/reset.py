"""Forgets cursors, so that the next call starts a new cycle; a lease is left alone."""

from collections.abc import Sequence

import structlog

from vettr_cron.jobs.job import Job
from vettr_cron.redis_store.cursors import Cursors

log = structlog.get_logger(__name__)


class Reset:
    """The use case behind `reset`."""

    def __init__(self, cursors: Cursors) -> None:
        self._cursors = cursors

    def run(self, jobs: Sequence[Job]) -> list[str]:
        """Forget these jobs' cursors and give their names. Raises RedisUnavailable."""
        names = [job.name for job in jobs]
        self._cursors.reset(names)
        log.info("cursors_reset", jobs=names)
        return names
