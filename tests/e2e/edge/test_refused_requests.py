"""Requests that never reach the application are refused in the same envelope."""

import time
from typing import Any

import pytest

from tests.e2e.edge.clients import ANSWERED_QUICKLY, connected, parsed
from tests.e2e.web import Web
from tests.integration.meddling import wait_until
from tests.integration.replies import HEADERS, TIME


def assert_refused(raw: bytes, status: int, code: str) -> str:
    """The message of a refusal in the envelope, with all headers."""
    given, headers, body = parsed(raw)
    assert (given, body["error"]["code"]) == (status, code), raw
    assert {name: headers.get(name) for name in HEADERS} == HEADERS
    assert body.keys() == {"success", "error", "meta"}
    assert body["success"] is False
    assert body["error"].keys() == {"code", "message"}
    assert TIME.fullmatch(body["meta"]["timestamp"])
    assert body["meta"]["request_id"] == headers["X-Request-Id"]
    assert headers["Connection"] == "close"
    message: str = body["error"]["message"]
    return message


@pytest.mark.parametrize(
    ("request_bytes", "status", "code", "message"),
    [
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n\r\n", 414, "URI_TOO_LONG", "8190 bytes; send parameters by POST"),
        (b"x" * 9000, 414, "URI_TOO_LONG", "8190 bytes; send parameters by POST"),
        (b"GET / HTTP/1.1\r\nX-Long: " + b"x" * 9000 + b"\r\n\r\n", 431, "HEADERS_TOO_LARGE", "8190 bytes"),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 60 + b"\r\n", 431, "HEADERS_TOO_LARGE", "more than 50 headers"),
        (b"GET / HTTP/1.1\r\nX-Long: " + b"x" * 500_000, 431, "HEADERS_TOO_LARGE", "8190 bytes"),
        (b"hello\r\n\r\n", 400, "BAD_REQUEST", "request line"),
        (b"GET / HTTP/1.1\n\n", 400, "BAD_REQUEST", "request line"),
        (b"GET /\xff HTTP/1.1\r\n\r\n", 400, "BAD_REQUEST", "request line"),
        (b"get / HTTP/1.1\r\n\r\n", 400, "BAD_REQUEST", "method"),
        (b"GET / HTTP/3.0\r\n\r\n", 400, "BAD_REQUEST", "version"),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400, "BAD_REQUEST", "header"),
        (b"GET / HTTP/1.1\r\nHost: a\nb\r\n\r\n", 400, "BAD_REQUEST", "header"),
        (b"GET / HTTP/1.1\r\nX: a\r\n b\r\n\r\n", 400, "BAD_REQUEST", "header"),
        (b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400, "BAD_REQUEST", "header"),
        (b"GET / HTTP/1.1\r\nTransfer-Encoding: x\r\n\r\n", 400, "BAD_REQUEST", "chunked"),
        (b"GET / HTTP/1.1\r\nExpect: x\r\n\r\n", 417, "EXPECTATION_FAILED", "100-continue"),
        (
            b"GET / HTTP/1.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Ssl: off\r\n\r\n",
            400,
            "BAD_REQUEST",
            "cannot be read",
        ),
    ],
)
def test_gunicorns_refusals_are_in_the_envelope_with_the_limit(
    web: Web, request_bytes: bytes, status: int, code: str, message: str
) -> None:
    assert message in assert_refused(web.send(request_bytes), status, code)


@pytest.mark.parametrize(
    ("opening", "status"),
    [(b"x" * 9000, 414), (b"GET / HTTP/1.0\n\n", 400), (b"GET / HTTP/1.1\r\nX: " + b"x" * 500_000, 431)],
    ids=["an endless line", "a line that ends badly", "an endless header"],
)
def test_a_request_beyond_repair_is_refused_at_once(web: Web, opening: bytes, status: int) -> None:
    with connected(web) as client:
        began = time.monotonic()
        client.sendall(opening)
        given, _, _ = parsed(b"".join(iter(lambda: client.recv(65_536), b"")))
        assert given == status
        assert time.monotonic() - began < ANSWERED_QUICKLY


def test_a_refusal_is_logged_without_the_request(web: Web) -> None:
    raw = web.send(b"GET /healthz HTTP/1.1\r\nAuthorization Bearer hush-hush\r\n\r\n")
    assert b"hush" not in raw
    _, headers, _ = parsed(raw)

    def told() -> list[Any]:
        return [event for event in web.events() if event.get("request_id") == headers["X-Request-Id"]]

    wait_until(lambda: bool(told()))
    (line,) = told()
    assert (line["event"], line["status"], line["remote"]) == ("request_refused", 400, "127.0.0.1")
    assert "hush" not in web.log.read_text()


def test_a_header_that_names_a_prefix_is_ignored(web: Web) -> None:
    given, _, _ = parsed(web.send(b"GET /healthz HTTP/1.1\r\nSCRIPT_NAME: /x\r\nConnection: close\r\n\r\n"))
    assert given == 200


def test_split_and_pipelined_requests_are_answered(web: Web) -> None:
    with connected(web) as client:
        for byte in b"GET /healthz HTTP/1.1\r\nX-Request-Id: first\r\n\r\nGET /healthz HTTP/1.1\r\nX-Request-Id: seco":
            client.sendall(bytes([byte]))
        client.sendall(b"nd\r\nConnection: close\r\n\r\n")
        replies = b"".join(iter(lambda: client.recv(65_536), b""))
    assert replies.count(b"HTTP/1.1 200") == 2
    assert -1 < replies.find(b"X-Request-Id: first") < replies.find(b"X-Request-Id: second")
