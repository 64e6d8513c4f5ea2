"""The parameters of each endpoint: from the query string, or of a POST from a form or a JSON object as well."""

import json
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID

from flask import request
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from werkzeug.exceptions import UnsupportedMediaType

from vettr_cron.api.errors import ApiError
from vettr_cron.config import MAXIMUM_CHUNK_SIZE, MAXIMUM_CHUNKS
from vettr_cron.domain.run import RunStatus
from vettr_cron.jobs import JOBS


def _known_job(name: str) -> str:
    if name not in JOBS:
        raise ValueError("no job")
    return name


JobName = Annotated[str, AfterValidator(_known_job)]
_JOB_NAMES = " or ".join(JOBS)


def _digits(value: object) -> object:
    """Only plain digits are a number here: no 1e3, no 1_000, no 5.0."""
    text = str(value) if isinstance(value, str | int) else ""
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise ValueError("no whole number")
    return int(text)


WholeNumber = Annotated[int, BeforeValidator(_digits)]


class _Parameters(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RefreshParameters(_Parameters):
    """Of the endpoints that work."""

    chunk_size: WholeNumber | None = Field(
        default=None, ge=1, le=MAXIMUM_CHUNK_SIZE, description=f"a whole number from 1 to {MAXIMUM_CHUNK_SIZE}"
    )
    chunks: Literal["all"] | Annotated[WholeNumber, Field(ge=1, le=MAXIMUM_CHUNKS)] | None = Field(
        default=None, description=f"a whole number from 1 to {MAXIMUM_CHUNKS}, or all"
    )
    on_conflict: Literal["skip", "error"] = Field(default="skip", description="skip or error")


class HistoryParameters(_Parameters):
    """Of history."""

    limit: WholeNumber = Field(default=50, ge=1, le=200, description="a whole number from 1 to 200")
    job: JobName | None = Field(default=None, description=_JOB_NAMES)
    status: RunStatus | None = Field(default=None, description="running, completed or failed")
    before: UUID | None = Field(default=None, description="the id of a run")


class ResetParameters(_Parameters):
    """Of reset."""

    job: JobName | None = Field(default=None, description=_JOB_NAMES)


class NoParameters(_Parameters):
    """Of the endpoints that take none."""


Parameters = TypeVar("Parameters", bound=_Parameters)


def parameters(shape: type[Parameters]) -> Parameters:
    """The request's parameters, checked. Raises 422, which names each one that is wrong and what it may be."""
    try:
        return shape.model_validate(_given())
    except ValidationError as error:
        problems: dict[str, str] = {}
        for problem in error.errors():
            name = str(problem["loc"][0])
            problems.setdefault(name, _explain(shape, name, problem["input"]))
        raise _invalid(problems) from None


def invalid_parameter(name: str, message: str) -> ApiError:
    """The error for a parameter that only the data can tell to be wrong."""
    return _invalid({name: message})


def _invalid(problems: dict[str, str]) -> ApiError:
    details = [{"parameter": name, "message": message} for name, message in problems.items()]
    message = "; ".join(f"{name}: {message}" for name, message in problems.items())
    return ApiError(422, "VALIDATION_ERROR", message, details)


def _explain(shape: type[BaseModel], name: str, given: object) -> str:
    if name not in shape.model_fields:
        known = ", ".join(shape.model_fields) or "none"
        return f"there is no such parameter here; there are: {known}"
    # What is nested may be nested too deep to be written out.
    shown = "a list or an object" if isinstance(given, list | dict) else repr(str(given)[:60])
    return f"{shown} is not allowed; use {shape.model_fields[name].description}"


def _given() -> dict[str, Any]:
    values: dict[str, list[Any]] = {name: list(texts) for name, texts in request.args.lists()}
    if request.method == "POST":
        for name, texts in _body():
            values.setdefault(name, []).extend(texts)
    doubled = {name: "is given more than once" for name, texts in values.items() if len(texts) > 1}
    if doubled:
        raise _invalid(doubled)
    return {name: texts[0] for name, texts in values.items()}


def _body() -> list[tuple[str, list[Any]]]:
    if not request.get_data().strip():
        return []
    if request.mimetype == "application/json":
        # A name may hold half a surrogate pair, which is no text for anybody else.
        return [(name.encode(errors="replace").decode(), [value]) for name, value in _json_object().items()]
    if request.mimetype not in ("application/x-www-form-urlencoded", "multipart/form-data"):
        raise UnsupportedMediaType
    return [(name, list(texts)) for name, texts in request.form.lists()]


def _json_object() -> dict[str, Any]:
    try:
        body = json.loads(request.get_data())
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise ApiError(400, "BAD_REQUEST", "The body is no JSON object of parameters")
    return body
