"""GET /healthz and /readyz, public: is the process up, and can it work?"""

from flask import Blueprint, Response

from vettr_cron.api.contract import answers, unavailable
from vettr_cron.api.envelope import success
from vettr_cron.api.errors import RETRY_AFTER_SECONDS, ApiError
from vettr_cron.registry import services
from vettr_cron.shapes.envelope import Alive, NotReady, Problems, Ready

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz", provide_automatic_options=False)
@answers(Alive)
def healthz() -> Response:
    """The process answers."""
    return success(Alive(status="ok"))


@blueprint.get("/readyz", provide_automatic_options=False)
@answers(Ready, unavailable(NotReady, always=True))
def readyz() -> Response:
    """The database is migrated and answers, and so does Redis."""
    problems = services().readiness.problems()
    if problems:
        message = "; ".join(problems.values())
        retry = {"Retry-After": str(RETRY_AFTER_SECONDS)}
        raise ApiError(503, "SERVICE_UNAVAILABLE", message, NotReady(not_ready=Problems(**problems)), retry)
    return success(Ready(status="ready"))
