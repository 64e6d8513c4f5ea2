"""Pings a Healthchecks-style URL when a call of a job begins and when it ends, without holding up the call for long.

The time that a foreign host or a name server takes cannot be bounded from outside. So each URL has a thread of its own
that sends its pings in order. At its end a call waits for its own pings, for a second at most, and gives up the rest.
"""

import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import datetime
from functools import cache
from http.client import HTTPConnection, HTTPSConnection
from queue import SimpleQueue
from urllib.parse import urlsplit
from uuid import uuid4

import structlog
from pydantic import SecretStr

from vettr_cron.domain.errors import CronError, UnknownTickers, unexpected
from vettr_cron.domain.run import CallStatus, JobResult
from vettr_cron.domain.timestamps import iso_milliseconds

log = structlog.get_logger(__name__)

PATIENCE_SECONDS = 1.0
MAXIMUM_BODY = 10_000  # bytes; what a self-hosted Healthchecks keeps by default
MAXIMUM_STATUS_LINE = 1_000
PATHS = {"start": "/start", "success": "", "fail": "/fail"}


class Pings:
    """Pings for the calls of those jobs that have a URL.

    `shutdown_ends` may give a moment (monotonic) after which no call waits any longer, because the process must end.
    """

    def __init__(self, urls: Mapping[str, SecretStr | None], shutdown_ends: Callable[[], float | None]) -> None:
        self._couriers = {job: _Courier(url) for job, url in urls.items() if url is not None}
        self._shutdown_ends = shutdown_ends

    @contextmanager
    def call(self, job: str, *, in_the_cycle: bool = True) -> Iterator["CallPings"]:
        """The pings of one call of the job. An exception in the block is reported as a failure and raised again.

        A call outside the cycle, made by hand, must not pass for the scheduled one.
        """
        pings = CallPings(job, self._couriers.get(job) if in_the_cycle else None)
        try:
            yield pings
        except UnknownTickers:
            raise  # the caller's mistake, not a problem of the job
        except Exception as problem:
            pings.fail(problem)
            pings.deliver(self._patience_ends)
            raise
        pings.deliver(self._patience_ends)

    @property
    def _patience_ends(self) -> float:
        ends, shutdown_ends = time.monotonic() + PATIENCE_SECONDS, self._shutdown_ends()
        return ends if shutdown_ends is None else min(ends, shutdown_ends)


class CallPings:
    """The pings of one call, under one id: that it begins to work, and then how it ended."""

    def __init__(self, job: str, courier: "_Courier | None") -> None:
        self._job = job
        self._courier = courier
        self._rid = str(uuid4())
        self._sent: list[_Ping] = []

    def start(self) -> None:
        """Report that work begins; does nothing the second time. Does not wait."""
        if not self._sent:
            self._send("start", f"{self._job} begins")

    def end(self, result: JobResult, next_call: datetime | None = None) -> None:
        """Report how the call ended, and when the next one is expected: a failure in any case, a success only if a
        start was reported.
        """
        following = f"\nnext call expected at {iso_milliseconds(next_call)}" if next_call else ""
        if result.status is CallStatus.FAILED:
            self._send("fail", f"{_summary(result)}\n{result.error}{following}")
        elif self._sent:
            self._send("success", f"{_summary(result)}{following}")

    def fail(self, problem: Exception) -> None:
        """Report that the call broke off without a result. Of an unexpected exception only the name is sent."""
        reason = problem if isinstance(problem, CronError) else unexpected(problem).error
        self._send("fail", f"{self._job}: {reason}")

    def deliver(self, ends: float) -> None:
        """Wait until every ping is delivered, but not beyond `ends` (monotonic); then give up the rest."""
        for ping in self._sent:
            if not ping.done.wait(max(ends - time.monotonic(), 0)):
                ping.given_up = True
            problem = "not delivered in time" if ping.given_up else ping.problem
            if problem:
                log.warning("ping_lost", job=self._job, ping=ping.kind, reason=problem)

    def _send(self, kind: str, text: str) -> None:
        if self._courier:
            ping = _Ping(kind, self._rid, text)
            self._sent.append(ping)
            self._courier.take(ping)


class _Ping:
    """One message to be delivered."""

    def __init__(self, kind: str, rid: str, text: str) -> None:
        self.kind = kind
        self.rid = rid
        self.body = text.encode(errors="replace")[:MAXIMUM_BODY]
        self.done = threading.Event()
        self.problem: str | None = None  # why it was not delivered, once it is done
        self.given_up = False  # the call no longer waits for it


class _Courier:
    """Delivers the pings of one URL, one after the other, in a thread that starts when it is first needed."""

    def __init__(self, url: SecretStr) -> None:
        self._url = url
        self._pings: SimpleQueue[_Ping] = SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def take(self, ping: _Ping) -> None:
        try:
            self._ensure_thread()
        except RuntimeError:  # the system allows no more threads, or the interpreter is shutting down
            ping.problem = "there is no thread to send it"
            ping.done.set()
        else:
            self._pings.put(ping)

    def _ensure_thread(self) -> None:
        with self._lock:
            # A thread does not survive a fork: each process has its own.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._deliver, name="pings", daemon=True)
                self._thread.start()

    def _deliver(self) -> None:
        while True:
            ping = self._pings.get()
            if not ping.given_up:
                ping.problem = _post(self._url.get_secret_value(), ping)
            ping.done.set()


def _post(url: str, ping: _Ping) -> str | None:
    """Send the ping. Returns why it was not delivered, without quoting the URL, or None."""
    parts = urlsplit(url)
    path = (parts.path.rstrip("/") + PATHS[ping.kind]) or "/"
    query = f"{parts.query}&rid={ping.rid}" if parts.query else f"rid={ping.rid}"
    headers = {"Content-Type": "text/plain; charset=utf-8", "User-Agent": "vettr-cron", "Connection": "close"}
    ends = time.monotonic() + PATIENCE_SECONDS
    try:
        with closing(_connection(parts.scheme, parts.hostname or "", parts.port)) as connection:
            connection.request("POST", f"{path}?{query}", ping.body, headers)
            status = _status(connection.sock, ends)
    except OSError as error:
        return _in_words(error)
    if status is None:
        return "the reply is not HTTP"
    return None if 200 <= status < 300 else f"the reply has status {status}"


def _connection(scheme: str, host: str, port: int | None) -> HTTPConnection:
    if scheme == "https":
        return HTTPSConnection(host, port or 443, timeout=PATIENCE_SECONDS, context=_tls())
    return HTTPConnection(host, port or 80, timeout=PATIENCE_SECONDS)


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()  # reads all certificates of the authorities, which is slow


def _status(connection: socket.socket, ends: float) -> int | None:
    """The status of the reply; the rest of it is not read. Raises TimeoutError at `ends` (monotonic)."""
    received = b""
    while b"\n" not in received and len(received) < MAXIMUM_STATUS_LINE:
        # A socket's timeout bounds one piece, however small; the whole must be bounded too.
        connection.settimeout(max(ends - time.monotonic(), 0.001))
        piece = connection.recv(MAXIMUM_STATUS_LINE)
        if not piece:
            break
        received += piece
    found = re.match(rb"HTTP/1\.\d (\d{3})\s", received)
    return int(found[1]) if found else None


def _in_words(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "not delivered in time"
    if isinstance(error, socket.gaierror):
        return "the host's name does not resolve"
    if isinstance(error, ssl.SSLError):
        return f"no TLS with the host: {error.reason or type(error).__name__}"
    return error.strerror or type(error).__name__


def _summary(result: JobResult) -> str:
    if result.pause and not result.chunks_run:
        return f"{result.job}: paused: {result.pause.reason or 'no reason'}"
    stop = result.stop_reason.value.replace("_", " ")
    return f"{result.job}: {result.stocks_processed} stocks, {result.failed} failed, {stop}, run {result.run_id}"
