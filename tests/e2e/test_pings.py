"""Pings of whole processes: a command tells how it ended before it exits, and so does each worker of gunicorn."""

import json
import signal
import sys
from collections.abc import Iterator

import pytest

from tests.e2e.programs import environment, finished, flask
from tests.e2e.web import serving
from tests.integration.bare_stocks import add_stocks
from tests.integration.ping_hosts import CAPABILITY, bad_host, recorder, says_nothing
from tests.world import World


@pytest.fixture
def world(migrated_sqlite_url: str, redis_url: str) -> Iterator[World]:
    world = World.make(migrated_sqlite_url, redis_url)
    yield world
    world.close()


@pytest.mark.parametrize(("unscorable", "status", "end"), [(0, 0, ""), (10, 1, "/fail")])
def test_a_command_tells_how_it_ended_before_it_exits(world: World, unscorable: int, status: int, end: str) -> None:
    add_stocks(world, 10, unscorable=unscorable)
    with recorder() as host:
        done = finished(flask("cron", "scores", "--json"), environment(world, CRON_PING_URL_SCORES=host.url))
        assert host.paths() == ["/start", end]
    assert done.returncode == status, done.stderr
    assert f"run {json.loads(done.stdout)['run_id']}" in host.pings[1].body
    assert "ping_lost" not in done.stderr


def test_a_host_that_hangs_keeps_no_command_from_its_end(world: World) -> None:
    world.generate(2)
    with bad_host(says_nothing) as url:
        variables = environment(world, CRON_PING_URL_SCORES=url, CRON_PING_URL_RED_FLAGS=url)
        done = finished(flask("cron", "refresh-all"), variables)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("ping_lost") == 4
    assert CAPABILITY not in done.stdout + done.stderr


FORK_AFTER_A_PING = """
import os, sys
from pydantic import SecretStr
from vettr_cron.pings import Pings
pings = Pings({"job": SecretStr(sys.argv[1])}, lambda: None)
with pings.call("job") as call:
    call.start()
child = os.fork()
with pings.call("job") as call:
    call.start()
if child:
    os.waitpid(child, 0)
"""


def test_a_fork_has_a_thread_of_its_own() -> None:
    with recorder() as host:
        done = finished([sys.executable, "-c", FORK_AFTER_A_PING, host.url], {})
        assert host.paths() == ["/start"] * 3
    assert "ping_lost" not in done.stdout + done.stderr


def test_workers_of_a_loaded_application_tell_too(world: World) -> None:
    world.generate(2)
    with recorder() as host, serving(world, {"CRON_PING_URL_RED_FLAGS": host.url}) as web:
        for _ in range(4):
            assert web.call("/v1/cron/refresh-all").status == 200
        assert host.paths() == ["/start", ""] * 4
        web.process.send_signal(signal.SIGTERM)
        web.process.communicate(timeout=10)
        assert CAPABILITY not in web.log.read_text()
