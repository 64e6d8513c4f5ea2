"""GET /v1/cron/overview: the service at a glance, for a page that asks again and again."""

from flask import Response, request

from vettr_cron.api.blueprint import cron
from vettr_cron.api.contract import answers, unavailable
from vettr_cron.api.envelope import success_if_changed
from vettr_cron.api.parameters import NoParameters
from vettr_cron.api.request_parameters import asks
from vettr_cron.registry import services
from vettr_cron.shapes import overview as shapes


@cron.get("/overview", provide_automatic_options=False)
@answers(shapes.overview_shape, unavailable(), has_etag=True, tag="dashboard")
@asks(NoParameters)
def overview(_asked: NoParameters) -> Response:
    """How the service fares in one sentence, and each job's freshness and status."""
    found = services().overview.read(anew=bool(request.cache_control.no_cache))
    # The same counts at a later time are not a change.
    counted_at = {key: {"counts": {"counted_at"}} for key in found.jobs}
    return success_if_changed(shapes.overview(found, services().jobs), apart_from={"jobs": counted_at})
