"""Private servers for a benchmark, reached over TCP, with the durability of a production server."""

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from tests.servers.postgres_server import PrivatePostgres
from tests.servers.redis_server import PrivateRedis

_QUARTER_OF_THE_MEMORY = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 4 // 2**20
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "on",
    "full_page_writes": "on",
    "shared_buffers": f"{_QUARTER_OF_THE_MEMORY}MB",  # as PostgreSQL's documentation recommends
    "maintenance_work_mem": "512MB",
    "autovacuum": "on",
}


class TcpPostgres(PrivatePostgres):
    """A PostgreSQL server on a port of 127.0.0.1; autovacuum keeps its statistics current."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        super().__init__()
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def command(self) -> list[str]:
        """PostgreSQL as the tests run it, but on TCP, durable, and with memory for a larger database."""
        settings = {"port": str(self.port), **_SETTINGS}
        return [*super().command(), *(f"--{name}={value}" for name, value in settings.items())]


class Servers(NamedTuple):
    """A PostgreSQL server in which databases can be created, and a Redis server."""

    postgres: TcpPostgres
    redis: PrivateRedis


@contextmanager
def running_servers() -> Iterator[Servers]:
    """Private servers that stop at the end of the block."""
    with ExitStack() as stack:
        servers = Servers(TcpPostgres(), PrivateRedis())
        for server in servers:
            stack.callback(server.close)
            server.start()
        yield servers
