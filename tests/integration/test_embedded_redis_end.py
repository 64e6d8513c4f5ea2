"""When the embedded Redis ends by itself."""

import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.e2e.programs import PATIENCE
from tests.integration.embedded_clients import client_of, pid_of
from tests.integration.meddling import wait_until
from vettr_cron.redis_store.embedded import EmbeddedRedis
from vettr_cron.redis_store.embedded_watcher import POLL_SECONDS


def runs(pid: int) -> bool:
    """Whether the process is there, and not only its entry that nobody has collected."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_it_ends_once_its_folder_is_gone(embedded_folder: Path) -> None:
    with client_of(embedded_folder) as client:
        server = pid_of(client)
    watcher = parent_of(server)
    shutil.rmtree(embedded_folder)
    wait_until(lambda: not runs(server) and not runs(watcher), PATIENCE)


def test_it_goes_on_in_a_folder_that_was_moved(embedded_folder: Path) -> None:
    moved = embedded_folder.with_name("moved")
    try:
        with client_of(embedded_folder) as client:
            server = pid_of(client)
        embedded_folder.rename(moved)
        with client_of(moved) as client:
            ends = time.monotonic() + 1.5 * POLL_SECONDS
            while time.monotonic() < ends:
                assert pid_of(client) == server
    finally:
        EmbeddedRedis(moved).stop()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_it_ends_with_its_watcher(embedded_folder: Path, number: signal.Signals) -> None:
    with client_of(embedded_folder) as client:
        client.set("key", "value")
        server = pid_of(client)
        os.kill(parent_of(server), number)
        wait_until(lambda: not runs(server), PATIENCE)
        assert client.get("key") == "value"


def test_it_ends_when_nobody_uses_it_and_comes_back_with_everything(embedded_folder: Path) -> None:
    server = EmbeddedRedis(embedded_folder, idle_seconds=1)
    server.ensure_running()
    with client_of(embedded_folder) as client:
        client.set("key", "value", ex=1000)
        first = pid_of(client)
        wait_until(lambda: not runs(first), PATIENCE)
        assert client.get("key") == "value"
        assert client.ttl("key") > 900
        assert pid_of(client) != first


def test_it_stays_for_whoever_uses_it_now_and_then(embedded_folder: Path) -> None:
    EmbeddedRedis(embedded_folder, idle_seconds=1.5).ensure_running()
    with client_of(embedded_folder) as client:
        first = pid_of(client)
        for _ in range(30):
            client.get("key")
            assert not wait_a_moment(lambda: not runs(first))


def wait_a_moment(happens: "object") -> bool:
    """Whether it happens within a tenth of a second."""
    try:
        wait_until(happens, 0.1)  # type: ignore[arg-type]
    except (AssertionError, TimeoutError):
        return False
    return True


def test_its_end_leaves_no_dead_process_to_whoever_started_it(embedded_folder: Path) -> None:
    with client_of(embedded_folder) as client:
        server = pid_of(client)
        watcher = parent_of(server)
        assert os.getpid() not in (parent_of(watcher), watcher)
        os.kill(server, signal.SIGKILL)
        wait_until(lambda: not Path(f"/proc/{server}").exists(), PATIENCE)  # collected by its watcher
