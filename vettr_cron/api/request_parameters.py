"""Reads a request's parameters: from the query string and, in a POST, from a form or a JSON object as well."""

import json
from collections.abc import Callable
from functools import wraps
from itertools import islice
from typing import Any, Concatenate, ParamSpec, TypeVar

from flask import Response, request
from pydantic import BaseModel, ValidationError
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge, UnsupportedMediaType

from vettr_cron.api.contract import MAXIMUM_BODY_BYTES
from vettr_cron.api.envelope import failure
from vettr_cron.api.errors import ApiError
from vettr_cron.domain.errors import UnknownCharacters
from vettr_cron.registry import services
from vettr_cron.shapes.envelope import InvalidParameter, InvalidParameters
from vettr_cron.shapes.shape import with_names

_LONGEST_SHOWN = 60  # characters of a name or a value
_MOST_SHOWN = 20  # invalid parameters

Parameters = TypeVar("Parameters", bound=BaseModel)
Others = ParamSpec("Others")


def asks(
    shape: type[Parameters],
) -> Callable[[Callable[Concatenate[Parameters, Others], Response]], Callable[Others, Response]]:
    """Pass a view the request's checked parameters; the OpenAPI document shows the same shape."""

    def check(view: Callable[Concatenate[Parameters, Others], Response]) -> Callable[Others, Response]:
        @wraps(view)
        def checked(*args: Others.args, **kwargs: Others.kwargs) -> Response:
            return view(parameters(shape), *args, **kwargs)

        checked.asks = shape  # type: ignore[attr-defined]
        return checked

    return check


def parameters(shape: type[Parameters]) -> Parameters:
    """The request's checked parameters. Raises 422, which names each invalid one and what is allowed."""
    try:
        return shape.model_validate(_given())
    except ValidationError as error:
        problems: dict[str, str] = {}
        for problem in error.errors():
            name = str(problem["loc"][0])
            problems.setdefault(name, _explain(shape, name, problem["type"], problem["input"]))
        raise _invalid(problems) from None


def invalid_parameter(name: str, message: str) -> ApiError:
    """The error for a parameter that is invalid only in the light of the data or of another parameter."""
    return _invalid({name: message})


def unknown_characters(error: UnknownCharacters) -> Response:
    """The reply where the database's encoding lacks a character: in a parameter that has more than ASCII's."""
    given = {**(request.view_args or {}), **_given()}
    names = [name for name, value in given.items() if not str(value).isascii()]
    return failure(*_invalid(dict.fromkeys(names or ["?"], str(error))).response)


def _invalid(problems: dict[str, str]) -> ApiError:
    # Names come from the caller, who may send many and long ones.
    shown = {name[:_LONGEST_SHOWN]: message for name, message in islice(problems.items(), _MOST_SHOWN)}
    details = [InvalidParameter(parameter=name, message=message) for name, message in shown.items()]
    message = "; ".join(f"{name}: {message}" for name, message in shown.items())
    return ApiError(422, "VALIDATION_ERROR", message, InvalidParameters(details))


def _explain(shape: type[BaseModel], name: str, kind: str, given: object) -> str:
    if name not in shape.model_fields:
        known = ", ".join(shape.model_fields) or "none"
        return f"is not a parameter of this path; allowed: {known}"
    allowed = with_names(shape.model_fields[name].description, services().jobs)
    if kind == "missing":
        return f"is required; give {allowed}"
    # A nested value may be nested too deeply to be printed.
    shown = "a list or an object" if isinstance(given, list | dict) else repr(str(given)[:_LONGEST_SHOWN])
    return f"{shown} is not allowed; use {allowed}"


def _given() -> dict[str, Any]:
    values: dict[str, list[Any]] = {name: list(texts) for name, texts in request.args.lists()}
    if request.method == "POST":
        for name, texts in _body():
            values.setdefault(name, []).extend(texts)
    repeated = {name: "is given more than once" for name, texts in values.items() if len(texts) > 1}
    if repeated:
        raise _invalid(repeated)
    return {name: texts[0] for name, texts in values.items()}


def _body() -> list[tuple[str, list[Any]]]:
    if not _whole_body().strip():
        return []
    if request.mimetype == "application/json":
        # A name may contain half of a surrogate pair, which cannot be encoded.
        return [(name.encode(errors="replace").decode(), [value]) for name, value in _json_object()]
    if request.mimetype not in ("application/x-www-form-urlencoded", "multipart/form-data"):
        raise UnsupportedMediaType
    return _form()


def _form() -> list[tuple[str, list[Any]]]:
    """The form's fields; an uploaded file counts as a field with the file's name as its value."""
    fields = [*request.form.lists()]
    fields += [(name, [file.filename or "" for file in files]) for name, files in request.files.lists()]
    end = f"--{request.mimetype_params.get('boundary')}--"
    if not fields and request.get_data().strip() != end.encode():
        raise ApiError(400, "BAD_REQUEST", "The body is not a valid form")
    return fields


def _whole_body() -> bytes:
    """The complete body; one that a limit or a lost connection cut short might mean something else."""
    body = request.get_data()
    if len(body) > MAXIMUM_BODY_BYTES:
        raise RequestEntityTooLarge
    if len(body) < (request.content_length or 0):
        raise ClientDisconnected
    return body


class _Object(list[tuple[str, Any]]):
    """The names and values of a JSON object, in order: a dictionary would keep the last of two with one name."""


def _json_object() -> _Object:
    try:
        body = json.loads(request.get_data(), object_pairs_hook=_Object)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, _Object):
        raise ApiError(400, "BAD_REQUEST", "The body is not a JSON object")
    return body
