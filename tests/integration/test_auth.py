"""The secret: nothing under /v1/cron is done or told without it."""

from collections.abc import Mapping

import pytest

from tests.integration.applications import AppMaker, status_with
from tests.integration.bare_stocks import add_stocks, everything
from tests.integration.replies import data_of, error_of
from tests.jobs import THE_TWO
from tests.world import SECRET, World
from vettr_cron.app import create_app

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


def test_no_secret_appears_in_the_log(sqlite_world: World, capsys: pytest.CaptureFixture[str]) -> None:
    app = create_app(sqlite_world.services.settings, THE_TWO)
    for token in (SECRET, "a wrong guess"):
        app.test_client().get(f"/v1/cron/status?secret={token}", headers={"Authorization": f"Bearer {token}"})
    log = capsys.readouterr().err
    assert log.count("/v1/cron/status") == 2
    assert SECRET not in log
    assert "guess" not in log
