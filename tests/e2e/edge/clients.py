"""Clients that speak to the web process through a bare socket."""

import json
import socket
from collections.abc import Mapping
from typing import Any

from tests.e2e.programs import PATIENCE
from tests.e2e.web import Web
from tests.world import SECRET

ANSWERED_QUICKLY = 1.5  # seconds; far less than a client is waited for
CROWD = 20  # more than the 16 threads that the two workers have together
GIVEN_UP = 12.0  # seconds until a client that is waited for has been given up
BEARER = f"Authorization: Bearer {SECRET}\r\n".encode()


def parsed(raw: bytes) -> tuple[int, Mapping[str, str], Any]:
    """Status, headers and body of one reply."""
    head, _, body = raw.partition(b"\r\n\r\n")
    line, *fields = head.decode().split("\r\n")
    return int(line.split()[1]), dict(field.split(": ", 1) for field in fields), json.loads(body)


def connected(web: Web) -> socket.socket:
    return socket.create_connection(("127.0.0.1", web.port), timeout=PATIENCE)
