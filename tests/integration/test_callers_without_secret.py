"""Who is let in without the secret: this machine's own pages in development, and whoever may see the metrics."""

from collections.abc import Mapping

import pytest

from tests.integration.applications import AppMaker, status_with
from tests.integration.replies import error_of
from tests.world import SECRET
from vettr_cron.registry import EXTENSION


@pytest.mark.parametrize("secret", [{}, {"cron_secret": " "}, {"cron_secret_previous": "old"}])
def test_development_without_a_secret_lets_this_machine_in_and_warns(
    make_app: AppMaker, secret: Mapping[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    app = make_app("development", **secret)
    said = capsys.readouterr().err
    assert "CRON_SECRET is not set: every caller on this machine is let in" in said
    assert "set CRON_SECRET, or in a container BIND_HOST" in said
    assert [status_with(app, given) for given in (None, "Bearer anything", "Basic eA==", "\xff")] == [200] * 4


def test_development_with_a_secret_asks_for_it_and_does_not_warn(
    make_app: AppMaker, capsys: pytest.CaptureFixture[str]
) -> None:
    app = make_app("development", cron_secret=SECRET)
    assert "every caller" not in capsys.readouterr().err
    assert [status_with(app, given) for given in (None, f"Bearer {SECRET}")] == [401, 200]


OWN: tuple[dict[str, str], ...] = ({}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"})
OTHERS = ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Sec-Fetch-Site": "new-word"})
HERE = ("localhost", "LOCALHOST:8000", "127.0.0.1", "127.0.0.1:80", "[::1]", "[::1]:8000")
ELSEWHERE = ("evil.example", "localhost.evil.example", "evil.example:8000", "192.168.1.5", "[::2]", "127.0.0.1.nip.io")


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v1/cron/reset"), ("POST", "/v1/cron/pause"), ("GET", "/metrics")]
)
@pytest.mark.parametrize(
    ("host", "headers", "status"),
    [
        *((host, {}, 200) for host in HERE),
        *((host, {}, 403) for host in ELSEWHERE),
        *(("localhost", headers, 200) for headers in OWN),
        *(("localhost", headers, 403) for headers in OTHERS),
    ],
)
def test_without_a_secret_only_this_machine_and_its_own_pages_are_let_in(
    make_app: AppMaker, method: str, path: str, host: str, headers: Mapping[str, str], status: int
) -> None:
    app = make_app("development")
    before = app.extensions[EXTENSION].status.read()
    response = app.test_client().open(path, method=method, headers={"Host": host, **headers})
    assert response.status_code == status
    if status == 403:
        error = error_of(response, 403, "FORBIDDEN")
        assert "set CRON_SECRET, or in a container BIND_HOST" in error["message"]
        assert app.extensions[EXTENSION].status.read().jobs["scores"].paused == before.jobs["scores"].paused


@pytest.mark.parametrize("app_env", ["production", "development"])
def test_with_a_secret_any_host_and_any_page_that_knows_it_may_call(make_app: AppMaker, app_env: str) -> None:
    app = make_app(app_env, cron_secret=SECRET)
    headers = {"Authorization": f"Bearer {SECRET}", "Host": "cron.example", "Sec-Fetch-Site": "cross-site"}
    assert app.test_client().get("/v1/cron/status", headers=headers).status_code == 200


def test_a_metrics_token_opens_the_metrics_from_anywhere(make_app: AppMaker) -> None:
    client = make_app("development", metrics_token=SECRET).test_client()
    known = {"Authorization": f"Bearer {SECRET}", "Host": "cron.example"}
    assert client.get("/metrics", headers=known).status_code == 200
    assert client.get("/metrics", headers={"Host": "localhost"}).status_code == 401
    assert client.get("/v1/cron/status", headers=known).status_code == 403


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/openapi.json", "/docs"])
def test_what_is_open_to_everybody_stays_so(make_app: AppMaker, path: str) -> None:
    response = make_app("development").test_client().get(path, headers={"Host": "evil.example"})
    assert response.status_code == 200
