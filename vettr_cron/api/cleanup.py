"""GET, POST /v1/cron/cleanup: remove old runs, calls, samples, red flags and snapshots."""

from flask import Response

from vettr_cron.api.blueprint import cron
from vettr_cron.api.contract import Failure, answers, unavailable
from vettr_cron.api.envelope import success
from vettr_cron.api.errors import ApiError
from vettr_cron.api.methods import refuse_head
from vettr_cron.api.parameters import CleanupParameters
from vettr_cron.api.request_parameters import asks
from vettr_cron.config import HTTP_TIME_BUDGET_SECONDS
from vettr_cron.registry import services
from vettr_cron.services.operate.cleanup import CleanupRequest, KeepDays
from vettr_cron.shapes.operate import CleanupDone, cleanup_done


@cron.route("/cleanup", methods=["GET", "POST"])
@refuse_head
@answers(
    CleanupDone,
    Failure(
        status=500,
        code="JOB_FAILED",
        meaning="A server failed after rows had been removed; details has what was removed",
        details=CleanupDone,
    ),
    unavailable(),
)
@asks(CleanupParameters)
def cleanup(asked: CleanupParameters) -> Response:
    """Remove old runs, calls, samples, red flags and snapshots, or count them."""
    settings = services().settings
    request = CleanupRequest(
        keep=KeepDays.asked(settings, asked.runs_days, asked.calls_days, asked.red_flags_days, asked.snapshots_days),
        dry_run=bool(asked.dry_run),
        time_budget=settings.cron_time_budget_seconds or HTTP_TIME_BUDGET_SECONDS,
    )
    result = services().cleanup.run(request)
    if result.error is not None:
        raise ApiError(500, "JOB_FAILED", result.error, cleanup_done(result))
    return success(cleanup_done(result))
