"""A real PgBouncer in front of a PostgreSQL: one server connection for many clients, a transaction each."""

import os
import pwd
import shutil
from pathlib import Path
from signal import SIGINT

import psycopg
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy.engine import make_url

from tests.servers.supervised import ServerDidNotStart, SupervisedServer

PORT = 6432  # the socket's name

_CONFIGURATION = """
[databases]
{database} = host={host} port={port} user={user} {password}
[pgbouncer]
unix_socket_dir = {folder}
listen_port = {listen_port}
auth_type = any
pool_mode = transaction
default_pool_size = {pool_size}
query_wait_timeout = 10
"""


class PgBouncer(SupervisedServer):
    """A pooler in transaction mode with so many connections to the database at a URL; `url` leads over it."""

    def __init__(self, database_url: str, pool_size: int) -> None:
        self._binary = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"
        if not os.access(self._binary, os.X_OK):
            raise ServerDidNotStart("no PgBouncer: install Debian's package pgbouncer")
        user = _unprivileged_user(database_url)
        super().__init__(SIGINT, user.pw_name if user else None)
        if user:
            os.chown(self.folder, user.pw_uid, user.pw_gid)
        (self.folder / "pgbouncer.ini").write_text(self._configuration(database_url, pool_size))
        over = make_url(database_url).set(host=None, port=None, query={"host": str(self.folder), "port": str(PORT)})
        self.url = over.render_as_string(hide_password=False)

    def command(self) -> list[str]:
        return [self._binary, "pgbouncer.ini"]

    def answers(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _configuration(self, database_url: str, pool_size: int) -> str:
        target = conninfo_to_dict(database_url)
        password = target.get("password")
        return _CONFIGURATION.format(
            database=target["dbname"],
            host=target.get("host", "127.0.0.1"),
            port=target.get("port", 5432),
            user=target.get("user", "postgres"),
            password=f"password={password}" if password else "",
            folder=self.folder,
            listen_port=PORT,
            pool_size=pool_size,
        )


def _unprivileged_user(database_url: str) -> pwd.struct_passwd | None:
    """Whom it runs as, who may use PostgreSQL's socket: it refuses to run as root; None for ourselves."""
    if os.geteuid() != 0:
        return None
    host = str(conninfo_to_dict(database_url).get("host", ""))
    return pwd.getpwuid(Path(host).stat().st_uid) if host.startswith("/") else pwd.getpwnam("nobody")
