"""The log says once, in the driver's own words, why a server cannot be used; no reply does, and no secret is in it."""

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import ConnectionError
from sqlalchemy.engine import make_url

from tests.chaos.proxy import postgres_proxy
from tests.integration.bare_stocks import add_stocks
from tests.integration.commands import FAILED, run
from tests.integration.failing import failed_run
from tests.integration.meddling import at_stock
from tests.jobs import THE_TWO
from tests.servers.redis_server import PrivateRedis
from tests.tools import needed
from tests.world import SECRET, World

PATHS = ["/readyz", "/v1/cron/scores", "/v1/cron/refresh-all", "/v1/cron/status"]
NO_DATABASE = "The database does not answer"


def logged_once(logged: str, words: str) -> None:
    (line,) = [line for line in logged.splitlines() if words in line]
    assert "[warning" in line
    assert "service_unavailable" in line
    assert "hush" not in logged


def assert_told(world: World, capsys: pytest.CaptureFixture[str], path: str, words: str, reply: str) -> None:
    capsys.readouterr()
    response = world.client.get(path, headers={"Authorization": f"Bearer {SECRET}"})
    assert response.status_code == 503
    assert reply in response.get_data(as_text=True)
    assert words not in response.get_data(as_text=True)
    logged_once(capsys.readouterr().err, words)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("change", "words", "reply"),
    [
        ({"host": "nowhere.invalid"}, "failed to resolve host 'nowhere.invalid'", NO_DATABASE),
        ({"port": 1}, "Connection refused", NO_DATABASE),
        ({"query": {"sslmode": "hush-hush"}}, 'invalid sslmode value: "***"', NO_DATABASE),
        ({"query": {"sslmode": "require"}}, "server does not support SSL", NO_DATABASE),
        ({"username": "nobody"}, 'role "nobody" does not exist', "The database refuses the credentials"),
        ({"database": "nothing"}, 'database "nothing" does not exist', "The database named in DATABASE_URL"),
    ],
)
def test_the_cause_at_postgresql(
    migrated_postgres_url: str,
    redis_url: str,
    capsys: pytest.CaptureFixture[str],
    change: Mapping[str, Any],
    words: str,
    reply: str,
    path: str,
) -> None:
    proxy, url = postgres_proxy(migrated_postgres_url)
    wrong = make_url(url).set(password="hush-hush", **change).render_as_string(hide_password=False)
    with proxy, closing(World.make(wrong, redis_url)) as world:
        assert_told(world, capsys, path, words, reply)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("url", "words", "reply"),
    [
        ("redis://:hush-hush@nowhere.invalid:{port}/0", "connecting to nowhere.invalid", "Redis does not answer"),
        ("redis://:hush-hush@127.0.0.1:1/0", "Connection refused", "Redis does not answer"),
        ("redis://somebody:hush-hush@127.0.0.1:{port}/0", "invalid username-password", "Redis refuses the credentials"),
        ("rediss://127.0.0.1:{port}/0", "handshake operation timed out", "Redis does not answer"),
    ],
)
def test_the_cause_at_redis(
    migrated_sqlite_url: str,
    redis_server: PrivateRedis,
    capsys: pytest.CaptureFixture[str],
    url: str,
    words: str,
    reply: str,
    path: str,
) -> None:
    port = make_url(redis_server.url).port
    with closing(World.make(migrated_sqlite_url, url.format(port=port))) as world:
        assert_told(world, capsys, path, words, reply)


class _TlsRedis(PrivateRedis):
    """A Redis that speaks TLS alone, with a certificate that nobody else signed."""

    def command(self) -> list[str]:
        plain = super().command()
        port = plain[plain.index("--port") + 1]
        made = ["-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-subj", "/CN=localhost"]
        openssl = shutil.which("openssl") or ""
        subprocess.run([openssl, "req", "-x509", *made], check=True, cwd=self.folder, capture_output=True)
        files = ("--tls-cert-file", "cert.pem", "--tls-key-file", "key.pem", "--tls-auth-clients", "no")
        return [plain[0], "--port", "0", "--tls-port", port, *files]

    def answers(self) -> bool:
        try:
            with Redis.from_url(self.url.replace("redis", "rediss", 1), ssl_cert_reqs="none") as client:
                return bool(client.ping())
        except ConnectionError:
            return False


@pytest.fixture
def tls_redis() -> Iterator[PrivateRedis]:
    needed("openssl")
    needed("redis-server")  # only some servers speak TLS
    with _TlsRedis().running() as server:
        yield server


def test_the_cause_is_a_certificate(
    migrated_sqlite_url: str, tls_redis: PrivateRedis, capsys: pytest.CaptureFixture[str]
) -> None:
    url = tls_redis.url.replace("redis", "rediss", 1)
    with closing(World.make(migrated_sqlite_url, url)) as world:
        for path in PATHS:
            assert_told(world, capsys, path, "CERTIFICATE_VERIFY_FAILED", "Redis does not answer")


@pytest.mark.parametrize(
    "words", [("cron", "scores"), ("cron", "refresh-all"), ("cron", "status"), ("cron", "cleanup"), ("cron", "doctor")]
)
def test_the_cause_of_what_keeps_a_command_from_working(
    migrated_sqlite_url: str, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    with closing(World.make(migrated_sqlite_url, "redis://:hush-hush@127.0.0.1:1/0")) as world:
        capsys.readouterr()
        done = run(world, *words)
        assert done.exit_code == FAILED
        assert "Connection refused" not in done.output
        logged_once(capsys.readouterr().err, "Connection refused")


def test_the_cause_of_what_broke_off_a_run(
    migrated_sqlite_url: str, stoppable_redis: PrivateRedis, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs = {**THE_TWO, "scores": at_stock(THE_TWO["scores"], 1, stoppable_redis.stop)}
    with closing(World.with_jobs(jobs, migrated_sqlite_url, stoppable_redis.url)) as world:
        add_stocks(world, 3)
        failed_run(world.call("scores"), "Redis does not answer")
        assert "Connection refused" in capsys.readouterr().err
