"""Private servers for a benchmark, reached over TCP, with the durability that a production server has."""

import socket

from tests.servers.postgres_server import PrivatePostgres


class TcpPostgres(PrivatePostgres):
    """A PostgreSQL on a port of 127.0.0.1; statistics are kept current, as autovacuum would."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        super().__init__()
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def command(self) -> list[str]:
        """PostgreSQL as the tests run it, but on TCP and with memory for a larger database."""
        settings = {
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
            "shared_buffers": "1GB",
            "maintenance_work_mem": "256MB",
            "autovacuum": "on",
        }
        return [*super().command(), *(f"--{name}={value}" for name, value in settings.items())]
