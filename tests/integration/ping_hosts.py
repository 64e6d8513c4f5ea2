"""Hosts that pings go to: one that writes down what it is told, and some that treat their callers badly."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

from tests.integration.meddling import wait_until

Behaviour = Callable[[socket.socket], None]

CAPABILITY = "hush-hush"  # the part of an address that makes it a secret


@dataclass(frozen=True, slots=True)
class Ping:
    """A request as it came in."""

    method: str
    path: str
    query: dict[str, str]
    body: str

    @property
    def rid(self) -> UUID:
        return UUID(self.query["rid"])


@dataclass(frozen=True, slots=True)
class Recorder:
    """A host that takes pings under one address and keeps them in the order of their arrival."""

    url: str
    pings: list[Ping] = field(default_factory=list)
    left: list[Ping] = field(default_factory=list)  # whose sender had enough of `at_start`

    def paths(self) -> list[str]:
        """Where each ping went, without what all have in common."""
        return [ping.path.removeprefix(urlsplit(self.url).path) for ping in self.pings]

    def wait_for(self, number: int) -> None:
        """Return as soon as so many pings have come."""
        wait_until(lambda: len(self.pings) >= number)


@contextmanager
def recorder(status: int = 200, query: str = "", at_start: Behaviour | None = None) -> Iterator[Recorder]:
    """A host that answers every ping with this status, but may do something else to the pings of a start."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode(errors="replace")
            ping = Ping(self.command, parts.path, dict(parse_qsl(parts.query)), body)
            host.pings.append(ping)
            if at_start and parts.path.endswith("/start"):
                with suppress(OSError):
                    at_start(self.connection)
                host.left.append(ping)
                return
            self.send_response(status)
            self.send_header("Location", f"{host.url}/elsewhere")
            self.end_headers()

        def do_GET(self) -> None:  # what a redirection would be followed with
            self.do_POST()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with _serving(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as port:
        host = Recorder(f"http://127.0.0.1:{port}/ping/{CAPABILITY}{query}")
        yield host


def says_nothing(connection: socket.socket) -> None:
    """Take all that comes until the other side hangs up."""
    while connection.recv(65_536):
        pass


def drips(connection: socket.socket) -> None:
    """Send a reply of which each byte comes in good time, and the end never."""
    connection.settimeout(0.1)
    for byte in b"HTTP/1.1 200 " + b"O" * 10_000:
        connection.sendall(bytes([byte]))
        with suppress(TimeoutError):
            if not connection.recv(65_536):
                return


def talks_garbage(connection: socket.socket) -> None:
    connection.sendall(b"\x00\xff\x16\x03 what?\r\n\r\n")


def hangs_up(_connection: socket.socket) -> None:
    """Say nothing, and that at once."""


@contextmanager
def bad_host(behaviour: Behaviour, scheme: str = "http") -> Iterator[str]:
    """The address of a host that does this to whoever has asked it something."""

    class Handler(BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                self.request.recv(65_536)
                behaviour(self.request)

    with _serving(ThreadingTCPServer(("127.0.0.1", 0), Handler)) as port:
        yield f"{scheme}://127.0.0.1:{port}/ping/{CAPABILITY}"


@contextmanager
def _serving(server: ThreadingTCPServer | ThreadingHTTPServer) -> Iterator[int]:
    server.daemon_threads = True
    server.block_on_close = False
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # who hangs up early is none of its business
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    with server:
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
