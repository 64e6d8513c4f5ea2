"""Lets a caller in who knows the secret, or the one before it while a rotation lasts."""

import hmac
from collections.abc import Sequence
from hashlib import sha256

from flask import request

from vettr_cron.api.errors import ApiError
from vettr_cron.services.registry import services


def check_secret() -> None:
    """Raise 401 unless the bearer token is one of the secrets; without a secret (development) everybody may."""
    _check(services().settings.secrets)


def check_metrics_secret() -> None:
    """The same for the metrics, which METRICS_TOKEN opens as well."""
    _check(services().settings.metrics_secrets)


def _check(secrets: Sequence[bytes]) -> None:
    given = _bearer_token()
    # Every secret is compared, by digests of one length, so that the time tells nothing.
    matches = [hmac.compare_digest(sha256(secret).digest(), sha256(given).digest()) for secret in secrets]
    if secrets and not (given and any(matches)):
        raise ApiError(401, "AUTH_REQUIRED", "Invalid cron secret", headers={"WWW-Authenticate": "Bearer"})


def _bearer_token() -> bytes:
    # WSGI hands over a header's bytes as latin-1 text.
    header = request.environ.get("HTTP_AUTHORIZATION", "").encode("latin-1", "replace")
    scheme, _, token = header.strip().partition(b" ")
    return bytes(token.strip()) if scheme.lower() == b"bearer" else b""
