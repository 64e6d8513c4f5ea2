"""The OpenAPI document, made from the routes of an application, their contracts and the shapes that check requests."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from inspect import getdoc
from typing import Any

from flask import Flask
from pydantic import BaseModel
from werkzeug.routing import Rule

from vettr_cron import __version__
from vettr_cron.api import contract
from vettr_cron.api.auth import check_metrics_secret, check_secret
from vettr_cron.api.contract import Contract, Failure, Plain, Stated
from vettr_cron.api.json_schemas import Shapes, meaning, query_schema
from vettr_cron.registry import EXTENSION
from vettr_cron.shapes.envelope import InvalidParameters, Meta

Json = dict[str, Any]

TITLE = "vettr-cron"
DESCRIPTION = """\
Keeps the VETR score and the red flags of every stock fresh: each call refreshes the next stocks.

Every reply is JSON in one envelope, except this document, its page and the metrics, and every reply has an
`X-Request-Id`. Paths under `/v1/cron` require the secret, except in development if none is set. Parameters are read
from the query string and, in a POST, from a form or a JSON object as well; each may be given only once, and an unknown
one is refused. An unknown path is answered with 404, an unsupported method with 405, and a request that the web server
cannot read with 400, 413, 414, 417 or 431, all in the same envelope. Times are ISO 8601 in UTC, with milliseconds; the
name of a duration contains its unit.
"""
_TAGS = {  # in the order in which the document has their paths
    "refresh": "What a scheduler calls",
    "cron": "How to monitor and operate the jobs",
    "dashboard": "What a page that shows the service reads",
    "health": "Is the process up, and can it work?",
    "metrics": "For Prometheus",
    "docs": "This document",
}
_METHODS = ("GET", "POST")
_SECRET = "cronSecret"  # noqa: S105  # the scheme's name
_VARIABLE = re.compile(r"<(?:(\w+)(?:\([^<>]*\))?:)?(\w+)>")
_VARIABLES: Mapping[str, Json] = {
    "uuid": {"type": "string", "format": "uuid"},
    "int": {"type": "integer", "minimum": 0},
}
_HEADERS: Mapping[str, Json] = {
    "X-Request-Id": {
        "description": "The caller's own if it is valid (1 to 128 letters, digits and ._:+/=@-), otherwise a new one",
        "required": True,
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._:+/=@-]{1,128}$"},
    },
    "Retry-After": {
        "description": "Seconds after which to try again; in a 200 only if a job was skipped",
        "schema": {"type": "integer", "minimum": 1},
    },
    "ETag": {
        "description": "Which state of the data this is; a request with it in If-None-Match is answered with 304 while "
        "the data is the same",
        "required": True,
        "schema": {"type": "string", "examples": ['W/"3f2a91c0"']},
    },
    "WWW-Authenticate": {"description": "The scheme", "required": True, "schema": {"const": "Bearer"}},
    "Allow": {
        "description": "The methods that the path supports",
        "required": True,
        "schema": {"type": "string", "examples": ["GET, POST"]},
    },
}


@dataclass(frozen=True, slots=True)
class _Operation:
    """One method of one path."""

    rule: Rule
    method: str
    summary: str
    contract: Contract
    asks: type[BaseModel] | None
    secured: bool

    @property
    def failures(self) -> Iterator[Failure]:
        """The route's own failures, and those that all routes of its kind share."""
        yield from self.contract.failures
        if self.secured:
            yield from (contract.AUTH_REQUIRED, contract.FORBIDDEN)
        if self.asks:
            yield contract.VALIDATION_ERROR
        if _VARIABLE.search(self.rule.rule):
            yield contract.NOT_FOUND
        if self.takes_body:
            yield from (contract.PAYLOAD_TOO_LARGE, contract.UNSUPPORTED_MEDIA_TYPE)
        yield from (contract.BAD_REQUEST, contract.INTERNAL_ERROR)

    @property
    def tag(self) -> str:
        """The group of operations to which it belongs."""
        return self.contract.tag or self.rule.endpoint.partition(".")[0]

    @property
    def takes_body(self) -> bool:
        """Whether its parameters may come in a body."""
        return self.method == "POST" and self.asks is not None


def document(app: Flask) -> Json:
    """The OpenAPI 3.1 document of every route that states its contract."""
    operations = sorted(_operations(app), key=lambda operation: list(_TAGS).index(operation.tag))
    parameters = [operation.asks for operation in operations if operation.asks]
    shapes = Shapes(parameters, _replies(operations), app.extensions[EXTENSION].jobs)
    paths: dict[str, Json] = {}
    for operation in operations:
        path = _VARIABLE.sub(r"{\2}", operation.rule.rule)
        paths.setdefault(path, {})[operation.method.lower()] = _operation_json(operation, shapes)
    return {
        "openapi": "3.1.0",
        "info": {"title": TITLE, "version": __version__, "description": DESCRIPTION},
        "tags": [{"name": name, "description": description} for name, description in _TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": shapes.definitions,
            "responses": {failure.code: _failures_json([failure], shapes) for failure in contract.SHARED},
            "headers": _HEADERS,
            "securitySchemes": {
                _SECRET: {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "CRON_SECRET or CRON_SECRET_PREVIOUS; for /metrics also METRICS_TOKEN",
                }
            },
        },
    }


def build_shapes(app: Flask) -> None:
    """Build the shape of every reply now, so that the first reply of each kind need not wait for it."""
    jobs = app.extensions[EXTENSION].jobs
    for reply in set(_replies(list(_operations(app)))):
        shape: type[BaseModel] = reply if isinstance(reply, type) else reply(jobs)
        shape.model_rebuild()


def _operations(app: Flask) -> Iterator[_Operation]:
    for rule in app.url_map.iter_rules():
        view: Any = app.view_functions[rule.endpoint]
        stated = getattr(view, "contract", None)
        if stated is None:
            continue
        blueprint = rule.endpoint.partition(".")[0]
        checks = app.before_request_funcs.get(blueprint, ())
        secured = check_secret in checks or check_metrics_secret in checks
        summary = (getdoc(view) or "").partition("\n")[0].removesuffix(".")
        for method in _METHODS:
            if method in (rule.methods or ()):
                yield _Operation(rule, method, summary, stated, getattr(view, "asks", None), secured)


def _replies(operations: list[_Operation]) -> Iterator[Stated]:
    yield from (Meta, InvalidParameters)
    for operation in operations:
        if not isinstance(operation.contract.data, Plain):
            yield operation.contract.data
        yield from (failure.details for failure in operation.failures if failure.details)


def _operation_json(operation: _Operation, shapes: Shapes) -> Json:
    name = operation.rule.endpoint.partition(".")[2]
    shown: Json = {
        "operationId": f"{operation.method.lower()}_{name.replace('-', '_')}",
        "summary": operation.summary,
        "tags": [operation.tag],
        "security": [{_SECRET: []}] if operation.secured else [],
        "parameters": [*_path_parameters(operation), *_query_parameters(operation, shapes)],
        "responses": _responses(operation, shapes),
    }
    if operation.takes_body and operation.asks and operation.asks.model_fields:
        shown["requestBody"] = _body(operation.asks, shapes)
    return shown


def _path_parameters(operation: _Operation) -> Iterator[Json]:
    for kind, name in _VARIABLE.findall(operation.rule.rule):
        schema = _VARIABLES.get(kind, {"type": "string", "minLength": 1})
        yield {
            "name": name,
            "in": "path",
            "required": True,
            "description": operation.contract.path[name],
            "schema": schema,
        }


def _query_parameters(operation: _Operation, shapes: Shapes) -> Iterator[Json]:
    if operation.asks is None:
        return
    definition = shapes.definition(operation.asks)
    for name, field in definition.get("properties", {}).items():
        yield {
            "name": name,
            "in": "query",
            "required": name in definition.get("required", ()),
            "description": meaning(field),
            "schema": query_schema(field),
        }


def _body(asks: type[BaseModel], shapes: Shapes) -> Json:
    definition = shapes.definition(asks)
    properties = {
        name: {"description": meaning(field)} | query_schema(field) for name, field in definition["properties"].items()
    }
    form = {"schema": {"type": "object", "properties": properties, "additionalProperties": False}}
    return {
        "required": False,
        "description": "The same parameters, each either here or in the query string",
        "content": {
            "application/json": {"schema": shapes.reference(asks)},
            "application/x-www-form-urlencoded": form,
            "multipart/form-data": form,
        },
    }


def _responses(operation: _Operation, shapes: Shapes) -> Json:
    stated = operation.contract
    if isinstance(stated.data, Plain):
        success = {"description": stated.data.meaning, "content": {stated.data.media_type: {}}}
    else:
        schema = _envelope(shapes, True, data=shapes.reference(stated.data))
        meaning = shapes.definition(stated.data).get("description", "")  # `python -OO` drops docstrings
        success = {"description": meaning, "content": {"application/json": {"schema": schema}}}
    by_status: dict[int, list[Failure]] = {}
    for failure in operation.failures:
        by_status.setdefault(failure.status, []).append(failure)
    failures = {
        str(status): _shared(by_status[status]) or _failures_json(by_status[status], shapes)
        for status in sorted(by_status)
    }
    if not stated.has_etag:
        return {"200": success | {"headers": _headers(stated.headers)}, **failures}
    headers = _headers([*stated.headers, "ETag"])
    known = {"description": "The data is as If-None-Match says that the caller has it; no body", "headers": headers}
    return {"200": success | {"headers": headers}, "304": known, **failures}


def _shared(failures: list[Failure]) -> Json | None:
    """A reference to a failure that many routes share."""
    if len(failures) == 1 and failures[0] in contract.SHARED:
        return {"$ref": f"#/components/responses/{failures[0].code}"}
    return None


def _failures_json(failures: list[Failure], shapes: Shapes) -> Json:
    """The replies of one status, with one envelope for each code."""
    envelopes = [_envelope(shapes, False, error=_error(failure, shapes)) for failure in failures]
    return {
        "description": "; or: ".join(failure.meaning for failure in failures),
        "headers": _headers([name for failure in failures for name in failure.headers]),
        "content": {"application/json": {"schema": envelopes[0] if len(envelopes) == 1 else {"oneOf": envelopes}}},
    }


def _error(failure: Failure, shapes: Shapes) -> Json:
    phrase = HTTPStatus(failure.status).phrase
    fields: Json = {
        "code": {"const": failure.code},
        "message": {"type": "string", "minLength": 1, "description": "Human-readable text", "examples": [phrase]},
    }
    required = list(fields)
    if failure.details:
        fields["details"] = shapes.reference(failure.details)
        required += ["details"] * failure.details_always
    return _object(fields, required)


def _envelope(shapes: Shapes, success: bool, **content: Json) -> Json:
    fields = {"success": {"const": success}, **content, "meta": shapes.reference(Meta)}
    return _object(fields, list(fields))


def _object(fields: Json, required: list[str]) -> Json:
    return {"type": "object", "properties": fields, "required": required, "additionalProperties": False}


def _headers(names: Any) -> Json:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Request-Id", *names)}
