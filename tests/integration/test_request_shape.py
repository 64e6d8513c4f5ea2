"""What holds on every path: the shapes of paths, methods, headers, request ids and bodies, and of what goes wrong."""

import re

import pytest
from werkzeug.test import TestResponse

from tests.integration.bare_stocks import add_stocks, everything
from tests.integration.broken_service import Broken, assert_no_internals, replace_services
from tests.integration.replies import HEADERS, data_of, error_of
from tests.world import SECRET, World

WORKING = ("scores", "red-flags", "refresh-all", "reset")
READING = ("status", "history")
OPEN = ("/healthz", "/readyz")
ALL_PATHS = (*(f"/v1/cron/{name}" for name in (*WORKING, *READING)), *OPEN)


def ask(world: World, path: str, method: str = "GET") -> TestResponse:
    """A request with the right secret."""
    return world.client.open(path, method=method, headers={"Authorization": f"Bearer {SECRET}"})


@pytest.mark.parametrize("path", ALL_PATHS)
def test_a_path_answers_with_and_without_a_trailing_slash(sqlite_world: World, path: str) -> None:
    for form in (path, f"{path}/"):
        data_of(ask(sqlite_world, form))


@pytest.mark.parametrize("name", WORKING)
def test_a_path_that_works_takes_post_with_and_without_a_trailing_slash(sqlite_world: World, name: str) -> None:
    for form in (name, f"{name}/"):
        data_of(sqlite_world.call(form, "POST"))


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1",
        "/v1/cron",
        "/v1/cron/",
        "/v1/cron/nothing",
        "/v1/cron/Scores",
        "/v1/cron/red_flags",
        "/v1/cron/scores/1",
        "/v1/cron/status//",
        "/v1/cron//status",
        "/v1//cron/status",
        "/v1/cron/./status",
        "/v1/cron/status%00",
        "/v1/cron/status%0d%0aX-Evil:%201",
        "/v1/cron/%ff",
        "/v1/cron/../../etc/passwd",
        "/static/x.js",
        "/healthz/x",
        "/" + "x" * 3000,
    ],
)
def test_another_path_is_not_found(sqlite_world: World, path: str) -> None:
    response = ask(sqlite_world, path)
    assert error_of(response, 404, "NOT_FOUND").keys() == {"code", "message"}
    assert "X-Evil" not in response.headers


def test_slashes_at_the_beginning_lead_to_no_other_host(sqlite_world: World) -> None:
    # As a server hands it over; a client would take what follows for a host.
    for path in ("///", "//evil.example/", "//evil.example/v1/cron/status", "/\\evil.example"):
        response = sqlite_world.client.get("/", environ_overrides={"PATH_INFO": path})
        error_of(response, 404, "NOT_FOUND")
    data_of(sqlite_world.client.get("/", environ_overrides={"PATH_INFO": "//healthz/"}))


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"])
@pytest.mark.parametrize("path", ALL_PATHS)
def test_another_method_is_refused_with_those_that_are_allowed(sqlite_world: World, path: str, method: str) -> None:
    response = ask(sqlite_world, path, method)
    assert error_of(response, 405, "METHOD_NOT_ALLOWED").keys() == {"code", "message"}
    works = path.removeprefix("/v1/cron/") in WORKING
    assert response.headers["Allow"] == ("GET, POST" if works else "GET, HEAD")


@pytest.mark.parametrize("path", ["/v1/cron/status", "/v1/cron/history", "/healthz", "/readyz"])
def test_a_path_that_only_reads_refuses_post(sqlite_world: World, path: str) -> None:
    error_of(ask(sqlite_world, path, "POST"), 405, "METHOD_NOT_ALLOWED")


@pytest.mark.parametrize("name", WORKING)
def test_head_on_a_path_that_works_is_refused_and_changes_nothing(sqlite_world: World, name: str) -> None:
    add_stocks(sqlite_world, 3)
    sqlite_world.data("scores?chunk_size=1")
    before = everything(sqlite_world)
    for form in (name, f"{name}/"):
        response = sqlite_world.call(form, "HEAD")
        assert (response.status_code, response.headers["Allow"]) == (405, "GET, POST")
        assert response.get_data() == b""
    assert everything(sqlite_world) == before


@pytest.mark.parametrize("path", ["/v1/cron/status", "/v1/cron/history", "/healthz", "/readyz"])
def test_head_on_a_path_that_reads_is_get_without_the_body(sqlite_world: World, path: str) -> None:
    response = ask(sqlite_world, path, "HEAD")
    assert (response.status_code, response.get_data()) == (200, b"")
    assert {name: response.headers.get(name) for name in HEADERS} == HEADERS


@pytest.mark.parametrize("given", ["abc", "3f2a-91", "a" * 128, "trace:1/2=3@host.example+x_y", "7"])
def test_a_sane_request_id_is_kept(sqlite_world: World, given: str) -> None:
    for path in ("/healthz", "/nothing", "/v1/cron/status"):
        response = sqlite_world.client.get(path, headers={"X-Request-Id": given})
        assert response.headers["X-Request-Id"] == response.get_json()["meta"]["request_id"] == given


@pytest.mark.parametrize(
    "given", [None, "", " ", "a" * 129, "a b", "<script>", "a;b", '"', "\xe9", "\xff", "{}", "a,b"]
)
def test_another_request_id_is_replaced(sqlite_world: World, given: str | None) -> None:
    overrides = {} if given is None else {"HTTP_X_REQUEST_ID": given}
    ids = set()
    for _ in range(2):
        response = sqlite_world.client.get("/healthz", environ_overrides=overrides)
        ids.add(response.headers["X-Request-Id"])
        assert response.headers["X-Request-Id"] == response.get_json()["meta"]["request_id"]
    assert len(ids) == 2
    assert all(re.fullmatch("[0-9a-f]{32}", new) for new in ids)


def test_a_request_is_logged_with_its_id(sqlite_world: World, capsys: pytest.CaptureFixture[str]) -> None:
    again = World.make(sqlite_world.database_url, sqlite_world.redis_url)  # whose log goes where it can be read
    again.call("status", headers={"X-Request-Id": "find-me"})
    again.close()
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "find-me" in line]
    for part in ("method=GET", "path=/v1/cron/status", "status=200", "duration_ms="):
        assert part in line


@pytest.mark.parametrize("host", ["", "a b", "\xff", "evil.example:99999", "[::1", "a" * 300])
def test_a_strange_host_header_does_no_harm(sqlite_world: World, host: str) -> None:
    response = sqlite_world.client.get("/healthz", environ_overrides={"HTTP_HOST": host})
    if response.status_code != 200:  # a host that cannot be one
        error_of(response, 400, "BAD_REQUEST")


@pytest.mark.parametrize("name", ["scores", "red-flags", "reset", "status", "history"])
def test_a_bug_is_an_internal_error_without_internals(
    sqlite_world: World, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    world = World.make(sqlite_world.database_url, sqlite_world.redis_url)  # whose log goes where it can be read
    replace_services(world, refresh=Broken(), reset=Broken(), status=Broken(), history=Broken())
    response = world.call(name, headers={"X-Request-Id": "the-bug"})
    world.close()
    assert error_of(response, 500, "INTERNAL_ERROR").keys() == {"code", "message"}
    assert_no_internals(response.get_data(as_text=True))
    log = capsys.readouterr().err
    assert "Traceback" in log
    assert "the-bug" in log
    assert "hunter2" not in log


def test_a_bug_in_readiness_is_an_internal_error_too(sqlite_world: World) -> None:
    replace_services(sqlite_world, readiness=Broken())
    response = sqlite_world.client.get("/readyz")
    error_of(response, 500, "INTERNAL_ERROR")
    assert_no_internals(response.get_data(as_text=True))
