"""The one file that turns what went wrong into a status, a code and a sentence."""

from collections.abc import Mapping

import structlog
from flask import Flask, Response
from pydantic import BaseModel
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from vettr_cron.api.envelope import failure
from vettr_cron.domain.errors import CronError, ServiceUnavailable

RETRY_AFTER_SECONDS = 30
MAXIMUM_BODY_BYTES = 16_384  # many times what all parameters together can need
INTERNAL_ERROR = (500, "INTERNAL_ERROR", "Something went wrong here; the log has it under this request's id")

log = structlog.get_logger(__name__)

_CODES = {
    400: ("BAD_REQUEST", "The request cannot be read"),
    404: ("NOT_FOUND", "There is nothing at this path"),
    405: ("METHOD_NOT_ALLOWED", "This path does not take this method"),
    413: ("PAYLOAD_TOO_LARGE", f"The body is larger than {MAXIMUM_BODY_BYTES} bytes"),
    415: ("UNSUPPORTED_MEDIA_TYPE", "Send parameters in the query string, as a form or as a JSON object"),
}


class ApiError(CronError):
    """A reply that a route decided on."""

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
    """Attach a handler for each kind of trouble."""
    app.register_error_handler(ApiError, lambda error: failure(*error.response))
    app.register_error_handler(ServiceUnavailable, _unavailable)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _bug)


def _unavailable(error: ServiceUnavailable) -> Response:
    log.warning("service_unavailable", reason=str(error))
    return failure(503, "SERVICE_UNAVAILABLE", str(error), headers={"Retry-After": str(RETRY_AFTER_SECONDS)})


def _http(error: HTTPException) -> Response:
    status = error.code or 500
    code, message = _CODES.get(status, (error.name.upper().replace(" ", "_"), error.name))
    headers = {name: value for name, value in error.get_headers() if name not in ("Content-Type", "Content-Length")}
    if isinstance(error, MethodNotAllowed):
        headers["Allow"] = ", ".join(_allowed(set(error.valid_methods or ())))
    return failure(status, code, message, headers=headers)


def _allowed(methods: set[str]) -> list[str]:
    # Flask lists HEAD wherever there is GET; but a path that takes POST works or changes something, and refuses it.
    return sorted(methods - {"HEAD"} if "POST" in methods else methods)


def _bug(error: Exception) -> Response:
    log.error("internal_error", exc_info=error)
    return failure(*INTERNAL_ERROR)
