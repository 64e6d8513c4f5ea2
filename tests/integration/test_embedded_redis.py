"""The embedded Redis: started with the first command, one for all processes, and nothing is lost."""

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

from tests.integration.embedded_clients import client_of, pid_of
from vettr_cron.redis_store.embedded import (
    EmbeddedRedis,
    EmbeddedRedisError,
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


def start_writer(folder: Path, name: str, **options: object) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", WRITER, str(folder), name, str(WRITES)]
    return subprocess.Popen(  # type: ignore[call-overload, no-any-return]
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


def test_a_client_starts_the_server_with_its_first_command(embedded_folder: Path) -> None:
    with client_of(embedded_folder) as client:
        assert not embedded_folder.exists()
        assert client.set("key", "value")
        assert client.get("key") == "value"


def test_processes_that_start_together_share_one_server(embedded_folder: Path) -> None:
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
        with pytest.raises(EmbeddedRedisError, match=rf"{private} is not a private folder of this user"):
            client_of(long).ping()
    finally:
        private.rmdir()
