"""GET /healthz and /readyz, open to everybody: is the process there, and can it work?"""

from flask import Blueprint, Response

from vettr_cron.api import schemas
from vettr_cron.api.contract import answers, unavailable
from vettr_cron.api.envelope import success
from vettr_cron.api.errors import RETRY_AFTER_SECONDS, ApiError
from vettr_cron.registry import services

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz", provide_automatic_options=False)
@answers(schemas.Alive)
def healthz() -> Response:
    """The process answers."""
    return success({"status": "ok"})


@blueprint.get("/readyz", provide_automatic_options=False)
@answers(schemas.Ready, unavailable(schemas.NotReady, always=True))
def readyz() -> Response:
    """The database, at the newest migration, and Redis answer."""
    problems = services().readiness.problems()
    if problems:
        message = "; ".join(problems.values())
        retry = {"Retry-After": str(RETRY_AFTER_SECONDS)}
        raise ApiError(503, "SERVICE_UNAVAILABLE", message, {"not_ready": problems}, retry)
    return success({"status": "ready"})
