"""The addresses of databases, of Redis, and of those who are told how calls go: what is taken, and in which form."""

import re
from pathlib import Path
from urllib.parse import urlsplit

from redis import ConnectionPool, RedisError
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError


def sqlalchemy_url(text: str) -> URL:
    """The database URL in SQLAlchemy's form, with psycopg 3 as the driver. Raises ValueError for any other database."""
    try:
        url = _with_hosts(text)
    except ArgumentError as error:
        raise ValueError("not a URL") from error
    if url.drivername in ("postgres", "postgresql", "postgresql+psycopg"):
        url = url.set(drivername="postgresql+psycopg")
        _check_options(url)
        if "@" in (url.host or "") + (url.database or ""):
            raise ValueError("an @ in the password")
        return url
    if url.drivername == "sqlite" and url.database and url.database != ":memory:":
        return url.set(database=str(Path(url.database).absolute()))
    raise ValueError("neither PostgreSQL nor a SQLite file")


def _with_hosts(text: str) -> URL:
    """The URL, with several hosts as libpq writes them (host1:port1,host2), which SQLAlchemy takes as options alone."""
    found = re.fullmatch(r"(postgres[a-z+]*://(?:[^/?]*@)?)([^/?@]*,[^/?@]*)((?:[/?].*)?)", text)
    if found is None:
        return make_url(text)
    hosts = [
        re.fullmatch(r"\[?((?<=\[)[^\[\]]+(?=\])|[^:\[\]]+)\]?(?::([0-9]+))?", host) for host in found[2].split(",")
    ]
    if None in hosts:
        raise ValueError("not hosts and ports")
    names, ports = zip(*(host.groups("") for host in hosts if host), strict=True)
    return make_url(found[1] + found[3]).update_query_dict({"host": ",".join(names), "port": ",".join(ports)})


def _check_options(url: URL) -> None:
    from psycopg import ProgrammingError  # not needed if the database is SQLite
    from psycopg.conninfo import make_conninfo

    _, options = url.get_dialect()().create_connect_args(url)
    try:
        make_conninfo(**options)
    except ProgrammingError as error:
        raise ValueError("an option that psycopg does not know") from error


def check_redis_url(text: str) -> None:
    """Raise ValueError for a URL that would fail, or lead elsewhere, only when it is used."""
    parts = urlsplit(text.encode().decode())  # raises for bytes that are not valid text
    by_socket = parts.scheme == "unix" and parts.path and not parts.hostname
    by_network = parts.scheme in ("redis", "rediss") and parts.hostname
    database = parts.path.strip("/")
    if not (by_socket or (by_network and (database.isdecimal() or not database))):
        raise ValueError("not a Redis URL")
    try:
        ConnectionPool.from_url(text).make_connection()  # does not connect yet
    except (TypeError, RedisError) as error:
        raise ValueError("an option that redis-py does not know") from error


def check_ping_url(text: str) -> None:
    """Raise ValueError unless this is an HTTP URL that a request can be sent to as it is."""
    if not re.fullmatch("[!-~]+", text):
        raise ValueError("contains a space, or a character that is not ASCII")
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or parts.port == 0:
        raise ValueError("not an HTTP URL")
    parts.hostname.encode("idna")  # raises for a name that cannot be looked up
