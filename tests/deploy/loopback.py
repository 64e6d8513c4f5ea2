"""A PostgreSQL as a container reaches it: over TCP, with a password."""

import psycopg
from psycopg.sql import SQL, Identifier, Literal

from tests.e2e.programs import free_port
from tests.servers.postgres_server import PrivatePostgres

_WHO_MAY_COME = "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n"


class LoopbackPostgres(PrivatePostgres):
    """A PostgreSQL that also listens on a port of 127.0.0.1, where it asks for passwords."""

    def __init__(self) -> None:
        self.port = free_port()
        super().__init__()
        self.url = f"postgresql://postgres@/postgres?host={self.folder}&port={self.port}"
        (self.folder / "data" / "pg_hba.conf").write_text(_WHO_MAY_COME)

    def command(self) -> list[str]:
        return [*super().command(), "--listen_addresses=127.0.0.1", f"--port={self.port}"]

    def create_own_database(self, user: str, password: str, name: str) -> str:
        """The URL of a fresh database that belongs to a user of its own, as the postgres image makes one."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(Identifier(user), Literal(password)))
            connection.execute(SQL("CREATE DATABASE {} OWNER {}").format(Identifier(name), Identifier(user)))
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{name}"
