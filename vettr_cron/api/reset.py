"""GET, POST /v1/cron/reset: reset the cursors."""

from flask import Response

from vettr_cron.api.blueprint import cron
from vettr_cron.api.contract import answers, unavailable
from vettr_cron.api.envelope import success
from vettr_cron.api.methods import refuse_head
from vettr_cron.api.parameters import JobParameters
from vettr_cron.api.request_parameters import asks
from vettr_cron.registry import services
from vettr_cron.shapes.operate import ResetDone, reset_done


@cron.route("/reset", methods=["GET", "POST"])
@refuse_head
@answers(ResetDone, unavailable())
@asks(JobParameters)
def reset(asked: JobParameters) -> Response:
    """Reset the cursor of one job or all, so that the next call starts a new cycle."""
    jobs = services().jobs_named(asked.job)
    return success(reset_done(services().reset.run(jobs)))
