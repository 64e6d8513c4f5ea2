"""Who is let in: the bearer of the secret, or of the one before it, and in development everybody."""

from collections.abc import Mapping

import pytest
from flask import Flask

from tests.integration.bare_stocks import add_stocks, everything
from tests.integration.replies import data_of, error_of
from tests.world import SECRET, World
from vettr_cron.app import create_app
from vettr_cron.config import Settings
from vettr_cron.registry import EXTENSION

WORKING = [(method, path) for method in ("GET", "POST") for path in ("scores", "red-flags", "refresh-all", "reset")]
READING = [("GET", "status"), ("GET", "history")]
WRONG = {
    "no header": {},
    "blank": {"Authorization": ""},
    "the scheme alone": {"Authorization": "Bearer"},
    "a blank token": {"Authorization": "Bearer   "},
    "another secret": {"Authorization": "Bearer wrong horse battery staple"},
    "a part of it": {"Authorization": f"Bearer {SECRET[:-1]}"},
    "more than it": {"Authorization": f"Bearer {SECRET}y"},
    "another case": {"Authorization": f"Bearer {SECRET.upper()}"},
    "no scheme": {"Authorization": SECRET},
    "no space": {"Authorization": f"Bearer{SECRET}"},
    "another scheme": {"Authorization": f"Token {SECRET}"},
    "basic": {"Authorization": "Basic dXNlcjpjb3JyZWN0IGhvcnNlIGJhdHRlcnkgc3RhcGxl"},
    "the scheme twice": {"Authorization": f"Bearer Bearer {SECRET}"},
    "a list": {"Authorization": f"Bearer {SECRET}, Bearer {SECRET}"},
    "another header": {"X-Cron-Secret": SECRET, "Cookie": f"CRON_SECRET={SECRET}"},
}


def assert_refused(world: World, path: str, method: str = "GET", **options: object) -> None:
    response = world.client.open(f"/v1/cron/{path}", method=method, **options)  # type: ignore[arg-type]
    error = error_of(response, 401, "AUTH_REQUIRED")
    assert error == {"code": "AUTH_REQUIRED", "message": "Invalid cron secret"}
    assert response.headers["WWW-Authenticate"] == "Bearer"


@pytest.fixture
def make_app(migrated_sqlite_url: str, redis_url: str) -> "AppMaker":
    return AppMaker(migrated_sqlite_url, redis_url)


class AppMaker:
    """Makes applications on one pair of servers."""

    def __init__(self, database_url: str, redis_url: str) -> None:
        self._urls = {"database_url": database_url, "redis_url": redis_url}

    def __call__(self, app_env: str, **values: str) -> Flask:
        return create_app(Settings(app_env=app_env, **self._urls, **values))  # type: ignore[arg-type]


def status_with(app: Flask, authorization: str | None) -> int:
    headers = {} if authorization is None else {"Authorization": authorization}
    return app.test_client().get("/v1/cron/status", headers=headers).status_code


@pytest.mark.parametrize(("method", "path"), WORKING + READING)
def test_every_path_asks_for_the_secret(sqlite_world: World, method: str, path: str) -> None:
    assert_refused(sqlite_world, path, method)
    assert sqlite_world.call(path, method).status_code == 200


@pytest.mark.parametrize("headers", WRONG.values(), ids=WRONG.keys())
def test_what_is_not_the_secret_is_refused(sqlite_world: World, headers: Mapping[str, str]) -> None:
    assert_refused(sqlite_world, "status", headers=headers)


@pytest.mark.parametrize("token", ["\xff\xfe\x80", "\xc3\xa9", "\x00", "\x00" + SECRET, "x" * 8000, SECRET + "\xff"])
def test_any_bytes_are_refused_and_do_no_harm(sqlite_world: World, token: str) -> None:
    # WSGI hands over a header's bytes as latin-1 text; a client library would not send these.
    assert_refused(sqlite_world, "status", environ_overrides={"HTTP_AUTHORIZATION": f"Bearer {token}"})
    assert_refused(sqlite_world, "status", environ_overrides={"HTTP_AUTHORIZATION": token})


def test_the_secret_is_not_taken_from_elsewhere(sqlite_world: World) -> None:
    assert_refused(sqlite_world, f"status?secret={SECRET}&CRON_SECRET={SECRET}&authorization=Bearer%20{SECRET}")
    assert_refused(sqlite_world, "reset", "POST", data={"secret": SECRET, "Authorization": f"Bearer {SECRET}"})


def test_a_stranger_changes_nothing(sqlite_world: World) -> None:
    add_stocks(sqlite_world, 3)
    sqlite_world.data("scores?chunk_size=2")
    before = everything(sqlite_world)
    for method, path in WORKING:
        assert_refused(sqlite_world, path, method)
    assert everything(sqlite_world) == before


def test_a_stranger_learns_nothing_of_parameters_or_methods(sqlite_world: World) -> None:
    assert_refused(sqlite_world, "scores?chunk_size=0")
    assert_refused(sqlite_world, "scores", "POST", data="{", content_type="application/json")
    head = sqlite_world.client.head("/v1/cron/scores")
    assert (head.status_code, head.headers["WWW-Authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer ", "  Bearer"])
def test_the_scheme_has_no_case_and_spaces_do_not_count(sqlite_world: World, scheme: str) -> None:
    response = sqlite_world.client.get("/v1/cron/status", headers={"Authorization": f"{scheme} {SECRET} "})
    data_of(response)


def test_the_previous_secret_is_let_in_while_a_rotation_lasts(make_app: AppMaker) -> None:
    app = make_app("production", cron_secret=SECRET, cron_secret_previous="old")
    assert [status_with(app, f"Bearer {secret}") for secret in (SECRET, "old", "older", f"{SECRET}old")] == [
        200,
        200,
        401,
        401,
    ]
    rotated = make_app("production", cron_secret=SECRET, cron_secret_previous=" ")
    assert [status_with(rotated, f"Bearer {secret}") for secret in (SECRET, "old", "")] == [200, 401, 401]


def test_a_secret_may_be_any_text(make_app: AppMaker) -> None:
    app = make_app("production", cron_secret=" Pässwörd, 秘密 : = ")
    sent = "Pässwörd, 秘密 : =".encode().decode("latin-1")
    response = app.test_client().get("/v1/cron/status", environ_overrides={"HTTP_AUTHORIZATION": f"Bearer {sent}"})
    data_of(response)


def test_a_short_previous_secret_is_let_in_with_a_warning(
    make_app: AppMaker, capsys: pytest.CaptureFixture[str]
) -> None:
    app = make_app("production", cron_secret=SECRET, cron_secret_previous="old")
    assert "CRON_SECRET_PREVIOUS has fewer than 16 characters" in capsys.readouterr().err
    assert status_with(app, "Bearer old") == 200
    make_app("production", cron_secret=SECRET, cron_secret_previous=SECRET[::-1])
    assert "CRON_SECRET_PREVIOUS" not in capsys.readouterr().err


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


def test_a_metrics_token_alone_opens_the_metrics_to_its_bearer_from_anywhere(make_app: AppMaker) -> None:
    client = make_app("development", metrics_token=SECRET).test_client()
    known = {"Authorization": f"Bearer {SECRET}", "Host": "cron.example"}
    assert client.get("/metrics", headers=known).status_code == 200
    assert client.get("/metrics", headers={"Host": "localhost"}).status_code == 401
    assert client.get("/v1/cron/status", headers=known).status_code == 403


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/openapi.json", "/docs"])
def test_what_is_open_to_everybody_stays_so(make_app: AppMaker, path: str) -> None:
    response = make_app("development").test_client().get(path, headers={"Host": "evil.example"})
    assert response.status_code == 200


def test_no_secret_appears_in_the_log(sqlite_world: World, capsys: pytest.CaptureFixture[str]) -> None:
    app = create_app(sqlite_world.services.settings)
    for token in (SECRET, "a wrong guess"):
        app.test_client().get(f"/v1/cron/status?secret={token}", headers={"Authorization": f"Bearer {token}"})
    log = capsys.readouterr().err
    assert log.count("/v1/cron/status") == 2
    assert SECRET not in log
    assert "guess" not in log
