"""GET /openapi.json and /docs, public: the contract, for programs and for people."""

from importlib.util import find_spec
from pathlib import Path

from flask import Blueprint, Response, current_app, json, render_template, send_file
from werkzeug.exceptions import NotFound

from vettr_cron.api.contract import Plain, answers
from vettr_cron.api.openapi import document

_VIEWER = Path(__file__).parent / "viewer"
_DOCUMENT = "vettr_cron.openapi"
# The viewer sets inline styles on some of its elements.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

blueprint = Blueprint("docs", __name__, template_folder=_VIEWER)


@blueprint.get("/openapi.json", provide_automatic_options=False)
@answers(Plain("application/json", "This document"))
def openapi() -> Response:
    """The OpenAPI document."""
    made = current_app.extensions.get(_DOCUMENT)
    if made is None:
        made = current_app.extensions[_DOCUMENT] = json.dumps(document(current_app))
    return Response(made, mimetype="application/json")


@blueprint.get("/docs", provide_automatic_options=False)
@answers(Plain("text/html", "A page that shows the OpenAPI document"))
def page() -> Response:
    """The OpenAPI document, for people."""
    return Response(render_template("docs.html"), headers={"Content-Security-Policy": _POLICY})


@blueprint.get("/docs/<name>", provide_automatic_options=False)
@answers(Plain("*/*", "The file"), path={"name": "The file's name"})
def asset(name: str) -> Response:
    """A file that the page needs."""
    folder = {
        "start.js": _VIEWER,
        "swagger-ui-bundle.js": _swagger_ui(),
        "swagger-ui.css": _swagger_ui(),
        "favicon-32x32.png": _swagger_ui(),
    }.get(name)
    if folder is None:
        raise NotFound
    return send_file(folder / name)


def _swagger_ui() -> Path:
    # Looked up, not imported: only the package's files are needed.
    package = find_spec("flask_swagger_ui")
    assert package  # noqa: S101  # it is one of the requirements
    assert package.origin  # noqa: S101
    return Path(package.origin).parent / "dist"
