"""Nobody reads what a program writes: its calls go on, it ends in time, and it says what was not written."""

import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection

import pytest

from tests.e2e.programs import PATIENCE, PROJECT, environment, finished, flask, free_port, gunicorn, started
from tests.integration.bare_stocks import add_stocks
from tests.integration.meddling import wait_until
from tests.world import SECRET, World
from vettr_cron.nonblocking import MOST_WAITING

GRACE = 10  # seconds that a stop may take


@pytest.fixture
def world(migrated_sqlite_url: str, redis_url: str) -> Iterator[World]:
    world = World.make(migrated_sqlite_url, redis_url)
    yield world
    world.close()


@dataclass(frozen=True, slots=True)
class Unread:
    """A pipe that is full, until somebody reads it."""

    writer: int
    reader: int
    filled: int

    def rest(self) -> str:
        """What was written after it was full, once all writers are gone."""
        os.close(self.writer)
        with os.fdopen(os.dup(self.reader), "rb") as file:
            return file.read()[self.filled :].decode()


@contextmanager
def unread_pipe() -> Iterator[Unread]:
    reader, writer = os.pipe()
    filled = fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4_096)
    os.write(writer, b"." * filled)
    yield Unread(writer, reader, filled)
    os.close(reader)


@pytest.mark.timed
@pytest.mark.parametrize("unread", ["stderr", "stdout"])
def test_a_call_whose_log_or_progress_nobody_reads_comes_to_its_end(world: World, unread: str) -> None:
    add_stocks(world, 40)
    command = flask("cron", "scores", "--chunks", "all", "--chunk-size", "1")
    other = "stdout" if unread == "stderr" else "stderr"
    with unread_pipe() as pipe:
        options = {unread: pipe.writer, other: subprocess.DEVNULL}
        with started(command, environment(world), PROJECT, **options) as process:
            wait_until(lambda: len(world.table("cron_job_runs")) == 40, PATIENCE)
            wait_until(lambda: not world.redis.exists("cron:scores:lease"), PATIENCE)
            if unread == "stdout":  # its result waits for a reader, as any program's; the call is over
                process.terminate()
            process.wait(GRACE)
    assert [run["status"] for run in world.table("cron_job_runs")] == ["completed"] * 40


@pytest.mark.timed
def test_a_call_whose_log_nobody_reads_can_be_stopped(world: World) -> None:
    add_stocks(world, 3_000)
    command = flask("cron", "scores", "--chunks", "all", "--chunk-size", "1", "--json")
    with unread_pipe() as pipe, started(command, environment(world), stderr=pipe.writer) as process:
        wait_until(lambda: len(world.table("cron_job_runs")) > 30, PATIENCE)
        process.terminate()
        output, _ = process.communicate(timeout=GRACE)
    assert json.loads(output)["stop_reason"] == "shutdown"


@pytest.mark.timed
def test_the_web_process_works_and_stops_while_nobody_reads_its_log(world: World) -> None:
    add_stocks(world, 10)
    port = free_port()
    own = {"BIND_HOST": "127.0.0.1", "PORT": str(port), "WEB_CONCURRENCY": "2"}

    def status(path: str) -> int:
        connection = HTTPConnection("127.0.0.1", port, timeout=20)
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {SECRET}"})
            return connection.getresponse().status
        except OSError:
            return 0
        finally:
            connection.close()

    with unread_pipe() as pipe, started(gunicorn(), environment(world, **own), stderr=pipe.writer) as process:
        wait_until(lambda: status("/readyz") == 200, PATIENCE)
        assert {status("/v1/cron/refresh-all") for _number in range(40)} == {200}
        process.terminate()
        assert process.wait(GRACE + 2) == 0


_MANY_LINES = """
import os, sys
import structlog
from vettr_cron.logs import configure_logs
configure_logs(readable=False)
log = structlog.get_logger()
for number in range(int(sys.argv[1])):
    log.info("line", number=number, padding="x" * 400)
print("written", flush=True)
sys.stdin.read()
log.info("last", number=-1)
"""


def many_lines(count: int) -> list[str]:
    return [sys.executable, "-c", _MANY_LINES, str(count)]


def test_a_log_that_is_read_again_says_how_much_is_missing() -> None:
    count = 5_000
    with (
        unread_pipe() as pipe,
        subprocess.Popen(
            many_lines(count), cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=pipe.writer
        ) as process,
    ):
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == b"written\n"  # without a reader
        process.stdin.close()
        events = [json.loads(line) for line in pipe.rest().splitlines()]
        assert process.wait(PATIENCE) == 0
    numbers = [event["number"] for event in events if event["event"] == "line"]
    dropped = [event for event in events if event["event"] == "log_lines_dropped"]
    assert numbers == list(range(len(numbers)))
    assert all(event["level"] == "warning" and event["timestamp"] for event in dropped)
    lost_at_the_end = 0 if events[-1]["event"] == "last" else 1
    assert sum(event["lines"] for event in dropped) + len(numbers) == count + lost_at_the_end


def test_nothing_is_lost_of_a_log_that_is_read() -> None:
    count = 1_500  # which may all wait, for a reader that is slow
    done = finished(many_lines(count), {})
    assert len(done.stderr) < MOST_WAITING
    numbers = [json.loads(line)["number"] for line in done.stderr.splitlines()]
    assert numbers == [*range(count), -1]


def test_an_error_comes_after_the_log_that_leads_to_it(world: World) -> None:
    began = time.monotonic()
    done = finished(flask("cron", "scores"), environment(world, REDIS_URL="redis://127.0.0.1:1"))
    assert time.monotonic() - began < PATIENCE
    assert done.stderr.splitlines()[-1].startswith("Error: ")
