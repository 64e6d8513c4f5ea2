"""The one file that maps errors to a status, a code and a sentence."""

from collections.abc import Mapping

import structlog
from flask import Flask, Response
from pydantic import BaseModel
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from vettr_cron.api import contract
from vettr_cron.api.envelope import failure
from vettr_cron.domain.errors import CronError, ServiceUnavailable
from vettr_cron.logs import log_unavailable

RETRY_AFTER_SECONDS = 30

log = structlog.get_logger(__name__)

_KNOWN = {
    failure.status: failure.reply
    for failure in (
        contract.BAD_REQUEST,
        contract.NOT_FOUND,
        contract.METHOD_NOT_ALLOWED,
        contract.PAYLOAD_TOO_LARGE,
        contract.UNSUPPORTED_MEDIA_TYPE,
    )
}


class ApiError(CronError):
    """A failure reply that a route has chosen."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        details: BaseModel | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.response = (status, code, message, details, headers)


def register(app: Flask) -> None:
    """Attach a handler for each kind of error."""
    app.register_error_handler(ApiError, lambda error: failure(*error.response))
    app.register_error_handler(ServiceUnavailable, _unavailable)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _bug)


def _unavailable(error: ServiceUnavailable) -> Response:
    log_unavailable(error)
    return failure(503, "SERVICE_UNAVAILABLE", str(error), headers={"Retry-After": str(RETRY_AFTER_SECONDS)})


def _http(error: HTTPException) -> Response:
    status = error.code or 500
    reply = _KNOWN.get(status, (status, error.name.upper().replace(" ", "_"), error.name))
    headers = {name: value for name, value in error.get_headers() if name not in ("Content-Type", "Content-Length")}
    if isinstance(error, MethodNotAllowed):
        headers["Allow"] = ", ".join(_allowed(set(error.valid_methods or ())))
    return failure(*reply, headers=headers)


def _allowed(methods: set[str]) -> list[str]:
    # Flask lists HEAD wherever GET is allowed, but a path that allows POST does work or changes something: no HEAD.
    return sorted(methods - {"HEAD"} if "POST" in methods else methods)


def _bug(error: Exception) -> Response:
    log.error("internal_error", exc_info=error)
    return failure(*contract.INTERNAL_ERROR.reply)
