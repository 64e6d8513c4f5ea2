"""What a route promises its callers: the shape of its data, and every way in which it may fail."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel

from vettr_cron.shapes.envelope import InvalidParameters
from vettr_cron.shapes.shape import ShapeOfJobs

View = TypeVar("View", bound=Callable[..., Any])
Stated = type[BaseModel] | ShapeOfJobs
"""A reply's shape; one that names jobs is made when the document is."""


@dataclass(frozen=True, slots=True)
class Plain:
    """A body that is not in the envelope."""

    media_type: str
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A reply that is no success; `details` is the shape of what it carries beside code and message."""

    status: int
    code: str
    meaning: str
    details: Stated | None = None
    details_always: bool = True
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Contract:
    """A route's part of the document; `path` says what each variable in the path is."""

    data: Stated | Plain
    failures: tuple[Failure, ...]
    headers: tuple[str, ...] = ()
    path: Mapping[str, str] = field(default_factory=dict)


def answers(
    data: Stated | Plain,
    *failures: Failure,
    headers: tuple[str, ...] = (),
    path: Mapping[str, str] | None = None,
) -> Callable[[View], View]:
    """State what a view answers; what is true of every route of its kind is added by itself."""

    def state(view: View) -> View:
        view.contract = Contract(data, failures, headers, path or {})  # type: ignore[attr-defined]
        return view

    return state


def unavailable(details: Stated | None = None, *, always: bool = False) -> Failure:
    """The failure of a route that needs a server."""
    return Failure(
        status=503,
        code="SERVICE_UNAVAILABLE",
        meaning="Redis or the database does not answer; nothing was changed",
        details=details,
        details_always=always,
        headers=("Retry-After",),
    )


BAD_REQUEST = Failure(status=400, code="BAD_REQUEST", meaning="The request cannot be read")
AUTH_REQUIRED = Failure(
    status=401, code="AUTH_REQUIRED", meaning="The bearer secret is missing or wrong", headers=("WWW-Authenticate",)
)
FORBIDDEN = Failure(
    status=403,
    code="FORBIDDEN",
    meaning="In development without a secret: the Host is not this machine's own, or another site's page calls",
)
NOT_FOUND = Failure(status=404, code="NOT_FOUND", meaning="There is nothing at this path")
METHOD_NOT_ALLOWED = Failure(
    status=405, code="METHOD_NOT_ALLOWED", meaning="This path does not take this method", headers=("Allow",)
)
PAYLOAD_TOO_LARGE = Failure(status=413, code="PAYLOAD_TOO_LARGE", meaning="The body is too large")
UNSUPPORTED_MEDIA_TYPE = Failure(
    status=415, code="UNSUPPORTED_MEDIA_TYPE", meaning="The body is neither a form nor a JSON object"
)
VALIDATION_ERROR = Failure(
    status=422,
    code="VALIDATION_ERROR",
    meaning="A parameter is unknown, given twice, or not what it may be; nothing was done",
    details=InvalidParameters,
)
INTERNAL_ERROR = Failure(status=500, code="INTERNAL_ERROR", meaning="A bug; the log has it under the request's id")
SHARED = (
    BAD_REQUEST,
    AUTH_REQUIRED,
    FORBIDDEN,
    NOT_FOUND,
    METHOD_NOT_ALLOWED,
    PAYLOAD_TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    VALIDATION_ERROR,
    INTERNAL_ERROR,
    unavailable(),
)
"""What many routes answer alike; the document has each once."""
