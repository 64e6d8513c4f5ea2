"""Whether the web server can listen where it is to, said in one sentence."""

import errno
import os
import socket
import time
from collections.abc import Iterable, Mapping

from vettr_cron.config import ConfigError

_INHERITED = ("GUNICORN_FD", "LISTEN_FDS")  # sockets of the process before this one, or of systemd


PATIENCE_SECONDS = 5.0  # that a server before this one may take to give its port back, as gunicorn itself waits


def check_addresses(addresses: Iterable[object], environment: Mapping[str, str] = os.environ) -> None:
    """Raise ConfigError if another program listens on one of the addresses, or this machine does not have it.

    gunicorn itself would then log five times what the system says.
    """
    if any(name in environment for name in _INHERITED):
        return
    ends = time.monotonic() + PATIENCE_SECONDS
    for address in addresses:
        if isinstance(address, tuple):  # neither a path nor a file descriptor
            _check(str(address[0]), int(address[1]), ends)


def _check(host: str, port: int, ends: float) -> None:
    while True:
        try:
            _listen(host, port)
            return
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > ends:
                raise ConfigError(_problem(error, host, port)) from None
        time.sleep(0.1)


def _listen(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
        probe.listen()  # with SO_REUSEADDR, only this fails on some systems


def _problem(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is taken: another program listens there; stop it, or set PORT to another"
    if error.errno == errno.EACCES:
        return f"port {port} is not for this user; set PORT to one above 1023"
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return (
            f"BIND_HOST: {host!r} is not an IPv4 address or name of this machine, nor an IPv6 address of it; "
            "0.0.0.0 is all of IPv4, :: all of IPv6 too"
        )
    return f"cannot listen on {host or 'all interfaces'}, port {port}: {error.strerror or error}"
