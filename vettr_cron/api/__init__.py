"""The HTTP API: the blueprint /v1/cron, the public endpoints, and the envelope of every reply."""

from collections.abc import Iterable

from flask import Flask

from vettr_cron.api import (
    activity,
    calls,
    cleanup,
    coverage,
    dashboard,
    docs,
    envelope,
    errors,
    health,
    history,
    jobs,
    metrics,
    objective,
    overview,
    pause,
    request_log,
    reset,
    status,
    stocks,
)
from vettr_cron.api.auth import check_secret
from vettr_cron.api.blueprint import cron
from vettr_cron.api.contract import MAXIMUM_BODY_BYTES
from vettr_cron.api.request_parameters import unknown_characters
from vettr_cron.domain.errors import UnknownCharacters
from vettr_cron.jobs.job import Job

# Imported so that their routes are on the blueprint.
ROUTES = (status, reset, calls, history, cleanup, coverage, objective, pause, overview, activity, stocks)


def register_api(app: Flask, of_jobs: Iterable[Job]) -> None:
    """Attach the API to the application, with a path for each of these jobs."""
    # A path answers with and without a trailing slash, and never with a redirect.
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    # One byte more may be read, so that a chunked body that is cut off there is not mistaken for a complete one.
    app.config["MAX_CONTENT_LENGTH"] = MAXIMUM_BODY_BYTES + 1
    request_log.register(app)
    envelope.register(app)
    errors.register(app)
    app.register_error_handler(UnknownCharacters, unknown_characters)
    app.register_blueprint(health.blueprint)
    app.register_blueprint(docs.blueprint)
    app.register_blueprint(dashboard.blueprint)
    app.register_blueprint(metrics.blueprint)
    app.register_blueprint(cron)
    jobs.register(app, of_jobs)


cron.before_request(check_secret)
