"""GET /v1/cron/objective: for which share of the time was every stock fresh?"""

from flask import Response

from vettr_cron.api.blueprint import cron
from vettr_cron.api.contract import answers, unavailable
from vettr_cron.api.envelope import success
from vettr_cron.api.parameters import ObjectiveParameters
from vettr_cron.api.request_parameters import asks
from vettr_cron.registry import services
from vettr_cron.shapes import objective as shapes


@cron.get("/objective", provide_automatic_options=False)
@answers(shapes.objective_shape, unavailable())
@asks(ObjectiveParameters)
def objective(asked: ObjectiveParameters) -> Response:
    """For which share of the last days every stock was fresh, and when not."""
    found = services().objective.read(services().jobs_named(asked.job), asked.days)
    return success(shapes.objective(found, services().jobs))
