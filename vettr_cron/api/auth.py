"""Checks the bearer secret; during a rotation, the previous secret is accepted as well.

If no secret is set, which only development and tests allow, every caller on this machine is let in, but no page of
another site: a browser would send any page's requests, even to a foreign host name that resolves to 127.0.0.1.
"""

import hmac
import re
from collections.abc import Sequence
from hashlib import sha256

from flask import request

from vettr_cron.api.errors import ApiError
from vettr_cron.registry import services

_THIS_MACHINE = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:[0-9]*)?", re.IGNORECASE)
_OWN_PAGES = (None, "same-origin", "none")  # Sec-Fetch-Site of this site's pages and of clients that are not browsers


def check_secret() -> None:
    """Raise 401 unless the bearer token is one of the secrets; if none is set, 403 for strangers."""
    _check(services().settings.secrets)


def check_metrics_secret() -> None:
    """The same for the metrics, which also accept METRICS_TOKEN."""
    _check(services().settings.metrics_secrets)


def _check(secrets: Sequence[bytes]) -> None:
    if not secrets:
        _check_machine()
        return
    given = _bearer_token()
    # Every secret is compared, by digests of one length, so that the time taken reveals nothing.
    matches = [hmac.compare_digest(sha256(secret).digest(), sha256(given).digest()) for secret in secrets]
    if not (given and any(matches)):
        raise ApiError(401, "AUTH_REQUIRED", "Invalid cron secret", headers={"WWW-Authenticate": "Bearer"})


def _check_machine() -> None:
    host, site = request.headers.get("Host", ""), request.headers.get("Sec-Fetch-Site")
    if not _THIS_MACHINE.fullmatch(host) or site not in _OWN_PAGES:
        message = (
            "Without CRON_SECRET, only requests to localhost, 127.0.0.1 and [::1] are answered, and none from another "
            "site's pages; set CRON_SECRET, or in a container BIND_HOST=0.0.0.0, and call its published port on "
            "localhost"
        )
        raise ApiError(403, "FORBIDDEN", message)


def _bearer_token() -> bytes:
    # WSGI hands over a header's bytes as latin-1 text.
    header = request.environ.get("HTTP_AUTHORIZATION", "").encode("latin-1", "replace")
    scheme, _, token = header.strip().partition(b" ")
    return bytes(token.strip()) if scheme.lower() == b"bearer" else b""
