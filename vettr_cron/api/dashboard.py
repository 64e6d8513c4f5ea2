"""GET /dashboard, public: a page for people, which asks the endpoints for what it shows. / leads there."""

from pathlib import Path

from flask import Blueprint, Response, redirect, request, send_from_directory, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as AnyResponse

_FILES = Path(__file__).parent.parent / "dashboard"
# Everything is a file of this host: nothing inline, nothing from elsewhere.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

blueprint = Blueprint("dashboard", __name__)


@blueprint.get("/", provide_automatic_options=False)
def start() -> AnyResponse:
    """Lead a browser to the page; for programs, nothing is here."""
    if request.path != "/" or "text/html" not in request.accept_mimetypes.values():
        raise NotFound
    return redirect(url_for("dashboard.page"))


@blueprint.get("/dashboard", provide_automatic_options=False)
def page() -> Response:
    """The service at a glance, for people."""
    return asset("index.html")


@blueprint.get("/dashboard/<path:name>", provide_automatic_options=False)
def asset(name: str) -> Response:
    """A file that the page needs."""
    # no-cache: after an update no file of the release before is used, and unchanged ones are not sent again.
    response = send_from_directory(_FILES, name)
    response.headers["Cache-Control"] = "no-cache"
    response.headers["Content-Security-Policy"] = _POLICY
    return response
