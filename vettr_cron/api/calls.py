"""GET /v1/cron/calls: which calls came, and what they did?"""

from flask import Response

from vettr_cron.api.blueprint import cron
from vettr_cron.api.contract import answers, unavailable
from vettr_cron.api.envelope import success
from vettr_cron.api.parameters import CallsParameters
from vettr_cron.api.request_parameters import asks, invalid_parameter
from vettr_cron.domain.errors import UnknownCall
from vettr_cron.registry import services
from vettr_cron.services.monitor.calls import CallFilter
from vettr_cron.shapes import calls as shapes


@cron.get("/calls", provide_automatic_options=False)
@answers(shapes.Calls, unavailable())
@asks(CallsParameters)
def calls(asked: CallsParameters) -> Response:
    """The newest calls first: skipped and failed ones too, and those for certain stocks."""
    wanted = CallFilter(job=asked.job, status=asked.status, since=asked.since, until=asked.until, before=asked.before)
    try:
        return success(shapes.calls(services().calls.read(asked.limit, wanted)))
    except UnknownCall as error:
        raise invalid_parameter("before", str(error)) from None
