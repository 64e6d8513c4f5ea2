"""GET /metrics: the service's state in Prometheus' format."""

from flask import Blueprint, Response

from vettr_cron.api.auth import check_metrics_secret
from vettr_cron.api.contract import Plain, answers, unavailable
from vettr_cron.registry import services

blueprint = Blueprint("metrics", __name__)
blueprint.before_request(check_metrics_secret)


@blueprint.get("/metrics", provide_automatic_options=False)
@answers(Plain("text/plain", "The metrics in Prometheus' text format"), unavailable())
def metrics() -> Response:
    """Freshness, failures, progress and last runs, for Prometheus."""
    from vettr_cron.api import exposition  # imports Prometheus' library, which nothing else needs

    text = exposition.exposition(services().metrics.read())
    return Response(text, content_type=exposition.CONTENT_TYPE)
