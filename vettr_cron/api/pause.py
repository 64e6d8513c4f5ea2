"""POST /v1/cron/pause and /v1/cron/resume: keep jobs from running, and let them run again."""

from flask import Response

from vettr_cron.api.blueprint import cron
from vettr_cron.api.contract import answers, unavailable
from vettr_cron.api.envelope import success
from vettr_cron.api.parameters import JobParameters, PauseParameters
from vettr_cron.api.request_parameters import asks
from vettr_cron.registry import services
from vettr_cron.shapes.operate import Pauses, pauses


@cron.post("/pause", provide_automatic_options=False)
@answers(Pauses, unavailable())
@asks(PauseParameters)
def pause(asked: PauseParameters) -> Response:
    """Pause one job or all: calls are skipped, and a running call stops before its next chunk."""
    jobs = services().jobs_named(asked.job)
    return success(pauses(services().pause.pause(jobs, asked.reason)))


@cron.post("/resume", provide_automatic_options=False)
@answers(Pauses, unavailable())
@asks(JobParameters)
def resume(asked: JobParameters) -> Response:
    """Resume one job or all."""
    jobs = services().jobs_named(asked.job)
    return success(pauses(services().pause.resume(jobs)))
