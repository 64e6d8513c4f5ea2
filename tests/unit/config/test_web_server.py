"""What hosts set for the web server."""

from typing import Any

import pytest

from tests.unit.config.environments import Load, refusal


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("WEB_CONCURRENCY", None, 2),
        ("WEB_CONCURRENCY", "", 2),
        ("WEB_CONCURRENCY", " ", 2),
        ("WEB_CONCURRENCY", "1", 1),
        ("WEB_CONCURRENCY", " 8\n", 8),
        ("PORT", None, 8000),
        ("PORT", "", 8000),
        ("PORT", "0", 0),
        ("PORT", "65535", 65_535),
        ("BIND_HOST", None, None),
        ("BIND_HOST", " ", None),
        ("BIND_HOST", "0.0.0.0", "0.0.0.0"),  # noqa: S104  # as in a container
        ("BIND_HOST", "::", "::"),
        ("BIND_HOST", "[::1]", "::1"),
        ("BIND_HOST", "localhost", "localhost"),
        ("BIND_HOST", "web-1.internal.example.", "web-1.internal.example."),
    ],
)
def test_what_hosts_set_for_the_web_server_is_read(load: Load, name: str, text: str | None, value: Any) -> None:
    settings = load(APP_ENV="test", **({} if text is None else {name: text}))
    assert getattr(settings, name.lower()) == value


@pytest.mark.parametrize("text", ["-1", "1.5", "1e3", "1_0", "²", "many", "auto", "9" * 5000])
@pytest.mark.parametrize(("name", "allowed"), [("WEB_CONCURRENCY", "1 to 1000"), ("PORT", "0 to 65535")])
def test_what_is_not_a_number_is_refused_by_its_name(load: Load, name: str, allowed: str, text: str) -> None:
    said = refusal(load, APP_ENV="test", **{name: text})
    assert said == f"{name}: '{text}' cannot be read; it may hold a whole number from {allowed}"


@pytest.mark.parametrize(("name", "text"), [("WEB_CONCURRENCY", "0"), ("WEB_CONCURRENCY", "1001"), ("PORT", "65536")])
def test_numbers_beyond_what_the_web_server_can_do_are_refused(load: Load, name: str, text: str) -> None:
    assert f"{name}: '{text}' cannot be read" in refusal(load, APP_ENV="test", **{name: text})


@pytest.mark.parametrize("text", ["300.1.1.1", "1.2.3", ":::", "localhost:80", "http://localhost", "a b", "-a", "é"])
def test_what_is_not_a_host_is_refused(load: Load, text: str) -> None:
    assert f"BIND_HOST: '{text}' cannot be read; it may hold the address" in refusal(load, BIND_HOST=text)


@pytest.mark.parametrize(
    ("variables", "bind"),
    [
        ({"CRON_SECRET": "long enough for it"}, ":8000"),
        ({}, "127.0.0.1:8000"),
        ({"BIND_HOST": "::", "PORT": "9000"}, "[::]:9000"),
        ({"BIND_HOST": "10.0.0.1"}, "10.0.0.1:8000"),
    ],
)
def test_without_a_secret_only_this_machine_is_listened_to(load: Load, variables: dict[str, str], bind: str) -> None:
    assert load(APP_ENV="test", **variables).bind == bind
