"""GET /v1/cron/status: the state of the jobs."""

from flask import Response

from vettr_cron.api.blueprint import cron
from vettr_cron.api.contract import answers, unavailable
from vettr_cron.api.envelope import success
from vettr_cron.api.parameters import NoParameters
from vettr_cron.api.request_parameters import asks
from vettr_cron.registry import services
from vettr_cron.shapes import monitor as shapes


@cron.get("/status", provide_automatic_options=False)
@answers(shapes.status_shape, unavailable())
@asks(NoParameters)
def status(_asked: NoParameters) -> Response:
    """Offsets and progress, and each job's current run, last run and last success."""
    return success(shapes.status(services().status.read(), services().jobs))
