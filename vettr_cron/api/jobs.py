"""GET, POST /v1/cron/scores, /v1/cron/red-flags and /v1/cron/refresh-all: advance one job, or all."""

import math
from collections.abc import Iterable, Mapping

from flask import Response

from vettr_cron.api.blueprint import cron
from vettr_cron.api.envelope import success
from vettr_cron.api.errors import RETRY_AFTER_SECONDS, ApiError
from vettr_cron.api.methods import refuse_head
from vettr_cron.api.parameters import RefreshParameters, parameters
from vettr_cron.config import HTTP_TIME_BUDGET_SECONDS
from vettr_cron.domain.run import CallStatus, JobResult
from vettr_cron.jobs import JOBS
from vettr_cron.presentation import all_results_json, job_result_json
from vettr_cron.services.refresh import Request
from vettr_cron.services.refresh_all import refresh_all
from vettr_cron.services.registry import services


def _refresh_one(job_name: str) -> Response:
    asked = parameters(RefreshParameters)
    result = services().refresh.run(JOBS[job_name], _request(asked))
    shown = job_result_json(result)
    _raise_trouble([result], shown, asked)
    return success(shown, _retry_after([result]))


def _refresh_all() -> Response:
    asked = parameters(RefreshParameters)
    everything = refresh_all(services().refresh, _request(asked))
    results, shown = everything.results.values(), all_results_json(everything)
    _raise_trouble(results, shown, asked)
    return success(shown, _retry_after(results))


for _name in JOBS:
    cron.add_url_rule(
        f"/{_name}", _name, refuse_head(_refresh_one), methods=["GET", "POST"], defaults={"job_name": _name}
    )
cron.add_url_rule("/refresh-all", "refresh-all", refuse_head(_refresh_all), methods=["GET", "POST"])


def _request(asked: RefreshParameters) -> Request:
    settings = services().settings
    chunks = settings.cron_chunks_per_call if asked.chunks is None else None if asked.chunks == "all" else asked.chunks
    return Request(
        chunk_size=asked.chunk_size or settings.cron_chunk_size,
        chunks=chunks,
        time_budget=settings.cron_time_budget_seconds or HTTP_TIME_BUDGET_SECONDS,
    )


def _raise_trouble(results: Iterable[JobResult], shown: Mapping[str, object], asked: RefreshParameters) -> None:
    """Raise the worst of what happened: 500, then 503, then 409; nothing when all is well."""
    everyone = list(results)
    failed = [result for result in everyone if result.status is CallStatus.FAILED]
    if failed:
        message = "; ".join(f"{result.job}: {result.error}" for result in failed)
        written = any(result.chunks_run for result in everyone)
        if not written and all(result.unavailable for result in failed):
            retry = {"Retry-After": str(RETRY_AFTER_SECONDS)}
            raise ApiError(503, "SERVICE_UNAVAILABLE", message, shown, retry)
        raise ApiError(500, "JOB_FAILED", message, shown)
    skipped = [result for result in everyone if result.status is CallStatus.SKIPPED]
    if skipped and asked.on_conflict == "error":
        names = " and ".join(result.job for result in skipped)
        raise ApiError(409, "CONFLICT", f"Another caller is running {names}", shown, _retry_after(skipped))


def _retry_after(results: Iterable[JobResult]) -> dict[str, str]:
    """When a skipped call may be worth repeating: the longest that is left of a lease's term."""
    waits = [result.retry_after for result in results if result.retry_after is not None]
    return {"Retry-After": str(max(math.ceil(max(waits)), 1))} if waits else {}
