"""One log line for each request."""

import structlog
from flask import Flask, Response, g, request

from vettr_cron.services.clock import Stopwatch

log = structlog.get_logger(__name__)


def register(app: Flask) -> None:
    """Time each request, and log it when it is answered."""
    app.before_request(_start)
    app.after_request(_finish)
    app.teardown_request(_forget)


def _start() -> None:
    structlog.contextvars.clear_contextvars()
    g.stopwatch = Stopwatch()


def _finish(response: Response) -> Response:
    log.info(
        "request",
        method=request.method,
        path=request.path,
        status=response.status_code,
        duration_ms=g.stopwatch.milliseconds,
        remote=request.remote_addr,
    )
    return response


def _forget(_error: BaseException | None) -> None:
    structlog.contextvars.clear_contextvars()
