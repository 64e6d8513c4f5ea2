"""What the web process does with requests that never reach the application, and with clients that are slow."""

import json
import shutil
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.programs import PATIENCE
from tests.e2e.web import Web, serving
from tests.integration.replies import HEADERS, TIME
from tests.servers.redis_server import PrivateRedis
from tests.world import SECRET, World

ANSWERED_QUICKLY = 1.5  # seconds; far less than a client is waited for
CROWD = 20  # more than the 16 threads that the two workers have together
GIVEN_UP = 12.0  # seconds until a client that is waited for has been given up
BEARER = f"Authorization: Bearer {SECRET}\r\n".encode()


@pytest.fixture(scope="module")
def web(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory, redis_server: PrivateRedis) -> Iterator[Web]:
    path = shutil.copy(migrated_file, tmp_path_factory.mktemp("edge"))
    world = World.make(f"sqlite:///{path}", redis_server.url)
    with serving(world) as web:
        yield web
    world.close()


def parsed(raw: bytes) -> tuple[int, Mapping[str, str], Any]:
    """Status, headers and body of one reply."""
    head, _, body = raw.partition(b"\r\n\r\n")
    line, *fields = head.decode().split("\r\n")
    return int(line.split()[1]), dict(field.split(": ", 1) for field in fields), json.loads(body)


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
        (b"GET /" + b"x" * 5000 + b" HTTP/1.1\r\n\r\n", 414, "URI_TOO_LONG", "4094 bytes"),
        (b"x" * 5000, 414, "URI_TOO_LONG", "4094 bytes"),
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
def test_what_gunicorn_refuses_is_refused_in_the_envelope_with_the_limit(
    web: Web, request_bytes: bytes, status: int, code: str, message: str
) -> None:
    assert message in assert_refused(web.send(request_bytes), status, code)


@pytest.mark.parametrize(
    ("opening", "status"),
    [(b"x" * 5000, 414), (b"GET / HTTP/1.0\n\n", 400), (b"GET / HTTP/1.1\r\nX: " + b"x" * 500_000, 431)],
    ids=["an endless line", "a line that ends badly", "an endless header"],
)
def test_what_is_wrong_however_it_goes_on_is_refused_at_once(web: Web, opening: bytes, status: int) -> None:
    with connected(web) as client:
        began = time.monotonic()
        client.sendall(opening)
        given, _, _ = parsed(b"".join(iter(lambda: client.recv(65_536), b"")))
        assert given == status
        assert time.monotonic() - began < ANSWERED_QUICKLY


def test_a_refusal_is_logged_under_its_id_and_repeats_nothing_of_the_request(web: Web) -> None:
    raw = web.send(b"GET /healthz HTTP/1.1\r\nAuthorization Bearer hush-hush\r\n\r\n")
    assert b"hush" not in raw
    _, headers, _ = parsed(raw)
    (line,) = [event for event in web.events() if event.get("request_id") == headers["X-Request-Id"]]
    assert (line["event"], line["status"], line["remote"]) == ("request_refused", 400, "127.0.0.1")
    assert "hush" not in web.log.read_text()


@pytest.mark.parametrize("chunks", [b"x\r\n", b"5;\xff\r\nabc", b"2\r\nabcd\r\n", b"-1\r\n\r\n"])
def test_a_body_in_broken_chunks_is_refused(web: Web, chunks: bytes) -> None:
    head = b"POST /v1/cron/reset HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n"
    given, _, body = parsed(web.send(head + BEARER + b"\r\n" + chunks))
    assert (given, body["error"]["code"]) == (400, "BAD_REQUEST")


def test_a_body_over_the_limit_is_refused_however_it_is_sent(web: Web) -> None:
    head = b"POST /v1/cron/reset HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + BEARER
    body = b"y" * 20_000
    for raw in (
        head + b"Content-Length: 20000\r\n\r\n" + body,
        head + b"Transfer-Encoding: chunked\r\n\r\n4e20\r\n" + body + b"\r\n0\r\n\r\n",
    ):
        given, _, reply = parsed(web.send(raw))
        assert (given, reply["error"]["code"]) == (413, "PAYLOAD_TOO_LARGE")
        assert "16384 bytes" in reply["error"]["message"]


@pytest.mark.parametrize(
    "cut_off",
    [
        b"Content-Length: 10\r\n\r\n",
        b"Content-Length: 10\r\n\r\njob=scores"[:-1],
        b"Transfer-Encoding: chunked\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\na\r\njob=sc",
        b"Transfer-Encoding: chunked\r\n\r\na\r\njob=scores\r\n",
    ],
)
def test_a_body_that_is_cut_off_is_not_taken_for_a_whole_one(web: Web, cut_off: bytes) -> None:
    head = b"POST /v1/cron/reset HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\n" + BEARER
    given, _, body = parsed(web.send(head + cut_off))
    assert (given, body["error"]["code"]) == (400, "BAD_REQUEST")


def test_a_header_that_names_a_prefix_is_ignored(web: Web) -> None:
    given, _, _ = parsed(web.send(b"GET /healthz HTTP/1.1\r\nSCRIPT_NAME: /x\r\nConnection: close\r\n\r\n"))
    assert given == 200


def test_a_head_that_comes_in_pieces_and_requests_that_come_together_are_answered(web: Web) -> None:
    with connected(web) as client:
        for byte in b"GET /healthz HTTP/1.1\r\nX-Request-Id: first\r\n\r\nGET /healthz HTTP/1.1\r\nX-Request-Id: seco":
            client.sendall(bytes([byte]))
        client.sendall(b"nd\r\nConnection: close\r\n\r\n")
        replies = b"".join(iter(lambda: client.recv(65_536), b""))
    assert replies.count(b"HTTP/1.1 200") == 2
    assert -1 < replies.find(b"X-Request-Id: first") < replies.find(b"X-Request-Id: second")


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
def test_a_crowd_of_slow_clients_does_not_keep_a_good_one_waiting(web: Web, opening: bytes) -> None:
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
def test_a_crowd_that_trickles_its_bodies_does_not_keep_a_good_one_waiting(web: Web, secret: bytes) -> None:
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
def test_a_crowd_that_asks_for_much_and_hardly_reads_does_not_keep_a_good_one_waiting(
    web: Web, path: bytes, pause: float | None
) -> None:
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


def test_a_large_reply_reaches_whoever_takes_his_time(web: Web) -> None:
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
def test_a_crowd_that_comes_again_and_again_with_half_a_body_does_not_keep_a_good_one_waiting(
    web: Web, secret: bytes
) -> None:
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


def connected(web: Web) -> socket.socket:
    return socket.create_connection(("127.0.0.1", web.port), timeout=PATIENCE)
