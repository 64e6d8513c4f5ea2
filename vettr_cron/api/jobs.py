"""GET, POST /v1/cron/<job> for each job, such as /v1/cron/scores, and /v1/cron/refresh-all: advance one job, or all."""

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial

from flask import Flask, Response
from pydantic import BaseModel

from vettr_cron.api.blueprint import cron
from vettr_cron.api.contract import Failure, Stated, View, answers, unavailable
from vettr_cron.api.envelope import success
from vettr_cron.api.errors import RETRY_AFTER_SECONDS, ApiError
from vettr_cron.api.methods import refuse_head
from vettr_cron.api.parameters import RefreshParameters
from vettr_cron.api.request_parameters import asks, invalid_parameter
from vettr_cron.config import HTTP_TIME_BUDGET_SECONDS
from vettr_cron.domain.errors import UnknownTickers
from vettr_cron.domain.logged_call import Caller
from vettr_cron.domain.run import CallStatus, JobResult, StopReason
from vettr_cron.jobs.job import Job
from vettr_cron.registry import services
from vettr_cron.services.refresh.all_jobs import refresh_all
from vettr_cron.services.refresh.request import Request
from vettr_cron.shapes import refresh as shapes


def _advances(result: Stated, result_or_preview: Stated) -> Callable[[View], View]:
    return answers(
        result_or_preview,
        Failure(
            status=409,
            code="CONFLICT",
            meaning="Another caller is running the job, and on_conflict is error",
            details=result,
            headers=("Retry-After",),
        ),
        Failure(status=500, code="JOB_FAILED", meaning="A run failed; details has what it did", details=result),
        unavailable(result),
        headers=("Retry-After",),
        tag="refresh",
    )


@_advances(shapes.JobResult, shapes.JobResultOrPreview)
@asks(RefreshParameters)
def _refresh_one(asked: RefreshParameters, job_name: str) -> Response:
    """Advance one job by its next chunks of stocks."""
    job, request = services().jobs[job_name], _request(asked)
    with _unknown_tickers_refused():
        if asked.dry_run:
            return success(shapes.job_preview(services().preview.read(job, request)))
        result = services().refresh.run(job, request)
    shown = shapes.job_result(result)
    _raise_failure([result], shown, asked)
    return success(shown, _retry_after([result]))


@_advances(shapes.all_results_shape, shapes.all_results_or_previews_shape)
@asks(RefreshParameters)
def _refresh_all(asked: RefreshParameters) -> Response:
    """Advance every job by its next chunks of stocks, one job after the other."""
    request = _request(asked)
    with _unknown_tickers_refused():
        if asked.dry_run:
            previews = {job.key: services().preview.read(job, request) for job in services().jobs.values()}
            return success(shapes.all_previews(previews, services().jobs))
        everything = refresh_all(services().refresh, services().jobs, request)
    results, shown = everything.results.values(), shapes.all_results(everything, services().jobs)
    _raise_failure(results, shown, asked)
    return success(shown, _retry_after(results))


def register(app: Flask, jobs: Iterable[Job]) -> None:
    """Add a path for each job, and one for all: rules of the application, under the blueprint's name."""
    add = partial(app.add_url_rule, methods=["GET", "POST"])
    begin = f"{cron.url_prefix}/"
    paths = [rule.rule.removeprefix(begin) for rule in app.url_map.iter_rules() if rule.rule.startswith(begin)]
    taken = {path.partition("/")[0] for path in paths}
    for job in jobs:
        if job.name in taken:
            raise ValueError(f"a job cannot be called {job.name!r}: a path has that name")
        path, endpoint = f"{cron.url_prefix}/{job.name}", f"{cron.name}.{job.name}"
        add(path, endpoint, refuse_head(_refresh_one), defaults={"job_name": job.name})
    add(f"{cron.url_prefix}/refresh-all", f"{cron.name}.refresh-all", refuse_head(_refresh_all))


def _request(asked: RefreshParameters) -> Request:
    settings = services().settings
    if asked.only and asked.tickers:
        raise invalid_parameter("only", "cannot be combined with tickers")
    return Request.asked(
        settings,
        chunk_size=asked.chunk_size,
        chunks=asked.chunks,
        only_failed=asked.only is not None,
        tickers=asked.tickers,
        time_budget=settings.cron_time_budget_seconds or HTTP_TIME_BUDGET_SECONDS,
        caller=Caller.HTTP,
    )


@contextmanager
def _unknown_tickers_refused() -> Iterator[None]:
    try:
        yield
    except UnknownTickers as error:
        raise invalid_parameter("tickers", str(error)) from None


def _raise_failure(results: Iterable[JobResult], shown: BaseModel, asked: RefreshParameters) -> None:
    """Raise the worst failure: 500, then 503, then 409; do nothing if all is well."""
    results = list(results)
    failed = [result for result in results if result.status is CallStatus.FAILED]
    if failed:
        message = "; ".join(f"{result.job}: {result.error}" for result in failed)
        written = any(result.chunks_run for result in results)
        if not written and all(result.unavailable for result in failed):
            retry = {"Retry-After": str(RETRY_AFTER_SECONDS)}
            raise ApiError(503, "SERVICE_UNAVAILABLE", message, shown, retry)
        raise ApiError(500, "JOB_FAILED", message, shown)
    skipped = [result for result in results if result.stop_reason is StopReason.ALREADY_RUNNING]
    if skipped and asked.on_conflict == "error":
        names = " and ".join(result.job for result in skipped)
        raise ApiError(409, "CONFLICT", f"Another caller is running {names}", shown, _retry_after(skipped))


def _retry_after(results: Iterable[JobResult]) -> dict[str, str]:
    """When to retry a skipped call: after the longest remaining term of a lease."""
    waits = [result.retry_after for result in results if result.retry_after is not None]
    return {"Retry-After": str(max(math.ceil(max(waits)), 1))} if waits else {}
