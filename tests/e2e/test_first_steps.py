"""What somebody meets who starts the programs for the first time, or in an odd place."""

import re
import socket
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.programs import PATIENCE, PROJECT, environment, finished, flask, free_port, gunicorn, started
from tests.e2e.web import serving
from tests.integration.meddling import wait_until
from tests.world import World
from vettr_cron.api.listening import check_addresses
from vettr_cron.config import ConfigError


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        *(["cron", *words, "--help"] for words in ([], ["refresh-all"], ["scores"], ["cleanup"], ["pause"])),
        ["stocks", "import", "--help"],
        ["db", "upgrade", "--help"],
    ],
)
def test_help_needs_no_settings(words: list[str]) -> None:
    done = finished(flask(*words), {"PORT": "none"})
    assert (done.returncode, done.stderr) == (0, "")
    assert "Usage: " in done.stdout


@pytest.mark.parametrize("words", [["cron"], ["cron", "refresh-all"], ["cron", "scores"], ["cron", "red-flags"]])
def test_the_help_of_calls_names_their_exit_statuses(words: list[str]) -> None:
    said = " ".join(finished(flask(*words, "--help"), {}).stdout.split())
    assert "0 done, 1 failed, 2 wrong usage, 75 skipped, because another call is running" in said


def test_what_only_looks_like_asking_for_help_does_nothing() -> None:
    done = finished(flask("cron", "scores", "--tickers", "--help"), {})
    assert done.returncode == 1
    assert "Error: The database file cannot be opened" in done.stderr


def refused(world: World, **variables: str) -> str:
    """What gunicorn says and ends with; nothing of it is a traceback."""
    done = finished(gunicorn(), environment(world, **variables))
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.count("vettr-cron cannot start:") == 1
    return done.stderr


def test_a_taken_port_is_said_in_one_sentence(sqlite_world: World) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        said = refused(sqlite_world, BIND_HOST="127.0.0.1", PORT=str(port))
    assert f"port {port} is taken: another program listens there; stop it, or set PORT to another" in said


def test_an_address_of_another_machine_is_said_in_one_sentence(sqlite_world: World) -> None:
    for host in ("192.0.2.1", "no-such-host.invalid"):
        said = refused(sqlite_world, BIND_HOST=host, PORT=str(free_port()))
        assert f"BIND_HOST: '{host}' is not an IPv4 address or name of this machine" in said


@pytest.mark.parametrize("variable", ["GUNICORN_FD", "LISTEN_FDS"])
def test_a_port_is_not_taken_by_the_sockets_that_are_handed_on(variable: str) -> None:
    """An upgrade of gunicorn's, and systemd's socket activation, hand on sockets that listen already."""
    with closing(socket.create_server(("127.0.0.1", 0))) as handed_on:
        check_addresses([handed_on.getsockname()], {variable: "1"})
        with pytest.raises(ConfigError, match="is taken"):
            check_addresses([handed_on.getsockname()], {})


def test_a_port_that_is_given_back_in_time_is_waited_for() -> None:
    taken = socket.create_server(("127.0.0.1", 0))
    address = taken.getsockname()
    with ThreadPoolExecutor(1) as executor:
        check = executor.submit(check_addresses, [address], {})
        with pytest.raises(FutureTimeout):
            check.result(timeout=0.5)
        taken.close()
        check.result(PATIENCE)


@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_it_listens_on_ipv6(sqlite_world: World, host: str) -> None:
    port = free_port()
    variables = environment(sqlite_world, BIND_HOST=host, PORT=str(port), WEB_CONCURRENCY="1")
    with started(gunicorn(), variables):
        wait_until(lambda: b"HTTP/1.1 200" in answer(port, socket.AF_INET6, "::1"), PATIENCE)


def test_all_of_ipv6_is_all_of_ipv4_too(sqlite_world: World) -> None:
    with serving(sqlite_world, {"BIND_HOST": "::", "WEB_CONCURRENCY": "1"}) as web:
        assert b"HTTP/1.1 200" in answer(web.port, socket.AF_INET6, "::1")


def answer(port: int, family: socket.AddressFamily, host: str) -> bytes:
    try:
        with socket.socket(family, socket.SOCK_STREAM) as connection:
            connection.settimeout(PATIENCE)
            connection.connect((host, port))
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return b"".join(iter(lambda: connection.recv(65_536), b""))
    except ConnectionError:
        return b""


def log_of(world: World) -> Path:
    return Path(re.sub("^sqlite:///", "", world.database_url) + "-wal")


def test_a_command_leaves_all_in_the_sqlite_file(sqlite_world: World) -> None:
    sqlite_world.close()
    done = finished(flask("stocks", "generate", "--count", "5"), environment(sqlite_world))
    assert done.returncode == 0, done.stderr
    assert not log_of(sqlite_world).exists()


def test_gunicorn_leaves_all_in_the_sqlite_file(sqlite_world: World) -> None:
    sqlite_world.close()
    with serving(sqlite_world) as web:
        web.call("/v1/cron/refresh-all")
        assert log_of(sqlite_world).exists()
        web.process.terminate()
        web.process.wait(PATIENCE)
        assert not log_of(sqlite_world).exists()


def test_in_development_it_says_where_to_look(migrated_sqlite_url: str, redis_url: str) -> None:
    port = free_port()
    urls = {"DATABASE_URL": migrated_sqlite_url, "REDIS_URL": redis_url}
    variables = {"APP_ENV": "development", "PORT": str(port), "WEB_CONCURRENCY": "1", **urls}
    with started(gunicorn(), variables) as process:
        assert process.stderr is not None
        assert any(f"Look at it on http://localhost:{port}/dashboard" in line for line in process.stderr)


def make(goal: str, *variables: str) -> str:
    """What make would run for this goal, without running it."""
    return finished(["make", "--dry-run", goal, *variables], {}, folder=PROJECT).stdout


def test_make_serve_takes_another_port() -> None:
    assert 'PORT="9001" .venv/bin/gunicorn wsgi:app' in make("serve", "PORT=9001")
