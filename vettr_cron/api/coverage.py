"""GET /v1/cron/coverage and /v1/cron/failures: is every stock fresh, and which ones fail?"""

from flask import Response

from vettr_cron.api.blueprint import cron
from vettr_cron.api.contract import answers, unavailable
from vettr_cron.api.envelope import success
from vettr_cron.api.parameters import CoverageParameters, FailuresParameters
from vettr_cron.api.request_parameters import asks, invalid_parameter
from vettr_cron.registry import services
from vettr_cron.services.monitor.coverage import Listing
from vettr_cron.shapes import monitor as shapes


@cron.get("/coverage", provide_automatic_options=False)
@answers(shapes.coverage_shape, unavailable())
@asks(CoverageParameters)
def coverage(asked: CoverageParameters) -> Response:
    """How many stocks are fresh, stale or never refreshed, and which."""
    if asked.stocks and not asked.job:
        raise invalid_parameter("job", "is required with stocks, which lists those of one job")
    if asked.reason and not asked.stocks:
        raise invalid_parameter("stocks", "is required with reason, which narrows the list")
    jobs = services().jobs_named(asked.job)
    listing = None
    if asked.stocks:
        listing = Listing(freshness=asked.stocks, limit=asked.limit, after=asked.after, reason=asked.reason)
    max_age = asked.max_age or services().settings.cron_fresh_within
    found = services().coverage.read(jobs, max_age, listing)
    return success(shapes.coverage(found, services().jobs))


@cron.get("/failures", provide_automatic_options=False)
@answers(shapes.failures_shape, unavailable())
@asks(FailuresParameters)
def failures(asked: FailuresParameters) -> Response:
    """The stocks that failed last time: since when, how often, and why."""
    jobs = services().jobs_named(asked.job)
    pages = {job.key: services().coverage.failures(job, asked.limit, asked.after, asked.reason) for job in jobs}
    return success(shapes.failures(pages, services().jobs))
