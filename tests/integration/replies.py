"""What every reply promises, and the shapes of what is in it."""

import re
from typing import Any

from werkzeug.test import TestResponse

from tests.integration.documented import assert_as_documented

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
HEADERS = {
    "Content-Type": "application/json",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
}
JOB_RESULT_KEYS = {
    "job",
    "stocks_processed",
    "succeeded",
    "failed",
    "failures",
    "duration_ms",
    "completed_at",
    "chunk_info",
    "status",
    "stop_reason",
    "run_id",
    "cycle_id",
    "chunks_run",
}
CHUNK_INFO_KEYS = {"current_offset", "chunk_size", "total_stocks", "is_complete"}
RUN_KEYS = {
    "id",
    "job_name",
    "status",
    "stocks_processed",
    "succeeded",
    "failed_count",
    "failures",
    "chunk_offset",
    "chunk_size",
    "total_stocks",
    "duration_ms",
    "started_at",
    "completed_at",
    "error_message",
}


def data_of(response: TestResponse) -> Any:
    """The data of a success, its envelope checked to the key."""
    body = _body(response)
    assert response.status_code == 200, body
    assert body.keys() == {"success", "data", "meta"}
    assert body["success"] is True
    return body["data"]


def error_of(response: TestResponse, status: int, code: str) -> Any:
    """The error of a failure, its envelope checked to the key: `details` only where there are any."""
    body = _body(response)
    assert (response.status_code, body["error"]["code"]) == (status, code), body
    assert body.keys() == {"success", "error", "meta"}
    assert body["success"] is False
    error = body["error"]
    assert error.keys() - {"details"} == {"code", "message"}
    assert isinstance(error["message"], str)
    assert error["message"]
    assert "details" not in error or error["details"]
    return error


def invalid_parameters_of(response: TestResponse) -> dict[str, str]:
    """What a 422 says about each parameter; its message names them all."""
    error = error_of(response, 422, "VALIDATION_ERROR")
    assert all(entry.keys() == {"parameter", "message"} for entry in error["details"])
    problems = {entry["parameter"]: entry["message"] for entry in error["details"]}
    assert len(problems) == len(error["details"])
    assert error["message"] == "; ".join(f"{name}: {message}" for name, message in problems.items())
    return problems


def seconds_until_retry(response: TestResponse) -> int:
    """The Retry-After of a reply, which must be a whole number of seconds."""
    assert re.fullmatch(r"[1-9]\d{0,3}", response.headers["Retry-After"])
    return int(response.headers["Retry-After"])


def _body(response: TestResponse) -> Any:
    assert {name: response.headers.get(name) for name in HEADERS} == HEADERS
    assert "Location" not in response.headers
    assert_as_documented(response)
    body = response.get_json()
    assert body["meta"].keys() == {"timestamp", "request_id"}
    assert TIME.fullmatch(body["meta"]["timestamp"])
    assert body["meta"]["request_id"] == response.headers["X-Request-Id"]
    return body
