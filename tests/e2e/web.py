"""The web process as the Procfile starts it, and how its callers talk to it."""

import json
import os
import re
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from tests.e2e.programs import PATIENCE, Environment, environment, free_port, gunicorn, started
from tests.integration.meddling import wait_until
from tests.world import SECRET, World


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True, slots=True)
class Web:
    """A gunicorn that answers on a port of its own; its log goes to a file, which a long run cannot fill."""

    process: "subprocess.Popen[str]"
    port: int
    log: Path

    def address(self, path: str) -> str:
        """What a browser is given."""
        return f"http://127.0.0.1:{self.port}{path}"

    def call(self, path: str, secret: str = SECRET, method: str = "GET", **headers: str) -> Reply:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, headers={"Authorization": f"Bearer {secret}", **named})
            response = connection.getresponse()
            text = response.read()
            return Reply(response.status, dict(response.getheaders()), json.loads(text) if text else None)
        finally:
            connection.close()

    def send(self, raw: bytes) -> bytes:
        """What comes back for bytes that no client library would send, first line and all."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as connection:
            connection.sendall(raw)
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(65_536), b""))

    def workers(self) -> list[int]:
        """The processes that gunicorn has started, those that are gone included."""
        return [int(pid) for pid in re.findall(r"Booting worker with pid: (\d+)", self.log.read_text())]

    def events(self) -> list[Any]:
        """What is in the log so far: a reply does not wait for the line that tells of it."""
        complete, _, _ = self.log.read_text().rpartition("\n")
        return [json.loads(line) for line in complete.splitlines()]

    def answers(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        try:
            return self.call("/readyz").status == 200
        except OSError:
            return False


@contextmanager
def serving(world: World, variables: Environment | None = None, port: int | None = None) -> Iterator[Web]:
    """The web process on the same servers as this world, in production; it ends with the block."""
    port = port or free_port()
    own = {"BIND_HOST": "127.0.0.1", "PORT": str(port), "WEB_CONCURRENCY": "2", **(variables or {})}
    with (
        tempfile.NamedTemporaryFile() as log,
        started(gunicorn(), environment(world, **own), stderr=log.fileno()) as process,
    ):
        web = Web(process, port, Path(log.name))
        try:
            wait_until(web.answers, PATIENCE)
            yield web
        finally:
            process.kill()
            for pid in web.workers():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
