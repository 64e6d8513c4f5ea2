"""A way to a server that the test owns: it lets pass, refuses, cuts, delays or swallows whatever goes over it."""

import random
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from psycopg.conninfo import conninfo_to_dict
from redis.connection import parse_url
from sqlalchemy.engine import make_url

HOST = "127.0.0.1"
POSTGRES_PORT = 5432

Address = tuple[str, int] | str
"""Host and port, or the path of a Unix socket."""


class Mode(Enum):
    """What becomes of data and of new connections."""

    PASS = "pass"
    REFUSE = "refuse"  # nobody listens, and the connections that were there are cut
    DELAY = "delay"  # each piece of data waits
    STALL = "stall"  # connections are taken, and nothing goes over them; what was sent arrives when the stall ends


class Proxy:
    """Listens on a port of 127.0.0.1 and leads to `target`; may be used as a context manager."""

    def __init__(self, target: Address) -> None:
        self._target = target
        self._changed = threading.Condition()
        self._mode = Mode.PASS
        self._delay = 0.0
        self._links: set[_Link] = set()
        self._watch: Callable[[_Link, bytes, bool], bytes] | None = None  # gives what is still to be passed on
        listener, self.port = _listener_on_free_port()
        self._listener: socket.socket | None = listener
        self._accept_from(listener)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Cut everything and listen no more."""
        self.refuse()

    def heal(self) -> None:
        """Let everything pass from now on, also what a stall has held back."""
        with self._changed:
            self._watch = None
            self._set(Mode.PASS)
            if self._listener is None:
                self._listener = _listener(self.port)
                self._accept_from(self._listener)

    def refuse(self) -> None:
        """Cut all connections and take no new ones."""
        with self._changed:
            self._set(Mode.REFUSE)
            if self._listener is not None:
                self._listener.shutdown(socket.SHUT_RDWR)  # which wakes the thread that accepts
                self._listener.close()
                self._listener = None
            self.cut()

    def cut(self) -> None:
        """Cut the connections that are there; new ones are taken."""
        with self._changed:
            for link in list(self._links):
                link.cut()

    def delay(self, seconds: float) -> None:
        """Let each piece of data wait."""
        with self._changed:
            self._delay = seconds
            self._set(Mode.DELAY)

    def stall(self) -> None:
        """Hold back all data until `heal`."""
        with self._changed:
            self._set(Mode.STALL)

    def after_bytes(self, count: int, act: Callable[[], object]) -> None:
        """Act once, when so many bytes have gone over from now on, be it in the middle of a message."""
        left = [count]

        def watch(link: _Link, data: bytes, upstream: bool) -> bytes:
            passed, left[0] = left[0], left[0] - len(data)
            if left[0] >= 0:
                return data
            self._watch = None
            link.pass_on(data[:passed], upstream)
            act()
            return data[passed:]

        with self._changed:
            self._watch = watch

    def when(self, word: bytes, act: Callable[[], object], number: int = 1) -> None:
        """Act once, when the request of that number comes along which contains the word, before it is passed on."""
        left = [number]

        def watch(_link: _Link, data: bytes, upstream: bool) -> bytes:
            if upstream and word in data:
                left[0] -= 1
                if left[0] == 0:
                    self._watch = None
                    act()
            return data

        with self._changed:
            self._watch = watch

    def on_reply(self, word: bytes, act: Callable[[], object], number: int = 1) -> None:
        """Act once, when the reply to the request of that number with the word in it comes, before it is passed on."""
        left, asked = [number], set[_Link]()

        def watch(link: _Link, data: bytes, upstream: bool) -> bytes:
            if upstream and word in data:
                left[0] -= 1
                if left[0] == 0:
                    asked.add(link)
            elif not upstream and link in asked:
                self._watch = None
                act()
            return data

        with self._changed:
            self._watch = watch

    @property
    def armed(self) -> bool:
        """Whether what `after_bytes`, `when` or `on_reply` waits for has not come yet."""
        return self._watch is not None

    def _set(self, mode: Mode) -> None:
        self._mode = mode
        self._changed.notify_all()

    def _accept_from(self, listener: socket.socket) -> None:
        threading.Thread(target=self._accept, args=[listener], name="proxy-accept", daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:  # the listener was closed
                return
            server = self._connect()
            if server is None:
                client.close()
                continue
            link = _Link(client, server)
            with self._changed:
                if self._listener is not listener:
                    link.cut()
                self._links.add(link)
            for upstream in (True, False):
                threading.Thread(target=self._pump, args=[link, upstream], name="proxy-pump", daemon=True).start()

    def _connect(self) -> socket.socket | None:
        server = socket.socket(socket.AF_UNIX if isinstance(self._target, str) else socket.AF_INET)
        try:
            server.connect(self._target)
        except OSError:
            server.close()
            return None
        return server

    def _pump(self, link: "_Link", upstream: bool) -> None:
        source = link.client if upstream else link.server
        with suppress(OSError):
            while data := source.recv(65_536):
                link.pass_on(self._held(link, data, upstream), upstream)
        link.cut()
        if link.ended():
            with self._changed:
                self._links.discard(link)

    def _held(self, link: "_Link", data: bytes, upstream: bool) -> bytes:
        """What is to be passed on of the data, once the mode lets it."""
        with self._changed:
            rest = self._watch(link, data, upstream) if self._watch is not None else data
            if self._mode is Mode.DELAY:
                self._changed.wait_for(lambda: self._mode is not Mode.DELAY, self._delay)
            self._changed.wait_for(lambda: self._mode is not Mode.STALL)
        return rest


class _Link:
    """Two connections that lead into each other, each served by two threads."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client = client
        self.server = server
        self.is_cut = False
        self._ended = 0
        self._lock = threading.Lock()

    def pass_on(self, data: bytes, upstream: bool) -> None:
        """Send the data where it goes. Raises OSError when the connections are cut."""
        if self.is_cut:
            raise ConnectionAbortedError
        (self.server if upstream else self.client).sendall(data)

    def cut(self) -> None:
        """End both connections; the threads notice it."""
        self.is_cut = True
        for end in (self.client, self.server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def ended(self) -> bool:
        """Told by each thread at its end; the last one closes, and hears so."""
        with self._lock:
            self._ended += 1
            last = self._ended == 2
        if last:
            self.client.close()
            self.server.close()
        return last


def postgres_proxy(url: str) -> tuple[Proxy, str]:
    """A proxy to the server of this URL, and the URL that leads over it."""
    address = conninfo_to_dict(make_url(url).set(drivername="postgresql").render_as_string(hide_password=False))
    host, port = str(address.get("host") or HOST), int(address.get("port") or POSTGRES_PORT)
    proxy = Proxy(str(Path(host) / f".s.PGSQL.{port}") if host.startswith("/") else (host, port))
    over = make_url(url).set(host=HOST, port=proxy.port, query={})
    return proxy, over.render_as_string(hide_password=False)


def redis_proxy(url: str) -> tuple[Proxy, str]:
    """A proxy to the server of this URL, and the URL that leads over it."""
    options = parse_url(url)  # type: ignore[no-untyped-call]
    proxy = Proxy(options.get("path") or (options.get("host", HOST), options.get("port", 6379)))
    credentials = urlsplit(url).netloc.rpartition("@")[0]
    return proxy, f"redis://{credentials}{'@' if credentials else ''}{HOST}:{proxy.port}/{options.get('db') or 0}"


def _listener_on_free_port() -> tuple[socket.socket, int]:
    # Below the ports that the kernel gives to clients, which could take it while nobody listens.
    for port in random.sample(range(10_000, 32_000), 100):
        with suppress(OSError):
            return _listener(port), port
    raise OSError("no free port on 127.0.0.1")


def _listener(port: int) -> socket.socket:
    listener = socket.socket()
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(64)
    except OSError:
        listener.close()
        raise
    return listener
