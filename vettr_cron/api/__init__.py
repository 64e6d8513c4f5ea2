"""The HTTP side: the blueprint /v1/cron, the open health endpoints, and the shape of every reply."""

from flask import Flask

from vettr_cron.api import envelope, errors, health, history, jobs, request_log, reset, status
from vettr_cron.api.auth import check_secret
from vettr_cron.api.blueprint import cron

MAXIMUM_BODY_BYTES = 16_384  # many times what all parameters together can need
ROUTES = (jobs, status, reset, history)  # imported so that their routes are on the blueprint


def register_api(app: Flask) -> None:
    """Attach all of it to the application."""
    # A path answers with and without a trailing slash, and nothing ever answers with a redirect.
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    app.config["MAX_CONTENT_LENGTH"] = MAXIMUM_BODY_BYTES
    request_log.register(app)
    envelope.register(app)
    errors.register(app)
    app.register_blueprint(health.blueprint)
    app.register_blueprint(cron)


cron.before_request(check_secret)
