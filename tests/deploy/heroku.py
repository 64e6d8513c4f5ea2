"""The processes of the Procfile, run by honcho as the host runs them, with the variables that app.json gives them."""

import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.programs import PATIENCE, PROJECT, Environment, finished, free_port, started
from tests.e2e.web import Web
from tests.integration.meddling import wait_until

MANIFEST: Any = json.loads((PROJECT / "app.json").read_text())
HONCHO = [sys.executable, "-m", "honcho", "--env", os.devnull, "--no-prefix"]
PROCESSES = dict(line.split(": ", 1) for line in (PROJECT / "Procfile").read_text().splitlines())


def config_vars(database_url: str, redis_url: str) -> Environment:
    """What the host sets: the add-ons' URLs, what app.json says, and the port that the router sends requests to."""
    own = {
        name: secrets.token_hex(32) if given.get("generator") == "secret" else given["value"]
        for name, given in MANIFEST["env"].items()
    }
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    return {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "PORT": str(free_port()), "PATH": path, **own}


def one_off(command: str, variables: Environment) -> "subprocess.CompletedProcess[str]":
    """Run a command as `heroku run` does."""
    return finished([*HONCHO, "run", *command.split()], variables)


def release(variables: Environment) -> "subprocess.CompletedProcess[str]":
    """Run the release phase, which must succeed before any other process starts."""
    return finished([*HONCHO, "start", "release"], variables)


@dataclass(frozen=True, slots=True)
class Dyno:
    """A running process of the Procfile, and what it has written so far."""

    process: "subprocess.Popen[str]"
    log: Path

    def written(self) -> str:
        return self.log.read_text()

    def stop(self) -> str:
        """Send SIGTERM to all that runs in it; whatever does not end within 5 s is killed. Returns what it wrote."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE)
        return self.written()


@contextmanager
def dyno(name: str, variables: Environment) -> Iterator[Dyno]:
    """A process of the Procfile, for as long as the block lasts at most."""
    with (
        tempfile.NamedTemporaryFile() as log,
        started([*HONCHO, "start", name], variables, stdout=log.fileno(), stderr=log.fileno()) as process,
    ):
        running = Dyno(process, Path(log.name))
        try:
            yield running
        finally:
            if process.poll() is None:
                running.stop()


@contextmanager
def web_dyno(variables: Environment) -> Iterator[tuple[Dyno, Web]]:
    """The web process, and how the router talks to it, once it listens."""
    with dyno("web", variables) as running:
        web = Web(running.process, int(variables["PORT"]), running.log)
        wait_until(lambda: "Booting worker" in running.written() or running.process.poll() is not None, PATIENCE)
        assert running.process.poll() is None, running.written()
        yield running, web
