"""Takes samples of how fresh a job's results are, in its calls: at a cycle's end, and otherwise every 15 minutes."""

import time
from datetime import timedelta
from functools import partial

import structlog

from vettr_cron.domain.attendance import CLOCK_AHEAD
from vettr_cron.domain.errors import CronError
from vettr_cron.domain.run import StopReason
from vettr_cron.logs import cause_of, words_of
from vettr_cron.repositories import samples, states
from vettr_cron.services.clock import utc_now
from vettr_cron.services.refresh.call import Call
from vettr_cron.services.retry import with_timeout

log = structlog.get_logger(__name__)

EVERY = timedelta(minutes=15)
LONGEST_SECONDS = 2.0  # that a call waits for a sample
LEAST_SECONDS = 0.5  # that it waits for the one at a cycle's end, even if its time budget is spent
_UNFIT = (StopReason.ERROR, StopReason.SUPERSEDED)


class Sampler:
    """The samples that one call takes while it holds its job's lease, so that no two callers take one at once."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._due = time.monotonic()  # when to look next whether a sample is due

    def after_chunk(self, stop: StopReason | None) -> None:
        """Take a sample if one is due now that a chunk is done; `stop` is why the call goes no further.

        What goes wrong is logged, and never fails the call.
        """
        call = self._call
        if stop in _UNFIT:  # a server has just failed, or another caller holds the lease
            return
        ends_cycle = call.is_complete
        if not ends_cycle and (time.monotonic() < self._due or not call.limits.may_start()):
            return
        self._due = time.monotonic() + EVERY.total_seconds()
        try:
            with_timeout(self._latest_end(ends_cycle=ends_cycle), partial(self._take, always=ends_cycle))
        except CronError as problem:
            log.warning("sample_not_taken", job=call.job.run_name, reason=str(problem), cause=cause_of(problem))
        except Exception as bug:
            log.warning("sample_not_taken", job=call.job.run_name, reason=words_of(bug), exc_info=bug)

    def _latest_end(self, *, ends_cycle: bool) -> float:
        """The moment (monotonic) at which the call goes on without the sample."""
        left, least = self._call.limits.seconds_left, LEAST_SECONDS if ends_cycle else 0.0
        latest = time.monotonic() + (LONGEST_SECONDS if left is None else min(max(left, least), LONGEST_SECONDS))
        ends = self._call.shutdown.ends
        return latest if ends is None else min(latest, ends)

    def _take(self, *, always: bool) -> None:
        """Add a sample, or unless `always` note when the next one is due."""
        database, job, now = self._call.database, self._call.job, utc_now()
        recent = (now - EVERY, now + CLOCK_AHEAD)
        with database.reading(LONGEST_SECONDS) as connection:
            newest = None if always else samples.newest_at(connection, job.name, recent[1])
            if newest is not None and newest > recent[0]:
                self._due = time.monotonic() + (newest - recent[0]).total_seconds()
                return
            fresh_since = now - self._call.settings.cron_fresh_within
            counts, distribution = states.counts_and_kinds(connection, job.name, fresh_since)
        # By itself, as on SQLite others wait for whoever writes.
        with database.writing(LONGEST_SECONDS) as connection:
            samples.add(connection, job.name, now, counts, distribution, None if always else recent)
