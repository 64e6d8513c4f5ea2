"""GET /v1/cron/coverage and /v1/cron/failures: is every stock fresh, and which fail?"""

from flask import Response

from vettr_cron.api import schemas
from vettr_cron.api.blueprint import cron
from vettr_cron.api.contract import answers, unavailable
from vettr_cron.api.envelope import success
from vettr_cron.api.parameters import CoverageParameters, FailuresParameters, asks, invalid_parameter
from vettr_cron.presentation import coverage_json, page_json
from vettr_cron.registry import services
from vettr_cron.services.monitor.coverage import Listing


@cron.get("/coverage", provide_automatic_options=False)
@answers(schemas.Coverage, unavailable())
@asks(CoverageParameters)
def coverage(asked: CoverageParameters) -> Response:
    """How many stocks are fresh, stale or were never refreshed, and which."""
    if asked.stocks and not asked.job:
        raise invalid_parameter("job", "is needed beside stocks: a list is of one job")
    jobs = services().jobs_named(asked.job)
    listing = Listing(freshness=asked.stocks, limit=asked.limit, after=asked.after) if asked.stocks else None
    return success(coverage_json(services().coverage.read(jobs, asked.max_age, listing)))


@cron.get("/failures", provide_automatic_options=False)
@answers(schemas.Failures, unavailable())
@asks(FailuresParameters)
def failures(asked: FailuresParameters) -> Response:
    """The stocks that failed last time: since when, how often, and why."""
    jobs = services().jobs_named(asked.job)
    pages = {job.key: services().coverage.failures(job, asked.limit, asked.after) for job in jobs}
    return success({key: page_json(page) for key, page in pages.items()})
