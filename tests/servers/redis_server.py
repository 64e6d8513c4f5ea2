"""A real Redis, private to a test process; tests may stop, kill and start it again."""

import random
import shutil
import socket
from signal import SIGTERM
from urllib.parse import parse_qsl, urlencode

from redis import Redis
from redis.backoff import NoBackoff
from redis.connection import parse_url
from redis.exceptions import ConnectionError, TimeoutError
from redis.retry import Retry

from tests.servers.supervised import ServerDidNotStart, SupervisedServer
from vettr_cron.redis_store.embedded import bundled_server_binary

_OPTIONS = (
    *("--bind", "127.0.0.1", "--save", "", "--maxmemory-policy", "noeviction"),
    # A write survives the end of the process, be it by kill -9; it need not survive the machine's.
    *("--appendonly", "yes", "--appendfsync", "no"),
)


class PrivateRedis(SupervisedServer):
    """A Redis at `url`, on a port of its own."""

    def __init__(self) -> None:
        self._binary = _binary()
        self._port = _free_port()
        self.url = f"redis://127.0.0.1:{self._port}/0"
        super().__init__(SIGTERM)

    def command(self) -> list[str]:
        return [self._binary, "--port", str(self._port), *_OPTIONS]

    def answers(self) -> bool:
        try:
            with _client(self.url) as client:
                client.ping()  # refused while it loads its data, when INFO answers already
                return int(client.info("server")["process_id"]) == self.pid  # and not a stranger on this port
        except (ConnectionError, TimeoutError):
            return False


def flush(url: str) -> None:
    """Empty the database at this URL."""
    with _client(url) as client:
        client.flushdb()


def url_of_worker(url: str, worker: str) -> str:
    """The same server, with a database for each worker of pytest-xdist: `gw0` has the URL's own, `gw1` the next."""
    first = int(parse_url(url).get("db") or 0)  # type: ignore[no-untyped-call]
    number = int(worker.removeprefix("gw")) if worker.startswith("gw") else 0
    address, _, query = url.partition("?")
    options = dict(parse_qsl(query)) | {"db": str(first + number)}
    return f"{address}?{urlencode(options)}"


def _client(url: str) -> Redis:
    return Redis.from_url(url, socket_timeout=2, retry=Retry(NoBackoff(), 0))


def _binary() -> str:
    binary = shutil.which("redis-server") or shutil.which("valkey-server") or bundled_server_binary()
    if binary is None:
        raise ServerDidNotStart("no Redis: install requirements-dev.txt or redis-server, or set TEST_REDIS_URL")
    return str(binary)


def _free_port() -> int:
    """A port below those that the kernel gives to clients, which could take it while the server is stopped."""
    for port in random.sample(range(10_000, 32_000), 100):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    raise ServerDidNotStart("no free port on 127.0.0.1")
