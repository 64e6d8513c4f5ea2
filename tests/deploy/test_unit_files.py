"""The units of deploy/systemd as files: what systemd's own tools say of them, and what their commands do alone."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cronsim import CronSim

from tests.deploy.machine import UNITS
from tests.e2e.programs import PATIENCE, PROJECT, Environment, environment, finished, free_port, started
from tests.integration.meddling import wait_until
from tests.tools import needed
from tests.world import World
from vettr_cron.redis_store.groups import Groups
from vettr_cron.redis_store.leases import Lease, Leases

SERVICES = sorted(path.name for path in UNITS.glob("vettr-cron-*.service"))
TIMERS = sorted(path.name for path in UNITS.glob("*.timer"))
EXPOSURE = 1.2  # by systemd-analyze security, from 0 to 10
PAGE = (PROJECT / "docs" / "deploy" / "own-server.md").read_text()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root folder with the units where systemd looks for them, and the programs that they start."""
    shutil.copytree(UNITS, tmp_path / "etc" / "systemd" / "system")
    for program in ("srv/vettr-cron/.venv/bin/gunicorn", "srv/vettr-cron/.venv/bin/flask", "bin/sh"):
        (tmp_path / program).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / program).touch(mode=0o755)
    for name in ("sysinit", "basic", "shutdown", "network-online", "multi-user", "timers"):
        path = tmp_path / "usr/lib/systemd/system" / f"{name}.target"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("[Unit]\nDescription=A target\n")
    return tmp_path


def analyzed(*words: str) -> "subprocess.CompletedProcess[str]":
    command = [needed("systemd-analyze", "systemd"), *words]
    return subprocess.run(command, check=False, capture_output=True, text=True)


@pytest.mark.parametrize("unit", [*SERVICES, *TIMERS, "vettr-failed@vettr-cron-refresh.service"])
def test_systemd_finds_nothing_to_complain_of(root: Path, unit: str) -> None:
    done = analyzed("verify", "--man=no", f"--root={root}", unit)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("unit", SERVICES)
def test_the_services_are_exposed_no_more_than_is_said(root: Path, unit: str) -> None:
    done = analyzed("security", "--offline=true", f"--root={root}", f"--threshold={EXPOSURE * 10:.0f}", unit)
    assert done.returncode == 0, done.stdout


def test_the_timer_starts_calls_when_the_schedule_expects_them() -> None:
    (schedule,) = re.findall(r"CRON_SCHEDULE='(.*)'", (UNITS / "env.example").read_text())
    (calendar,) = re.findall("OnCalendar=(.*)", (UNITS / "vettr-cron-refresh.timer").read_text())
    shown = analyzed("calendar", "--base-time=2026-03-28 00:30:00 UTC", "--iterations=8", calendar).stdout
    times = re.findall(r"(?:Next elapse|Iter\w*\.? #\d): \w+ ([-0-9]+ [:0-9]+) UTC", shown)
    expected = CronSim(schedule, datetime(2026, 3, 28, 0, 30, tzinfo=UTC))
    assert times == [f"{next(expected):%Y-%m-%d %H:%M:%S}" for _ in range(8)], shown


def test_the_page_says_how_exposed_they_are() -> None:
    assert f"`systemd-analyze security` says {EXPOSURE}" in " ".join(PAGE.split())


def test_every_variable_of_the_example_is_in_single_quotes() -> None:
    lines = [line for line in (UNITS / "env.example").read_text().splitlines() if line and not line.startswith("#")]
    assert lines
    assert all(re.fullmatch("[A-Z_]+='[^']*'", line) for line in lines)


@pytest.fixture
def world(migrated_sqlite_url: str, redis_url: str) -> Iterator[World]:
    with closing(World.make(migrated_sqlite_url, redis_url)) as world:
        world.generate(20)
        yield world


@pytest.fixture
def postgres_world(migrated_postgres_url: str, redis_url: str) -> Iterator[World]:
    with closing(World.make(migrated_postgres_url, redis_url)) as world:
        world.generate(20)
        yield world


def of(unit: str, name: str) -> list[str]:
    return re.findall(f"^{name}=(.*)$", (UNITS / unit).read_text(), re.MULTILINE)


def command(unit: str) -> list[str]:
    """What the unit starts, with this project in the place of /srv/vettr-cron."""
    (line,) = of(unit, "ExecStart")
    return shlex.split(line.replace("/srv/vettr-cron", str(PROJECT)))


def settings(world: World, unit: str, **more: str) -> Environment:
    common = dict(
        word.split("=") for line in of("vettr-cron-.service.d/common.conf", "Environment") for word in line.split()
    )
    return environment(world, **common, **dict(word.split("=") for word in of(unit, "Environment")), **more)


def test_the_commands_of_the_units_do_their_work(world: World) -> None:
    for unit in ("vettr-cron-release.service", "vettr-cron-refresh.service", "vettr-cron-cleanup.service"):
        done = finished(command(unit), settings(world, unit))
        assert done.returncode == 0, done.stderr
    assert len(world.table("vetr_score_history")) == 20


def test_a_skipped_call_ends_with_the_status_that_the_unit_takes_for_success(world: World) -> None:
    leases = [Leases(world.redis, 60).acquire(job) for job in ("scores", "red-flags")]
    assert all(isinstance(lease, Lease) for lease in leases)
    unit = "vettr-cron-refresh.service"
    assert [str(finished(command(unit), settings(world, unit)).returncode)] == of(unit, "SuccessExitStatus")


def test_the_workers_command_does_calls_until_it_is_stopped(postgres_world: World) -> None:
    unit = "vettr-cron-worker.service"
    variables = settings(postgres_world, unit, CRON_ENGINE="celery", FLASK_CRON_WORKER_PROCESSES="1")
    groups = Groups(postgres_world.services.redis)
    with started(command(unit), variables) as worker:
        wait_until(groups.workers, PATIENCE)
        assert [each.processes for each in groups.workers()] == [1]
        refresh = "vettr-cron-refresh.service"
        done = finished(command(refresh), settings(postgres_world, refresh, CRON_ENGINE="celery"))
        assert done.returncode == 0, done.stderr
        worker.terminate()
        (seconds,) = of(unit, "TimeoutStopSec")
        assert worker.wait(int(seconds)) == 0
    assert len(postgres_world.table("vetr_score_history")) == 20


def test_a_worker_that_is_not_needed_ends_with_the_status_that_the_unit_takes_for_final(world: World) -> None:
    unit = "vettr-cron-worker.service"
    assert [str(finished(command(unit), settings(world, unit)).returncode)] == of(unit, "RestartPreventExitStatus")


def test_the_web_servers_command_serves_on_this_machine_alone(world: World) -> None:
    unit, port = "vettr-cron-web.service", free_port()
    with started(command(unit), settings(world, unit, PORT=str(port))) as process:
        assert process.stderr
        lines = iter(process.stderr.readline, "")
        assert any(f"http://127.0.0.1:{port}" in line for line in lines)
        process.terminate()
        assert process.wait(PATIENCE) == 0
