"""The envelope of every reply."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import orjson
import structlog
from flask import Flask, Response, g, jsonify, request
from pydantic import BaseModel

from vettr_cron.services.clock import utc_now
from vettr_cron.shapes.envelope import Meta
from vettr_cron.shapes.shape import as_json

_VALID_REQUEST_ID = re.compile(r"[A-Za-z0-9._:+/=@-]{1,128}")
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def success(data: BaseModel, headers: Mapping[str, str] | None = None) -> Response:
    """A 200 reply with this data."""
    response = _success(as_json(data))
    response.headers.update(headers or {})
    return response


def success_if_changed(data: BaseModel, apart_from: Any = None) -> Response:
    """A 200 reply with this data and its ETag, or a 304 for a caller that has the same data already.

    `apart_from` are fields, as pydantic excludes them, that may differ all the same.
    """
    shown = as_json(data)
    telling = data.model_dump(mode="json", exclude_unset=True, exclude=apart_from) if apart_from else shown
    digest = hashlib.sha256(_encoded(telling)).hexdigest()
    response = Response(status=304) if request.if_none_match.contains_weak(digest) else _success(shown)
    response.set_etag(digest, weak=True)  # the envelope differs from reply to reply
    return response


def failure(
    status: int,
    code: str,
    message: str,
    details: BaseModel | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A reply that says what is wrong, with `details` if there are any."""
    error = {"code": code, "message": message} | ({} if details is None else {"details": as_json(details)})
    response = jsonify({"success": False, "error": error, "meta": _meta()})
    response.status_code = status
    response.headers.update(headers or {})
    return response


def failure_outside_request(status: int, code: str, message: str) -> Response:
    """The same for a request that never reached the application; needs an application context."""
    g.request_id = uuid4().hex
    return _add_headers(failure(status, code, message))


def register(app: Flask) -> None:
    """Give every request an id, and every reply the headers of an API."""
    app.before_request(_name_request)
    app.after_request(_add_headers)


def _encoded(data: Any) -> bytes:
    try:
        return orjson.dumps(data)
    except orjson.JSONEncodeError:  # a whole number beyond 64 bits, which another program has left in the run log
        return json.dumps(data).encode()


def _success(data: Any) -> Response:
    return jsonify({"success": True, "data": data, "meta": _meta()})


def _name_request() -> None:
    given = request.headers.get("X-Request-Id", "")
    g.request_id = given if _VALID_REQUEST_ID.fullmatch(given) else uuid4().hex
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def _add_headers(response: Response) -> Response:
    response.headers["X-Request-Id"] = g.request_id
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def _meta() -> Any:
    return as_json(Meta(timestamp=utc_now(), request_id=g.request_id))
