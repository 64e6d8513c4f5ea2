"""Clients that are slow are given up, and keep nobody else waiting."""

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

import pytest

from tests.e2e.edge.clients import ANSWERED_QUICKLY, BEARER, CROWD, GIVEN_UP, connected, parsed
from tests.e2e.programs import PATIENCE
from tests.e2e.web import Web


@pytest.mark.parametrize(
    "opening",
    [
        b"",
        b"GET /healthz HTT",
        b"GET /healthz HTTP/1.1\r\nX-Half: ",
        b"POST /healthz HTTP/1.1\r\nContent-Length: 10\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n",
        b"hello\r\n\r\n",
    ],
    ids=["silent", "half a line", "half a header", "a body that does not come", "never hangs up", "refused"],
)
def test_slow_clients_delay_nobody(web: Web, opening: bytes) -> None:
    with ExitStack() as crowd:
        for _ in range(CROWD):
            crowd.enter_context(connected(web)).sendall(opening)
        time.sleep(0.3)  # so that they are all there
        for _ in range(5):
            began = time.monotonic()
            assert web.call("/healthz").status == 200
            assert time.monotonic() - began < ANSWERED_QUICKLY


def test_a_client_that_stays_slow_is_given_up(web: Web) -> None:
    stuck_body = b"POST /v1/cron/reset HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nContent-Type: application/json\r\n"
    with connected(web) as half, connected(web) as dripping, connected(web) as body, ExitStack() as newcomers:
        half.sendall(b"GET /healthz HTTP/1.1\r\n")
        body.sendall(stuck_body + BEARER + b"\r\n{")
        ends = time.monotonic() + GIVEN_UP
        while still_open(dripping):
            assert time.monotonic() < ends
            newcomers.enter_context(connected(web))
            time.sleep(0.2)
        half.settimeout(max(ends - time.monotonic(), 0.1))
        assert half.recv(100) == b""
        given, _, reply = parsed(b"".join(iter(lambda: body.recv(65_536), b"")))
        assert (given, reply["error"]["code"]) == (400, "BAD_REQUEST")


@pytest.mark.parametrize(
    ("framing", "drop"),
    [(b"Content-Length: 10000\r\n\r\n", b"x"), (b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n")],
    ids=["of a known length", "in chunks"],
)
def test_a_body_that_drips_is_given_up(web: Web, framing: bytes, drop: bytes) -> None:
    head = b"POST /v1/cron/reset HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + BEARER
    with connected(web) as client:
        client.sendall(head + framing)
        ends = time.monotonic() + GIVEN_UP
        client.settimeout(0.2)
        raw = b""
        while not raw:
            assert time.monotonic() < ends
            client.sendall(drop)
            with suppress(TimeoutError):
                raw = client.recv(65_536)
        client.settimeout(PATIENCE)
        given, _, reply = parsed(raw + b"".join(iter(lambda: client.recv(65_536), b"")))
    assert (given, reply["error"]["code"]) == (400, "BAD_REQUEST")


def assert_answers_quickly(web: Web, seconds: float) -> None:
    """Call the service again and again for so many seconds: each call is answered, and soon."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        began = time.monotonic()
        assert web.call("/healthz").status == 200
        assert time.monotonic() - began < ANSWERED_QUICKLY


@pytest.mark.parametrize("secret", [b"", BEARER], ids=["without the secret", "with it"])
def test_clients_that_trickle_their_bodies_delay_nobody(web: Web, secret: bytes) -> None:
    head = b"POST /v1/cron/reset HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + secret
    over = threading.Event()

    def trickle(number: int) -> float:
        """Send for as long as one may; the seconds until the first byte of the reply."""
        began, replied = time.monotonic(), 0.0
        with connected(web) as client, suppress(OSError):
            client.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n")
            client.settimeout(0.05)
            while not over.is_set():
                client.sendall(b"1\r\n \r\n")
                with suppress(TimeoutError):
                    replied = replied if replied or not client.recv(65_536) else time.monotonic() - began
        return replied

    with ThreadPoolExecutor(CROWD) as crowd:
        trickling = [crowd.submit(trickle, number) for number in range(CROWD)]
        try:
            assert_answers_quickly(web, GIVEN_UP / 2)
        finally:
            over.set()
        replied = [each.result() for each in trickling]
    if not secret:
        assert all(0 < each < ANSWERED_QUICKLY for each in replied)


@pytest.mark.parametrize("pause", [None, 0.5], ids=["reads nothing", "reads slowly"])
@pytest.mark.parametrize("path", [b"/docs/swagger-ui-bundle.js", b"/openapi.json"])
def test_clients_that_hardly_read_delay_nobody(web: Web, path: bytes, pause: float | None) -> None:
    asked = b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"
    over = threading.Event()

    def dawdle(_number: int) -> None:
        with connected(web) as client, suppress(OSError):
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            client.sendall(asked * 50)
            while not over.wait(pause):
                client.recv(2_048)

    with ThreadPoolExecutor(CROWD) as crowd:
        for number in range(CROWD):
            crowd.submit(dawdle, number)
        try:
            assert_answers_quickly(web, GIVEN_UP / 2)
        finally:
            over.set()


def test_a_large_reply_reaches_a_slow_reader(web: Web) -> None:
    with connected(web) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        client.sendall(b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        raw = bytearray()
        while piece := client.recv(65_536):
            raw += piece
            time.sleep(0.02)
    head, _, body = bytes(raw).partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".lower().encode() in head.lower()
    assert len(body) > 1_000_000


@pytest.mark.parametrize("secret", [b"", BEARER], ids=["without the secret", "with it"])
def test_clients_that_return_with_half_a_body_delay_nobody(web: Web, secret: bytes) -> None:
    head = b"POST /v1/cron/reset HTTP/1.1\r\nHost: x\r\nContent-Length: 10000\r\n" + secret + b"\r\nx"
    over = threading.Event()

    def come_again(_number: int) -> None:
        while not over.is_set():
            with suppress(OSError), connected(web) as client:
                client.sendall(head)
                while client.recv(65_536):
                    pass

    with ThreadPoolExecutor(2 * CROWD) as crowd:
        for number in range(2 * CROWD):
            crowd.submit(come_again, number)
        try:
            assert_answers_quickly(web, GIVEN_UP / 3)
        finally:
            over.set()


def still_open(client: socket.socket) -> bool:
    """Send one byte more of a head that never ends."""
    try:
        client.sendall(b"X")
    except OSError:
        return False
    return True
