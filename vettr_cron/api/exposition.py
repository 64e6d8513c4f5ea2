"""The metrics in Prometheus' format."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from vettr_cron.domain.engine import EngineState
from vettr_cron.domain.job_state import JobState
from vettr_cron.domain.logged_call import LoggedStatus
from vettr_cron.services.monitor.metrics import Metrics

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4


def exposition(metrics: Metrics) -> bytes:
    """The text that answers a scrape."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Scrape(metrics))
    return generate_latest(registry)


class _Gauge(NamedTuple):
    name: str
    meaning: str
    value: Callable[[JobState], float | None]


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.replace(tzinfo=UTC).timestamp()


def _before(moment: datetime, seconds: int | None) -> datetime | None:
    return None if seconds is None else moment - timedelta(seconds=seconds)


_GAUGES = (
    _Gauge("cycle_progress_ratio", "How much of the cycle is done, from 0 to 1", lambda job: job.progress),
    _Gauge(
        "last_success_timestamp_seconds",
        "When the newest completed run along the cursor ended, in Unix time",
        lambda job: _seconds(job.last_success.completed_at) if job.last_success else None,
    ),
    _Gauge(
        "last_run_timestamp_seconds",
        "When the newest run along the cursor began, in Unix time",
        lambda job: _seconds(job.last_run.started_at) if job.last_run else None,
    ),
    _Gauge(
        "last_run_duration_seconds",
        "How long the newest run along the cursor took",
        lambda job: (job.last_run.duration_ms or 0) / 1000 if job.last_run else None,
    ),
    _Gauge("last_run_failed", "1 if the newest run along the cursor failed", lambda job: job.has_failed),
    _Gauge(
        "last_call_failed",
        "1 if the newest call along the cursor failed",
        lambda job: job.last_call is not None and job.last_call.status == LoggedStatus.FAILED,
    ),
    _Gauge(
        "last_call_timestamp_seconds",
        "When the newest call along the cursor began, in Unix time",
        lambda job: _seconds(job.last_call.started_at) if job.last_call else None,
    ),
    _Gauge(
        "last_completed_call_timestamp_seconds",
        "When the newest completed call along the cursor began, in Unix time",
        lambda job: _seconds(job.last_completed_call.started_at) if job.last_completed_call else None,
    ),
    _Gauge(
        "next_call_timestamp_seconds",
        "When the next call is expected, in Unix time; absent without a schedule",
        lambda job: _seconds(job.next_call),
    ),
    _Gauge(
        "missed_calls",
        "Expected calls of the last 24 h, and the newest one, that did not come; absent without a schedule",
        lambda job: len(job.attendance.missed) if job.timetable else None,
    ),
    _Gauge("lease_held", "1 while a caller is running the job", lambda job: job.lease_held),
    _Gauge(
        "last_progress_timestamp_seconds",
        "When the running call last made progress, in Unix time; absent if none is running",
        lambda job: _seconds(_before(job.as_of, job.seconds_since_progress)),
    ),
    _Gauge("paused", "1 while the job is paused", lambda job: job.paused is not None),
    _Gauge("call_overdue", "1 if an expected call has not come within the grace", lambda job: job.attendance.late),
)


def _of_workers(engine: EngineState) -> Iterator[Metric]:
    """What there is to say of workers, if there are to be any."""
    if not engine.has_workers:
        return
    yield GaugeMetricFamily("vettr_cron_workers", "Workers that are alive", len(engine.workers))
    yield GaugeMetricFamily("vettr_cron_worker_processes", "Groups that they can do at once", engine.processes)
    yield GaugeMetricFamily(
        "vettr_cron_groups_under_way", "Groups that workers were given and that are not done", engine.groups_under_way
    )
    yield GaugeMetricFamily(
        "vettr_cron_oldest_waiting_group_seconds",
        "For how long a group has been waiting for a worker; 0 if none is",
        engine.oldest_waiting_seconds or 0,
    )
    yield CounterMetricFamily(
        "vettr_cron_group_redeliveries",
        "Groups that were begun again because their worker died or was stopped",
        engine.redeliveries,
    )


class _Scrape(Collector):
    """The answer to one scrape."""

    def __init__(self, metrics: Metrics) -> None:
        self._engine = metrics.status.engine
        self._total_stocks = metrics.status.total_stocks
        self._jobs = [(state, metrics.coverage.jobs[key]) for key, state in metrics.status.jobs.items()]

    def collect(self) -> Iterator[Metric]:
        """Every metric family, with a sample for each job that has a value."""
        yield GaugeMetricFamily("vettr_cron_universe_stocks", "How many stocks there are", self._total_stocks)
        stocks = GaugeMetricFamily(
            "vettr_cron_stocks",
            "Stocks by the age of their last result: fresh is within CRON_FRESH_WITHIN",
            labels=["job", "state"],
        )
        failing = GaugeMetricFamily("vettr_cron_failing_stocks", "Stocks that failed last time", labels=["job"])
        for job, counts in self._jobs:
            for state in ("fresh", "stale", "never"):
                stocks.add_metric([job.name, state], getattr(counts, state))
            failing.add_metric([job.name], counts.failing)
        yield from (stocks, failing)
        yield from _of_workers(self._engine)
        for gauge in _GAUGES:
            family = GaugeMetricFamily(f"vettr_cron_{gauge.name}", gauge.meaning, labels=["job"])
            for job, _counts in self._jobs:
                value = gauge.value(job)
                if value is not None:
                    family.add_metric([job.name], float(value))
            yield family
