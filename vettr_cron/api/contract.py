"""What a route promises its callers: the shape of its data, and every way in which it can fail."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel

from vettr_cron.shapes.envelope import InvalidParameters
from vettr_cron.shapes.shape import ShapeOfJobs

View = TypeVar("View", bound=Callable[..., Any])
Stated = type[BaseModel] | ShapeOfJobs
"""A reply's shape; a shape that names jobs is made from the table of jobs."""

MAXIMUM_BODY_BYTES = 65_536  # three times what the most and longest tickers need


@dataclass(frozen=True, slots=True)
class Plain:
    """A body outside the envelope."""

    media_type: str
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A failure reply; `details` is the shape of what it has beside code and message."""

    status: int
    code: str
    meaning: str
    details: Stated | None = None
    details_always: bool = True
    headers: tuple[str, ...] = ()

    @property
    def reply(self) -> tuple[int, str, str]:
        """The status, the code and the message of a reply that has nothing more particular to say."""
        return self.status, self.code, self.meaning


@dataclass(frozen=True, slots=True)
class Contract:
    """A route's part of the document; `path` describes each variable in the path, `tag` says for whom the route is.

    With `has_etag`, a reply says which state of the data it shows, and is a 304 for a caller that has this state.
    """

    data: Stated | Plain
    failures: tuple[Failure, ...]
    headers: tuple[str, ...] = ()
    path: Mapping[str, str] = field(default_factory=dict)
    has_etag: bool = False
    tag: str | None = None


def answers(
    data: Stated | Plain,
    *failures: Failure,
    headers: tuple[str, ...] = (),
    path: Mapping[str, str] | None = None,
    has_etag: bool = False,
    tag: str | None = None,
) -> Callable[[View], View]:
    """State what a view answers; failures that all routes of its kind share are added automatically.

    Without a `tag`, the route is among those of its blueprint.
    """

    def state(view: View) -> View:
        view.contract = Contract(data, failures, headers, path or {}, has_etag, tag)  # type: ignore[attr-defined]
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
    meaning="In development without a secret: the Host header does not name this machine, or another site's page calls",
)
NOT_FOUND = Failure(status=404, code="NOT_FOUND", meaning="Nothing exists at this path")
METHOD_NOT_ALLOWED = Failure(
    status=405, code="METHOD_NOT_ALLOWED", meaning="This path does not support this method", headers=("Allow",)
)
PAYLOAD_TOO_LARGE = Failure(
    status=413, code="PAYLOAD_TOO_LARGE", meaning=f"The body is larger than {MAXIMUM_BODY_BYTES} bytes"
)
UNSUPPORTED_MEDIA_TYPE = Failure(
    status=415,
    code="UNSUPPORTED_MEDIA_TYPE",
    meaning="Parameters must be in the query string, in a form or in a JSON object",
)
VALIDATION_ERROR = Failure(
    status=422,
    code="VALIDATION_ERROR",
    meaning="A parameter is unknown, is given twice, or has a value that is not allowed; nothing was done",
    details=InvalidParameters,
)
INTERNAL_ERROR = Failure(
    status=500, code="INTERNAL_ERROR", meaning="An internal error; the log has it under the request's id"
)
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
"""Failures that many routes share; the document contains each once."""
