"""A real nginx with the configuration of deploy/nginx, in front of a gunicorn."""

import os
import re
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from signal import SIGTERM
from typing import NamedTuple

from tests.e2e.programs import PATIENCE, PROJECT, free_port
from tests.servers.supervised import SupervisedServer
from tests.tools import needed
from tests.world import SECRET

SITE = PROJECT / "deploy" / "nginx" / "vettr-cron.conf"
_MAIN = """
daemon off;
pid nginx.pid;
error_log stderr;
{user}
events {{}}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxied;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    include site.conf;
}}
"""


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    text: str


class Nginx(SupervisedServer):
    """The site on ports of its own, with a certificate of its own; who is slow has a second each time."""

    def __init__(self, upstream_port: int) -> None:
        self._program = needed("nginx", "nginx-light")
        super().__init__(SIGTERM)
        self.plain_port, self.port = free_port(), free_port()
        make_certificate(self.folder)
        user = "user root;" if os.geteuid() == 0 else ""
        (self.folder / "nginx.conf").write_text(_MAIN.format(user=user))
        (self.folder / "site.conf").write_text(self._site(upstream_port))

    def command(self) -> list[str]:
        return [self._program, "-p", str(self.folder), "-c", "nginx.conf"]

    def answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE).close()
        except OSError:
            return False
        return True

    def connected(self) -> ssl.SSLSocket:
        """A connection to the site, for bytes that no client library would send."""
        context = ssl.create_default_context(cafile=str(self.folder / "certificate.pem"))
        return context.wrap_socket(
            socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE), server_hostname="your-app.example"
        )

    def send(self, raw: bytes) -> bytes:
        with self.connected() as connection:
            connection.sendall(raw)
            return b"".join(iter(lambda: connection.recv(65_536), b""))

    def call(
        self, path: str, method: str = "GET", body: str | None = None, source: str = "127.0.0.1", **headers: str
    ) -> Reply:
        """A call through TLS, whose certificate is checked but for the name."""
        context = ssl.create_default_context(cafile=str(self.folder / "certificate.pem"))
        context.check_hostname = False
        connection = HTTPSConnection(
            "127.0.0.1", self.port, timeout=PATIENCE, context=context, source_address=(source, 0)
        )
        return _reply(connection, method, path, body, headers)

    def call_plainly(self, path: str) -> Reply:
        return _reply(HTTPConnection("127.0.0.1", self.plain_port, timeout=PATIENCE), "GET", path, None, {})

    def _site(self, upstream_port: int) -> str:
        text = SITE.read_text()
        for pattern, written in (
            (r"server 127\.0\.0\.1:8000;", f"server 127.0.0.1:{upstream_port};"),
            (r"listen 80;", f"listen 127.0.0.1:{self.plain_port};"),
            (r"listen 443 ssl;", f"listen 127.0.0.1:{self.port} ssl;"),
            (r"listen \[::\].*;", ""),
            (r"/etc/letsencrypt/live/your-app.example/fullchain.pem", "certificate.pem"),
            (r"/etc/letsencrypt/live/your-app.example/privkey.pem", "key.pem"),
            (r" 10s;", " 1s;"),
            (r"proxy_read_timeout 60s;", "proxy_read_timeout 20s;"),
        ):
            text, count = re.subn(pattern, written, text)
            assert count, f"{SITE} no longer has {pattern}"
        return text


def make_certificate(folder: Path) -> None:
    """A key and a certificate for your-app.example and 127.0.0.1 that it signed itself."""
    names = "subjectAltName=DNS:your-app.example,DNS:localhost,IP:127.0.0.1"
    made = [
        needed("openssl"),
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=your-app.example",
    ]
    files = ["-keyout", "key.pem", "-out", "certificate.pem", "-addext", names]
    subprocess.run([*made, *files], check=True, cwd=folder, capture_output=True)


def connections_to(port: int) -> int:
    """How many connections lead to a port of this machine."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[2].endswith(f":{port:04X}") and row[3] == "01" for row in rows)


@contextmanager
def proxying(port: int) -> Iterator[Nginx]:
    with Nginx(port).running() as nginx:
        yield nginx


def _reply(connection: HTTPConnection, method: str, path: str, body: str | None, headers: dict[str, str]) -> Reply:
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, {"Authorization": f"Bearer {SECRET}", **named})
        response = connection.getresponse()
        return Reply(response.status, dict(response.getheaders()), response.read().decode())
    finally:
        connection.close()
