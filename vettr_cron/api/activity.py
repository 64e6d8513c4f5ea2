"""GET /v1/cron/activity: what did calls do, and how fresh were the results?"""

from flask import Response

from vettr_cron.api.blueprint import cron
from vettr_cron.api.contract import answers, unavailable
from vettr_cron.api.envelope import success_if_changed
from vettr_cron.api.parameters import ActivityParameters
from vettr_cron.api.request_parameters import asks
from vettr_cron.registry import services
from vettr_cron.shapes import activity as shapes


@cron.get("/activity", provide_automatic_options=False)
@answers(shapes.activity_shape, unavailable(), has_etag=True, tag="dashboard")
@asks(ActivityParameters)
def activity(asked: ActivityParameters) -> Response:
    """What calls did, which ones did not come, and how fresh the results were, by time."""
    found = services().activity.read(services().jobs_named(asked.job), asked.days)
    return success_if_changed(shapes.activity(found, services().jobs))
