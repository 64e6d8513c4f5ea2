"""The units of deploy/systemd, on a real systemd: they start, run, stop and fail as own-server.md says."""

import re
import shlex
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from tests.deploy.machine import UNITS, Machine, machine
from tests.e2e.programs import PATIENCE, PROJECT, free_port
from tests.integration.meddling import wait_until
from tests.servers.postgres_server import PrivatePostgres
from tests.servers.redis_server import PrivateRedis, flush
from tests.world import SECRET, World
from vettr_cron.redis_store.groups import Groups
from vettr_cron.redis_store.leases import Lease, Leases

TIMERS = sorted(path.name for path in UNITS.glob("*.timer"))
STOCKS = 60
ENGINE = "CRON_ENGINE='celery'\nFLASK_CRON_WORKER_PROCESSES='2'\n"
MAILER = '#!/bin/sh\n{ echo "to $3: $2"; cat; } > /run/mail\n'
PAGE = (PROJECT / "docs" / "deploy" / "own-server.md").read_text()


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def world(private_postgres: PrivatePostgres, redis_server: PrivateRedis) -> Iterator[World]:
    """The same servers, from outside of the machine."""
    flush(redis_server.url)
    url = private_postgres.create_database()
    with closing(World.make(url, redis_server.url)) as world:
        yield world
    private_postgres.drop_database(url)


@pytest.fixture(scope="module")
def server(world: World, private_postgres: PrivatePostgres, port: int) -> Iterator[Machine]:
    """A machine on which the release has run, and a universe has been made."""
    database = urlsplit(world.database_url).path
    variables = (
        f"CRON_SECRET='{SECRET}'\nDATABASE_URL='postgresql://postgres@{database}?host=/run/postgresql'\n"
        f"REDIS_URL='{world.redis_url}'\nCRON_CHUNK_SIZE='20'\nCRON_SCHEDULE='0 */6 * * *'\nPORT='{port}'\n"
    )
    stand_ins = "[Service]\nEnvironment=PATH=/etc/stand-ins:/usr/bin:/bin\n"
    files = {"stand-ins/mail": MAILER, "systemd/system/vettr-failed@.service.d/path.conf": stand_ins}
    with machine(variables, files, [private_postgres.folder / ".s.PGSQL.5432"]) as server:
        server.run("chmod", "755", "/etc/stand-ins/mail")
        server.run("systemctl", "start", "vettr-cron-release")
        server.run(
            "systemctl", "start", *TIMERS
        )  # also, what a timer starts stays loaded, so that one sees how it ended
        world.generate(STOCKS)
        yield server


@pytest.fixture
def web(server: Machine) -> Machine:
    """The same, with its web server."""
    server.run("systemctl", "start", "vettr-cron-web")
    return server


@pytest.fixture
def worker(server: Machine, world: World) -> Iterator[Machine]:
    """The same, with a worker that is ready, in two processes."""
    server.run("sh", "-c", f'printf %s "{ENGINE}" >> /etc/vettr-cron/env')
    server.run("systemctl", "start", "vettr-cron-worker")
    wait_until(lambda: pids(server, "vettr-cron-worker") and Groups(world.services.redis).workers(), PATIENCE)
    yield server
    server.run("systemctl", "stop", "vettr-cron-worker")
    server.run("sed", "-i", "/CRON_ENGINE/d; /CRON_WORKER/d", "/etc/vettr-cron/env")


def pids(server: Machine, unit: str) -> list[str]:
    """The processes of a unit."""
    return server.run("cat", f"/sys/fs/cgroup/system.slice/{unit}.service/cgroup.procs", check=False).split()


def assert_shut_in(server: Machine, unit: str) -> None:
    for pid in pids(server, unit):
        status = dict(
            line.split(":\t", 1) for line in server.run("cat", f"/proc/{pid}/status").splitlines() if ":\t" in line
        )
        assert (status["Uid"], status["NoNewPrivs"], status["Seccomp"]) == ("987\t" * 3 + "987", "1", "2")
        assert int(status["CapBnd"], 16) == int(status["CapEff"], 16) == 0
        assert re.search(r"^\S+ / \S+ ro[, ]", server.run("cat", f"/proc/{pid}/mounts"), re.MULTILINE)


def answered(port: int, path: str) -> int:
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path, headers={"Authorization": f"Bearer {SECRET}"})
    with closing(connection):
        return connection.getresponse().status


def test_refresh_takes_every_stock_and_cleanup_runs(server: Machine, world: World) -> None:
    server.run("systemctl", "start", "vettr-cron-refresh")
    assert server.shown("vettr-cron-refresh", "Result", "ExecMainStatus") == {
        "Result": "success",
        "ExecMainStatus": "0",
    }
    assert len(world.table("vetr_score_history")) == STOCKS
    server.run("systemctl", "start", "vettr-cron-cleanup")
    assert server.shown("vettr-cron-cleanup", "Result") == {"Result": "success"}


def test_a_call_that_is_skipped_is_no_failure(server: Machine, world: World) -> None:
    leases = [Leases(world.redis, 60).acquire(job) for job in ("scores", "red-flags")]
    server.run("systemctl", "start", "vettr-cron-refresh")
    shown = server.shown("vettr-cron-refresh", "Result", "ExecMainStatus")
    assert shown == {"Result": "success", "ExecMainStatus": "75"}
    for lease in leases:
        assert isinstance(lease, Lease)
        world.redis.delete(lease.key)


def test_a_call_that_fails_fails_the_unit_and_a_mail_says_so(server: Machine, world: World) -> None:
    world.execute("ALTER TABLE cron_job_runs RENAME TO kept")
    try:
        server.run("systemctl", "start", "vettr-cron-refresh", check=False)
    finally:
        world.execute("ALTER TABLE kept RENAME TO cron_job_runs")
    shown = server.shown("vettr-cron-refresh", "Result", "ExecMainStatus")
    assert shown == {"Result": "exit-code", "ExecMainStatus": "1"}
    failed = "vettr-failed@vettr-cron-refresh"
    wait_until(lambda: server.shown(failed, "ExecMainExitTimestampMonotonic")["ExecMainExitTimestampMonotonic"] != "0")
    assert server.shown(failed, "Result", "ExecMainStatus") == {"Result": "success", "ExecMainStatus": "0"}
    mail = server.run("cat", "/run/mail")
    assert mail.startswith("to root: vettr-cron-refresh failed on ")
    assert "refresh every stock's scores and red flags" in mail


def test_the_web_server_answers_once_systemd_says_that_it_is_up(web: Machine, port: int) -> None:
    assert answered(port, "/readyz") == 200
    assert answered(port, "/v1/cron/refresh-all") == 200


def test_every_process_of_the_web_server_is_shut_in(web: Machine) -> None:
    wait_until(lambda: len(pids(web, "vettr-cron-web")) == 3)  # gunicorn and its two workers
    assert_shut_in(web, "vettr-cron-web")


def test_a_web_server_that_dies_comes_back(web: Machine, port: int) -> None:
    before = web.shown("vettr-cron-web", "MainPID", "RestartUSec")
    web.run("kill", "-9", before["MainPID"])
    wait_until(lambda: web.shown("vettr-cron-web", "MainPID")["MainPID"] not in ("0", before["MainPID"]), 60)
    wait_until(lambda: web.run("systemctl", "is-active", "vettr-cron-web", check=False) == "active\n", 60)
    assert answered(port, "/healthz") == 200


def test_a_stop_is_orderly(web: Machine) -> None:
    web.run("systemctl", "stop", "vettr-cron-web")
    assert web.shown("vettr-cron-web", "Result", "ActiveState") == {"Result": "success", "ActiveState": "inactive"}
    assert "Shutting down: Master" in web.log.read_text()


def test_a_setting_that_cannot_be_read_fails_the_start_in_words(server: Machine) -> None:
    server.run("sh", "-c", "echo \"CRON_LEASE_SECONDS='soon'\" >> /etc/vettr-cron/env")
    try:
        server.run("systemctl", "restart", "vettr-cron-web", check=False)
        assert server.shown("vettr-cron-web", "Result")["Result"] == "exit-code"
        assert "CRON_LEASE_SECONDS: 'soon' cannot be read" in server.log.read_text()
    finally:
        server.run("sed", "-i", "/soon/d", "/etc/vettr-cron/env")
        server.run("systemctl", "stop", "vettr-cron-web")


def test_a_worker_does_the_refreshs_groups_shut_in_and_stops_in_order(worker: Machine, world: World) -> None:
    world.call("reset", "POST")
    world.execute("DELETE FROM vetr_score_history")
    worker.run("systemctl", "start", "vettr-cron-refresh")
    assert len(world.table("vetr_score_history")) == STOCKS
    assert len(pids(worker, "vettr-cron-worker")) == 3  # the worker and its two processes
    assert_shut_in(worker, "vettr-cron-worker")
    worker.run("systemctl", "stop", "vettr-cron-worker")
    shown = worker.shown("vettr-cron-worker", "Result", "ExecMainStatus")
    assert shown == {"Result": "success", "ExecMainStatus": "0"}
    assert not Groups(world.services.redis).workers()


def test_a_worker_that_dies_comes_back_and_leaves_no_process(worker: Machine, world: World) -> None:
    before = set(pids(worker, "vettr-cron-worker"))
    worker.run("kill", "-9", worker.shown("vettr-cron-worker", "MainPID")["MainPID"])
    wait_until(lambda: len(set(pids(worker, "vettr-cron-worker")) - before) == 3, PATIENCE)
    assert not before & set(pids(worker, "vettr-cron-worker"))
    worker.run("systemctl", "start", "vettr-cron-refresh")


def test_a_worker_that_no_call_needs_is_not_started_again_and_again(server: Machine) -> None:
    server.run("systemctl", "start", "vettr-cron-worker", check=False)
    wait_until(lambda: server.shown("vettr-cron-worker", "ActiveState")["ActiveState"] == "failed", PATIENCE)
    assert "set CRON_ENGINE=celery" in server.log.read_text()
    server.run("systemctl", "reset-failed", "vettr-cron-worker")


def test_the_timers_wait_for_the_next_time(server: Machine) -> None:
    listed = server.run("systemctl", "list-timers", "--all")
    assert re.search(r"(00|06|12|18):00:00 UTC.* vettr-cron-refresh.timer +vettr-cron-refresh.service", listed)
    assert re.search(r"03:30:00 UTC.* vettr-cron-cleanup.timer +vettr-cron-cleanup.service", listed)


def test_an_operator_runs_a_command_with_the_same_settings(server: Machine) -> None:
    (line,) = re.findall(r"sudo (runuser .* cron doctor')\n", PAGE)
    said = server.run("env", "LD_LIBRARY_PATH=/opt/python/lib", *shlex.split(line), check=False)
    assert "PostgreSQL answers in" in said


def test_the_settings_are_for_root_and_the_service_alone(server: Machine) -> None:
    assert server.run("runuser", "-u", "nobody", "--", "cat", "/etc/vettr-cron/env", check=False) == ""


SPECIAL = """!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~ ends  """


def test_systemd_and_a_shell_read_single_quotes_alike(server: Machine) -> None:
    server.run("sh", "-c", "cat > /run/special", given=f"SPECIAL='{SPECIAL}'\n")
    by_shell = server.run("sh", "-c", '. /run/special && printf %s "$SPECIAL"')
    server.run(
        "sh",
        "-c",
        "printf '[Service]\\nType=oneshot\\nEnvironmentFile=/run/special\\nExecStart=/usr/bin/env\\n"
        "StandardOutput=truncate:/run/seen\\n' > /etc/systemd/system/special.service && systemctl daemon-reload",
    )
    server.run("systemctl", "start", "special")
    assert by_shell == SPECIAL
    assert f"SPECIAL={SPECIAL}\n" in server.run("cat", "/run/seen")


def test_the_release_takes_what_its_own_settings_say(server: Machine) -> None:
    server.run("sh", "-c", "echo \"CRON_CHUNK_SIZE='of the release'\" > /etc/vettr-cron/release.env")
    server.run("systemctl", "start", "vettr-cron-release", check=False)
    server.run("rm", "/etc/vettr-cron/release.env")
    assert "CRON_CHUNK_SIZE: 'of the release' cannot be read" in server.log.read_text()
    server.run("systemctl", "start", "vettr-cron-release")
