"""Every command in the documentation does what it is there for: it is run, or another test runs it."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.documentation.pages import PROJECT, blocks
from tests.documentation.shell import Command, commands
from tests.e2e.programs import PATIENCE, environment, flask_each
from tests.e2e.web import Web, serving
from tests.integration.bare_stocks import add_stocks
from tests.world import SECRET, World

# Programs that are not run here, with the test that runs them, or runs what they start at a host.
ELSEWHERE = {
    "gunicorn": "tests/e2e/test_gunicorn.py",
    "pip": "tests/deploy/test_container.py",
    "pytest": "Makefile",
    **dict.fromkeys(("python3", "rm", "cp", "umask", "date"), "tests/documentation/test_operations.py"),
    **dict.fromkeys(("heroku", "git"), "tests/deploy/test_heroku.py"),
    **dict.fromkeys(("vercel", "time"), "tests/deploy/test_vercel.py"),
    **dict.fromkeys(("openssl", "printf"), "Makefile"),  # they only make a value that is given to another program
    **dict.fromkeys(("sudo", "systemctl", "tee", "echo", "sha256sum"), "tests/deploy/test_systemd.py"),
    "psql": "tests/deploy/test_postgresql_role.py",
    "promtool": "tests/deploy/test_prometheus.py",
    **dict.fromkeys(("docker", "buildah"), "tests/deploy/test_container.py"),
    **dict.fromkeys(("kubectl", "sed"), "tests/deploy/test_kubernetes.py"),
    "test": "tests/deploy/test_compose.py",
    "gcloud": "docs/deploy/schedulers.md",  # which says that it was not tried
}

# Commands of this service that run until they are stopped, with the test that runs them.
LASTING = {("cron", "worker"): "tests/e2e/test_worker.py"}

OF_ANOTHER_JOB = "how-to-add-a-job.md"  # tests/integration/test_a_third_job.py follows it


@pytest.fixture
def world(migrated_postgres_url: str, redis_url: str, small_demo: Path) -> Iterator[World]:
    world = World.make(migrated_postgres_url, redis_url)
    add_stocks(world, 3)
    world.execute("UPDATE stocks SET ticker = 'AAL' WHERE ticker = (SELECT min(ticker) FROM stocks)")
    world.execute("UPDATE stocks SET ticker = 'AAON' WHERE ticker = (SELECT max(ticker) FROM stocks)")
    yield world
    world.close()


def test_every_program_is_run_here_or_elsewhere() -> None:
    run_here = {"flask", "curl", "make"}
    for command in commands():
        assert command.program in run_here | ELSEWHERE.keys(), str(command)
    for place in (*ELSEWHERE.values(), *LASTING.values()):
        assert (PROJECT / place).exists()


def test_every_statement_of_sql_can_be_run(world: World) -> None:
    for block in blocks("sql"):
        with psycopg.connect(world.database_url) as connection:
            connection.execute(block.text)
            connection.rollback()


def test_every_target_of_make_is_there() -> None:
    told = subprocess.run(["make", "help"], check=True, cwd=PROJECT, capture_output=True, text=True).stdout  # noqa: S607
    targets = set(re.findall(r"^make (\S+)", told, re.MULTILINE))
    for command in commands("make"):
        assert command.words[1] in targets, str(command)


def test_every_command_of_flask_works(world: World, small_demo: Path) -> None:
    told = [command for command in of_this_service("flask") if command.words[3:5] not in LASTING]
    variables = environment(world, CRON_SCHEDULE="off")
    words = [_with_folder(command, small_demo) for command in told]
    for command, done in zip(told, flask_each(words, variables), strict=True):
        assert command.words[1:3] == ("--app", "wsgi"), str(command)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


def of_this_service(program: str) -> list[Command]:
    """Commands of the program, without those of other services and of a job that is only an example."""
    others = ("https://qstash.upstash.io", "https://raw.githubusercontent.com")
    return [
        command
        for command in commands(program)
        if command.block.page.name != OF_ANOTHER_JOB and not any(word.startswith(others) for word in command.words)
    ]


def _with_folder(command: Command, folder: Path) -> list[str]:
    words = [str(folder) if word == "my-stocks" else word for word in command.words[3:]]
    return [*words, "--mix"] if words[:2] == ["stocks", "import"] and "--mix" not in words else words


def test_every_request_of_curl_is_answered(world: World) -> None:
    with serving(world) as web:
        for command in of_this_service("curl"):
            assert _answer_to(command, web).startswith("2"), str(command)


def _answer_to(command: Command, web: Web) -> str:
    """The status of the reply."""
    own = "http://127.0.0.1:" + str(web.port)
    words = [
        re.sub(r"^(https://your-app\.(?:example|vercel\.app)|(http://)?localhost:8000)", own, word)
        for word in command.words
    ]
    words = [word.replace("$CRON_SECRET", SECRET) for word in words]
    if not any("Authorization" in word for word in words):  # in development none is needed
        words += ["-H", f"Authorization: Bearer {SECRET}"]
    words += ["-o", "/dev/null", "-w", "%{http_code}"]
    return subprocess.run(words, check=False, capture_output=True, text=True, timeout=PATIENCE).stdout
