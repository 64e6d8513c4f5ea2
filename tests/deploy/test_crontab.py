"""The lines of own-server.md's crontab, as cron runs them: silent unless something is wrong."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.programs import PATIENCE, PROJECT
from tests.world import SECRET, World
from vettr_cron.redis_store.leases import Lease, Leases

PAGE = PROJECT / "docs" / "deploy" / "own-server.md"
CRON = {"PATH": "/usr/bin:/bin", "SHELL": "/bin/sh", "HOME": "/nonexistent", "LOGNAME": "vettr-cron"}
STOCKS = 30


def lines() -> dict[str, str]:
    """The commands of the crontab, by the name of what they run."""
    (block,) = re.findall(r"```crontab\n(.*?)```", PAGE.read_text(), re.DOTALL)
    found = [re.fullmatch(r"(?:\S+ ){5}vettr-cron (.* cron (\S+) .*)", line) for line in block.splitlines()]
    assert all(found)
    return {match[2]: match[1] for match in found if match}


@pytest.fixture
def world(migrated_postgres_url: str, redis_url: str) -> Iterator[World]:
    with closing(World.make(migrated_postgres_url, redis_url)) as world:
        world.generate(STOCKS)
        yield world


@pytest.fixture
def settings(world: World, tmp_path: Path) -> Path:
    path = tmp_path / "env"
    path.write_text(
        f"CRON_SECRET='{SECRET}'\nDATABASE_URL='{world.database_url}'\nREDIS_URL='{world.redis_url}'\n"
        "CRON_SCHEDULE='0 */6 * * *'\n"
    )
    return path


def run(name: str, settings: Path) -> tuple[int, str]:
    """The exit status, and all that cron would mail."""
    line = lines()[name].replace("/srv/vettr-cron", str(PROJECT)).replace("/etc/vettr-cron/env", str(settings))
    assert "%" not in line  # of which cron makes a line's end
    done = subprocess.run(
        ["/bin/sh", "-c", line],
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd="/",
        env=CRON,
        timeout=PATIENCE,
    )
    return done.returncode, done.stdout


def test_nothing_is_mailed_while_all_is_well(world: World, settings: Path) -> None:
    assert run("refresh-all", settings) == (0, "")
    assert len(world.table("vetr_score_history")) == STOCKS
    assert run("cleanup", settings) == (0, "")
    assert run("doctor", settings) == (0, "")


def test_nothing_is_mailed_of_a_call_that_is_skipped(world: World, settings: Path) -> None:
    leases = [Leases(world.redis, 60).acquire(job) for job in ("scores", "red-flags")]
    assert all(isinstance(lease, Lease) for lease in leases)
    assert run("refresh-all", settings) == (75, "")


def test_a_call_that_fails_is_mailed_with_its_reason(world: World, settings: Path) -> None:
    settings.write_text(settings.read_text().replace(world.redis_url, "redis://127.0.0.1:1"))
    status, mail = run("refresh-all", settings)
    assert status == 1
    assert "Redis does not answer" in mail


def test_settings_that_are_not_there_are_mailed(tmp_path: Path) -> None:
    status, mail = run("refresh-all", tmp_path / "nothing")
    assert status != 0
    assert "nothing" in mail


def test_what_the_doctor_finds_is_mailed(world: World, settings: Path) -> None:
    world.execute("DROP TABLE cron_samples")
    status, mail = run("doctor", settings)
    assert status == 1
    assert "cron_samples" in mail
