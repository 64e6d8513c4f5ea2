"""The web process's worker: refusals use the service's envelope, and slow clients do not tie up the threads."""

import selectors
import socket
import struct
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from threading import BoundedSemaphore, Semaphore
from typing import Any, TypeVar

import structlog
from flask import Response
from gunicorn.http.errors import ParseException  # type: ignore[import-untyped]
from gunicorn.http.unreader import SocketUnreader  # type: ignore[import-untyped]
from gunicorn.util import http_date, write_nonblock  # type: ignore[import-untyped]
from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]

from vettr_cron.api.envelope import failure, failure_outside_request
from vettr_cron.api.refusals import refusal

CLIENT_SECONDS = 5  # for the whole head of a request, and for its whole body
REPLY_SECONDS = 10  # for a client to take the whole reply
LINGER_SECONDS = 2.0  # for a client to read its reply and hang up
DRAIN_SECONDS = 0.02  # for the whole rest of an unread body that is on its way
PROMPT_SECONDS = 0.25  # for a body or a reply; a client that takes longer counts as slow, and few may

Answer = TypeVar("Answer")

log = structlog.get_logger(__name__)


class Worker(ThreadWorker):  # type: ignore[misc]
    """gunicorn's threaded worker; an incomplete head waits among the idle connections, not in a thread."""

    def load_wsgi(self) -> None:
        """Load the application, and let it refuse a body that gunicorn cannot read."""
        super().load_wsgi()
        self.slow_clients = BoundedSemaphore(max(self.cfg.threads // 4, 1))
        self.wsgi.register_error_handler(ParseException, lambda error: failure(*refusal(error, self.cfg)))

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: Exception) -> None:
        """Answer a request that never reached the application; none of it is logged, as it may contain a secret."""
        status, code, message = refusal(exc, self.cfg)
        with self.wsgi.app_context():
            response = failure_outside_request(status, code, message)
        known = {"status": status, "request_id": response.headers["X-Request-Id"], "remote": addr[0] if addr else None}
        if status >= 500:
            log.error("internal_error", exc_info=exc, **known)
        else:
            log.warning("request_refused", reason=message, **known)
        try:
            write_nonblock(client, _wire_format(response))
        except OSError:
            log.debug("refusal_unsent")

    def enqueue_req(self, conn: Any) -> None:
        """Hand a connection to a thread once its request's head is complete; until then, wait for more."""
        conn.deadline = getattr(conn, "deadline", None) or time.monotonic() + CLIENT_SECONDS
        if self.cfg.is_ssl or self._receive(conn):
            conn.deadline = None
            conn.data_ready = True
            super().enqueue_req(conn)
        elif time.monotonic() < conn.deadline:
            self._wait(conn, conn.deadline, partial(self.on_pending_socket_readable, conn))
        else:
            self._close(conn)

    def handle_request(self, req: Any, conn: Any) -> bool:
        """Answer; the body must arrive in time, and a connection is not kept if its body does not end soon after."""
        reader, sock = conn.parser.unreader, conn.sock
        if not isinstance(reader, _Reader):  # TLS is left to gunicorn
            return bool(super().handle_request(req, conn))
        body, reply = (_Allowance(seconds, self.slow_clients) for seconds in (CLIENT_SECONDS, REPLY_SECONDS))
        reader.allowance, conn.sock = body, _Writer(sock, reply)
        try:
            kept = super().handle_request(req, conn)
        finally:
            conn.sock = sock
        reader.allowance = _Allowance(DRAIN_SECONDS)
        try:
            return bool(kept and conn.parser.finish_body(deadline=time.monotonic() + DRAIN_SECONDS))
        finally:
            reader.allowance = None

    def finish_request(self, conn: Any, fs: "Future[Any]") -> None:
        """Keep the connection or hang up, without waiting for the client to do the same."""
        if self.cfg.is_ssl or fs.cancelled() or fs.exception() or fs.result():
            super().finish_request(conn, fs)
            return
        try:
            conn.sock.shutdown(socket.SHUT_WR)
            self._wait(conn, time.monotonic() + LINGER_SECONDS, partial(self._drain, conn))
        except OSError:  # the client is gone
            self._close(conn)

    def _receive(self, conn: Any) -> bool:
        """Read what has arrived; true if the parser need not wait for more, also because the client has left."""
        try:
            if not conn.initialized:
                conn.init()
                conn.parser.unreader = _Reader(conn.sock)
            conn.sock.setblocking(False)
            came = conn.sock.recv(65_536)
            gone = not came
        except BlockingIOError:
            came, gone = b"", False
        except OSError:
            came, gone = b"", True
        head = conn.parser.unreader.take_buffered() + came
        if len(head) > self._longest_head():
            head += b"\r\n\r\n"  # it exceeds a limit; ended here, it is refused without waiting for more
        conn.parser.unreader.unread(head)
        return gone or _decidable(head, self.cfg.limit_request_line)

    def _longest_head(self) -> int:
        return int(self.cfg.limit_request_line + self.cfg.limit_request_fields * self.cfg.limit_request_field_size + 4)

    def _wait(self, conn: Any, deadline: float, readable: Any) -> None:
        # gunicorn closes waiting connections when their time is up.
        conn.timeout = deadline
        conn.sock.setblocking(False)
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, readable)

    def _drain(self, conn: Any, _sock: socket.socket) -> None:
        # Unread bytes would make the system reset the connection before the client has its reply.
        try:
            if conn.sock.recv(65_536) and time.monotonic() < conn.timeout:
                return
        except OSError:
            pass
        self.poller.unregister(conn.sock)
        self.pending_conns.remove(conn)
        self._close(conn)

    def _close(self, conn: Any) -> None:
        self.nr_conns -= 1
        conn.close()


def _decidable(head: bytes, longest_line: int) -> bool:
    """Whether the head is complete, or invalid whatever follows: a line ends wrongly, or not at all."""
    bare = head.count(b"\n") != head.count(b"\r\n")
    endless = len(head) - 4 > longest_line and b"\r\n" not in head[2:]
    return b"\r\n\r\n" in head or bare or endless


class _Allowance:
    """The total time to wait for one request's client, however small the pieces are; once it is used up: OSError.

    Each waiting client occupies a thread. A client that takes longer than a moment needs one of the few `slow` places,
    so that most threads are left to others.
    """

    def __init__(self, seconds: float, slow: Semaphore | None = None) -> None:
        self._seconds = seconds
        self._slow = slow
        self._began: float | None = None

    def wait(self, attempt: Callable[[float], Answer]) -> Answer:
        """The result of an attempt, which gets the seconds that it may take and raises OSError when they are over."""
        self._began = self._began or time.monotonic()
        if self._slow is None:
            return attempt(self._left(self._seconds))
        try:
            return attempt(self._left(PROMPT_SECONDS))
        except OSError:
            if not self._slow.acquire(blocking=False):
                raise
        try:
            return attempt(self._left(self._seconds))
        finally:
            self._slow.release()

    def _left(self, seconds: float) -> float:
        left = (self._began or 0.0) + seconds - time.monotonic()
        if left <= 0:
            raise TimeoutError("the client took too long")
        return left


class _Reader(SocketUnreader):  # type: ignore[misc]
    """Reads what a client sends, within an allowance while a request is answered."""

    allowance: _Allowance | None = None

    def chunk(self, size_hint: int | None = None) -> bytes:
        """The next piece; b"" at the end. Raises OSError if it does not arrive in time."""
        if self.allowance is None:
            return self._receive(CLIENT_SECONDS, size_hint)
        return self.allowance.wait(lambda left: self._receive(left, size_hint))

    def _receive(self, seconds: float, size_hint: int | None) -> bytes:
        _limit(self.sock, socket.SO_RCVTIMEO, seconds)
        piece: bytes = super().chunk(size_hint)
        return piece


class _Writer:
    """A connection's socket, whose client has an allowance to read the reply."""

    def __init__(self, sock: socket.socket, allowance: _Allowance) -> None:
        self._sock = sock
        self._allowance = allowance

    def sendall(self, data: bytes) -> None:
        """Send all of it. Raises OSError if the client does not take it in time."""
        left = memoryview(data)
        while left:
            left = left[self._allowance.wait(partial(self._send, left)) :]

    def _send(self, data: memoryview, seconds: float) -> int:
        _limit(self._sock, socket.SO_SNDTIMEO, seconds)
        return self._sock.send(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


def _limit(sock: socket.socket, option: int, seconds: float) -> None:
    """Make a read or write in a thread fail after a while; by the system's timeout, as gunicorn resets Python's."""
    whole, part = divmod(seconds, 1)
    sock.setsockopt(socket.SOL_SOCKET, option, struct.pack("ll", int(whole), max(int(part * 1e6), 1)))


def _wire_format(response: Response) -> bytes:
    headers = {"Date": http_date(), "Connection": "close", **response.headers}
    lines = [f"HTTP/1.1 {response.status}", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode("latin-1") + response.get_data()
