"""Starts the service's programs as their users do, each with an environment of just what it is given."""

import json
import os
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.world import SECRET, World

PROJECT = Path(__file__).parents[2]
PATIENCE = 120  # seconds until a program that hangs fails its test, on a machine that has other work as well

Environment = Mapping[str, str]


def environment(world: World, **more: str) -> Environment:
    """What a program in production needs to work on the same servers as this world."""
    return {
        "APP_ENV": "production",
        "CRON_SECRET": SECRET,
        "DATABASE_URL": world.database_url,
        "REDIS_URL": world.redis_url,
        **more,
    }


def flask(*words: str) -> list[str]:
    """flask --app wsgi WORDS..."""
    return [sys.executable, "-m", "flask", "--app", "wsgi", *words]


# Prints [exit status, output, errors] of each command line that it reads, as JSON.
_EACH_IN_A_FORK = """
import json, os, sys, tempfile
from flask.cli import main
import wsgi
done = []
for words in json.load(sys.stdin):
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        if not (pid := os.fork()):
            os.dup2(output.fileno(), 1)
            os.dup2(errors.fileno(), 2)
            sys.argv = ["flask", "--app", "wsgi", *words]
            main()
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        done.append([status, *(file.seek(0) or file.read() for file in (output, errors))])
json.dump(done, sys.stdout)
"""


def flask_each(commands: Sequence[Sequence[str]], variables: Environment) -> list["subprocess.CompletedProcess[str]"]:
    """Run each of the flask commands to its end, in forks of one process, which imports the service once for all."""
    process = subprocess.run(
        [sys.executable, "-c", _EACH_IN_A_FORK],
        check=True,
        cwd=PROJECT,
        env=_whole(variables),
        input=json.dumps([list(words) for words in commands]),
        stdout=subprocess.PIPE,
        text=True,
        timeout=PATIENCE,
    )
    done = json.loads(process.stdout)
    return [subprocess.CompletedProcess(list(words), *result) for words, result in zip(commands, done, strict=True)]


def gunicorn() -> list[str]:
    """The web process as the Procfile starts it."""
    (web,) = [line for line in (PROJECT / "Procfile").read_text().splitlines() if line.startswith("web:")]
    program, *words = shlex.split(web.partition(":")[2])
    return [sys.executable, "-m", program, *words]


def finished(command: list[str], variables: Environment, folder: Path = PROJECT) -> "subprocess.CompletedProcess[str]":
    """Run a program to its end, its output in pipes."""
    return subprocess.run(
        command, check=False, cwd=folder, env=_whole(variables), capture_output=True, text=True, timeout=PATIENCE
    )


@contextmanager
def started(
    command: list[str], variables: Environment, folder: Path = PROJECT, **options: int
) -> Iterator["subprocess.Popen[str]"]:
    """Run a program, its output in pipes, for as long as the block lasts at most."""
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    with subprocess.Popen(command, cwd=folder, env=_whole(variables), text=True, **pipes) as process:  # type: ignore[call-overload]
        try:
            yield process
        finally:
            process.kill()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _whole(variables: Environment) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LANG") if name in os.environ}
    return kept | {"FLASK_SKIP_DOTENV": "1"} | dict(variables)
