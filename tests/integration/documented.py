"""Holds real replies against the OpenAPI document."""

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from flask import Flask
from jsonschema import Draft202012Validator, FormatChecker
from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.test import TestResponse

from tests.jobs import THE_TWO
from tests.world import make_settings
from vettr_cron.app import create_app

Json = Mapping[str, Any]
TELLING = ("Retry-After", "WWW-Authenticate", "Allow")  # headers that tell a caller what to do, and so must be stated


@cache
def application() -> Flask:
    """An application that has the routes, and never meets a server."""
    return create_app(make_settings("sqlite:////nowhere/vettr.db", "redis://127.0.0.1:1"), THE_TWO)


@cache
def document() -> Json:
    """The document as it is served."""
    served: Json = application().test_client().get("/openapi.json").get_json()
    return served


def resolve(node: Json) -> Json:
    """What a reference within the document refers to; anything else as it is."""
    while "$ref" in node:
        reference = node["$ref"]
        node = document()
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]
    return node


def operations() -> list[tuple[str, str]]:
    """Every path, as the document writes it, and method."""
    return [(path, method.upper()) for path, item in document()["paths"].items() for method in item]


def stated_replies(path: str, method: str) -> Mapping[str, Json]:
    """The replies of an operation by their status."""
    replies = document()["paths"][path][method.lower()]["responses"]
    return {status: resolve(reply) for status, reply in replies.items()}


def assert_as_documented(response: TestResponse) -> None:
    """The status is stated for the operation, the body is of the stated shape to the last key, the headers too."""
    stated = _stated(response)
    _check_headers(response, {name: resolve(header) for name, header in stated["headers"].items()})
    if "content" not in stated:
        assert response.get_data() == b""
        return
    (media_type,) = stated["content"]
    if media_type == "application/json" and response.request.method != "HEAD":
        schema = stated["content"][media_type].get("schema", {})
        _validator(json.dumps(schema)).validate(response.get_json())
    assert media_type in (response.mimetype, "*/*")


def _stated(response: TestResponse) -> Json:
    request, shared = response.request, document()["components"]["responses"]
    adapter = application().url_map.bind("localhost")
    method = "GET" if request.method == "HEAD" else request.method
    try:
        rule, _ = adapter.match(request.path, method, return_rule=True)
        if rule.endpoint.startswith("dashboard."):  # the page for people and its files: whatever is not there
            raise NotFound
    except NotFound:
        found: Json = shared["NOT_FOUND"]
        assert response.status_code in (404, 400)
        return found if response.status_code == 404 else resolve(shared["BAD_REQUEST"])
    except MethodNotAllowed:
        return _general(response, shared)
    if request.method == "HEAD" and response.status_code == 405:
        return _general(response, shared)
    replies = stated_replies(re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method)
    assert str(response.status_code) in replies, f"{method} {rule.rule} does not state {response.status_code}"
    return replies[str(response.status_code)]


def _general(response: TestResponse, shared: Json) -> Json:
    # Who is let in is asked first, and a body is not looked at.
    codes = {405: "METHOD_NOT_ALLOWED", 401: "AUTH_REQUIRED", 400: "BAD_REQUEST"}
    reply: Json = shared[codes[response.status_code]]
    return reply


def _check_headers(response: TestResponse, stated: Mapping[str, Json]) -> None:
    for name, header in stated.items():
        value = response.headers.get(name)
        assert value is not None or not header.get("required"), f"{name} is missing"
        if value is not None:
            integer = header["schema"].get("type") == "integer"
            Draft202012Validator(header["schema"]).validate(int(value) if integer else value)
    unstated = {name for name in TELLING if name in response.headers} - stated.keys()
    assert not unstated, f"{response.request.path} does not state {unstated}"


@cache
def _validator(schema: str) -> Draft202012Validator:
    # References count from the root, which therefore has the document's components.
    root = json.loads(schema) | {"components": document()["components"]}
    return Draft202012Validator(root, format_checker=FormatChecker())
