"""What hosts set for the web server."""

from collections.abc import Callable

import pytest

from vettr_cron.config import ConfigError, web_port, web_processes


@pytest.mark.parametrize(
    ("name", "text", "read", "value"),
    [
        ("WEB_CONCURRENCY", None, web_processes, 2),
        ("WEB_CONCURRENCY", "", web_processes, 2),
        ("WEB_CONCURRENCY", "1", web_processes, 1),
        ("WEB_CONCURRENCY", " 8\n", web_processes, 8),
        ("PORT", None, web_port, 8000),
        ("PORT", "", web_port, 8000),
        ("PORT", "0", web_port, 0),
        ("PORT", "65535", web_port, 65_535),
    ],
)
def test_what_hosts_set_for_the_web_server_is_read(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str | None, read: Callable[[], int], value: int
) -> None:
    monkeypatch.delenv(name, raising=False)
    if text is not None:
        monkeypatch.setenv(name, text)
    assert read() == value


@pytest.mark.parametrize("text", ["-1", "1.5", "1e3", "1_0", "²", "many", "9" * 5000])
@pytest.mark.parametrize(
    ("name", "read", "allowed"), [("WEB_CONCURRENCY", web_processes, "1 to 1000"), ("PORT", web_port, "0 to 65535")]
)
def test_what_hosts_set_for_the_web_server_is_refused_by_its_name(
    monkeypatch: pytest.MonkeyPatch, name: str, read: Callable[[], int], allowed: str, text: str
) -> None:
    monkeypatch.setenv(name, text)
    with pytest.raises(ConfigError) as caught:
        read()
    assert str(caught.value) == f"{name}: '{text}' cannot be read; it may hold a whole number from {allowed}"


@pytest.mark.parametrize(("name", "text"), [("WEB_CONCURRENCY", "0"), ("WEB_CONCURRENCY", "1001"), ("PORT", "65536")])
def test_numbers_beyond_what_the_web_server_can_do_are_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    monkeypatch.setenv(name, text)
    with pytest.raises(ConfigError, match=f"{name}: '{text}' cannot be read"):
        {"WEB_CONCURRENCY": web_processes, "PORT": web_port}[name]()
