"""GET /v1/cron/history and /v1/cron/runs/<id>: the newest runs, and one run in full."""

from uuid import UUID

from flask import Response

from vettr_cron.api.blueprint import cron
from vettr_cron.api.contract import answers, unavailable
from vettr_cron.api.envelope import success
from vettr_cron.api.errors import ApiError
from vettr_cron.api.parameters import HistoryParameters, NoParameters
from vettr_cron.api.request_parameters import asks, invalid_parameter
from vettr_cron.domain.errors import UnknownRun
from vettr_cron.registry import services
from vettr_cron.services.monitor.history import RunFilter
from vettr_cron.shapes import monitor as shapes


@cron.get("/history", provide_automatic_options=False)
@answers(shapes.History, unavailable())
@asks(HistoryParameters)
def history(asked: HistoryParameters) -> Response:
    """The newest runs first, with every column under its own name."""
    wanted = RunFilter(job=asked.job, status=asked.status, since=asked.since, until=asked.until, before=asked.before)
    try:
        runs = services().history.read(asked.limit, wanted)
    except UnknownRun as error:
        raise invalid_parameter("before", str(error)) from None
    return success(shapes.history(runs))


@cron.get("/runs/<uuid:run_id>", provide_automatic_options=False)
@answers(shapes.Run, unavailable(), path={"run_id": "The run's id, as run_id in a job result"})
@asks(NoParameters)
def run(_asked: NoParameters, run_id: UUID) -> Response:
    """One run in full, with every stock that failed in it."""
    try:
        return success(shapes.Run.of(services().history.one(run_id)))
    except UnknownRun as error:
        raise ApiError(404, "NOT_FOUND", str(error).capitalize()) from None
