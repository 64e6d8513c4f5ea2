"""What the page on schedulers has them run, run as it stands there against a real web process."""

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.programs import PATIENCE, PROJECT, Environment
from tests.e2e.web import Web, serving
from tests.servers.redis_server import PrivateRedis
from tests.tools import needed
from tests.world import SECRET, World
from vettr_cron.redis_store.leases import Leases
from vettr_cron.schedule import checked_expression

PAGE = (PROJECT / "docs" / "deploy" / "schedulers.md").read_text()
REFUSED = 22  # curl's exit status for a reply that is a failure

Call = Callable[..., "subprocess.CompletedProcess[str]"]


def block(language: str) -> str:
    (text,) = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return str(text)


def step() -> Any:
    (only,) = yaml.safe_load(block("yaml"))["jobs"]["refresh"]["steps"]
    return only


def crontab() -> tuple[str, str]:
    """When its one entry is due, and what it runs."""
    (line,) = block("crontab").splitlines()
    *fields, command = line.split(" ", 5)
    return " ".join(fields), command


def by_crontab(web: Web, folder: Path, secret: str) -> "subprocess.CompletedProcess[str]":
    """Run the crontab's command with its file for this service and this secret."""
    settings = block("text").replace("https://your-app.example", web.address(""))
    assert settings.count("your-cron-secret") == 1
    (folder / "curl").write_text(settings.replace("your-cron-secret", secret))
    return shell(crontab()[1].replace("/etc/vettr-cron.curl", str(folder / "curl")), {})


@pytest.fixture(scope="module")
def curl() -> str:
    return needed("curl")


@pytest.fixture
def world(migrated_postgres_url: str, redis_url: str) -> Iterator[World]:
    world = World.make(migrated_postgres_url, redis_url)
    world.generate(20)
    yield world
    world.close()


@pytest.fixture
def web(world: World) -> Iterator[Web]:
    with serving(world, {"CRON_CHUNK_SIZE": "5"}) as web:
        yield web


def shell(command: str, variables: Environment) -> "subprocess.CompletedProcess[str]":
    path = {"PATH": os.environ["PATH"]}
    return subprocess.run(
        ["/bin/sh", "-e", "-c", command],
        check=False,
        env={**path, **variables},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


@pytest.fixture(params=["workflow", "crontab"])
def call(request: pytest.FixtureRequest, tmp_path: Path, web: Web, curl: str) -> Call:
    """Makes a call of the service as the workflow or the crontab does."""

    def by_workflow(secret: str) -> "subprocess.CompletedProcess[str]":
        assert step()["env"].keys() == {"ADDRESS", "CRON_SECRET"}
        return shell(step()["run"], {"ADDRESS": web.address(""), "CRON_SECRET": secret})

    return by_workflow if request.param == "workflow" else lambda secret: by_crontab(web, tmp_path, secret)


def test_each_call_takes_the_next_stocks(call: Call, world: World) -> None:
    for number in (1, 2):
        done = call(SECRET)
        assert (done.returncode, done.stderr) == (0, "")
        assert len(world.table("vetr_score_history")) == number * 5


def test_a_call_with_a_wrong_secret_fails_and_says_so(call: Call) -> None:
    done = call("wrong")
    assert done.returncode == REFUSED
    assert "401" in done.stderr


def test_a_call_during_another_is_no_failure(call: Call, world: World) -> None:
    for job in world.services.jobs:
        Leases(world.redis, 30).acquire(job)
    done = call(SECRET)
    assert done.returncode == 0
    assert {entry["status"] for entry in world.table("cron_calls")} == {"skipped"}


def test_the_crontab_prints_nothing_when_all_is_well(tmp_path: Path, web: Web, curl: str) -> None:
    done = by_crontab(web, tmp_path, SECRET)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_without_redis_a_call_fails_once_its_retries_are_over(
    migrated_sqlite_url: str, stoppable_redis: PrivateRedis, curl: str
) -> None:
    world = World.make(migrated_sqlite_url, stoppable_redis.url)
    with serving(world) as web:
        stoppable_redis.stop()
        at_once = step()["run"].replace("--retry 2", "--retry 0")  # the reply asks for 30 s between two of them
        done = shell(at_once, {"ADDRESS": web.address(""), "CRON_SECRET": SECRET})
    assert done.returncode == REFUSED
    assert "503" in done.stderr
    assert "Redis does not answer" in done.stdout
    world.close()


def test_the_times_can_be_read_and_are_the_same_everywhere() -> None:
    triggers = yaml.safe_load(block("yaml"))[True]  # what YAML 1.1 makes of `on`
    others = re.findall(r'(?:Upstash-Cron: |--schedule=")([^"]+)"', PAGE)
    assert len(others) == 2
    times = {triggers["schedule"][0]["cron"], crontab()[0], *others}
    (only,) = times
    assert checked_expression(only) == only
