"""Containers of the image, run by crun as an engine would run them: one process, as the image's user, held tight."""

import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.deploy.image import Image
from tests.e2e.programs import PATIENCE
from tests.tools import needed

_MOUNTS = [
    {"destination": "/proc", "type": "proc", "source": "proc"},
    {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755", "size=65536k"]},
    {"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": ["nosuid", "nodev", "mode=1777"]},  # noqa: S108
]

# crun refuses a machine that has cgroups of both versions, although it is to use none: so it sees one version.
_ONE_VERSION = 'mount -t cgroup2 none /sys/fs/cgroup && exec "$@"'


@dataclass(frozen=True, slots=True)
class Container:
    """How a container of the image is run: in the host's network, without any right, on a root that is read-only."""

    image: Image
    variables: Mapping[str, str]
    volumes: Mapping[Path, str] = field(default_factory=dict)
    tmpfs: Sequence[str] = ("/tmp",)  # noqa: S108
    read_only: bool = True

    @contextmanager
    def started(self, *command: str) -> Iterator["subprocess.Popen[str]"]:
        """Run a command, by default the image's, for as long as the block lasts at most.

        It is the first process of its container, so no signal ends it that it does not ask for.
        """
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "config.json").write_text(json.dumps(self._specification(command)))
            pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
            with subprocess.Popen(_crun(Path(folder)), cwd=folder, text=True, **pipes) as process:  # type: ignore[call-overload]
                try:
                    yield process
                finally:
                    process.kill()

    def finished(self, *command: str) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end."""
        with self.started(*command) as process:
            output, errors = process.communicate(timeout=PATIENCE)
        return subprocess.CompletedProcess(list(command), process.returncode, output, errors)

    def _specification(self, command: Sequence[str]) -> dict[str, Any]:
        config = self.image.config
        user, _, group = config["User"].partition(":")
        variables = dict(entry.split("=", 1) for entry in config["Env"]) | {"HOME": "/"} | dict(self.variables)
        rights: dict[str, list[str]] = {
            kind: [] for kind in ("bounding", "effective", "permitted", "inheritable", "ambient")
        }
        return {
            "ociVersion": "1.0.0",
            "root": {"path": str(self.image.root), "readonly": self.read_only},
            "hostname": "container",
            "process": {
                "user": {"uid": int(user), "gid": int(group)},
                "args": list(command) or config["Cmd"],
                "env": [f"{name}={value}" for name, value in variables.items()],
                "cwd": config["WorkingDir"],
                "capabilities": rights,
                "noNewPrivileges": True,
            },
            "mounts": [*_MOUNTS, *map(_in_memory, self.tmpfs), *(_bound(*volume) for volume in self.volumes.items())],
            "linux": {"namespaces": [{"type": kind} for kind in ("pid", "ipc", "uts", "mount")]},
        }


def terminate(process: "subprocess.Popen[str]") -> None:
    """Send SIGTERM to what a container runs, by way of crun, which passes it on."""
    (crun,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(int(crun), signal.SIGTERM)


def _crun(bundle: Path) -> list[str]:
    """What runs the container. All of its processes end with the first one of this command, or with the test run."""
    alone = [needed("unshare", "util-linux"), "--mount", "--pid", "--mount-proc", "--fork", "--kill-child"]
    crun = [needed("crun"), f"--root={bundle / 'state'}", "--cgroup-manager=disabled", "run", f"test-{uuid4().hex}"]
    return [needed("setpriv", "util-linux"), "--pdeathsig=KILL", *alone, "sh", "-c", _ONE_VERSION, "sh", *crun]


def _in_memory(path: str) -> dict[str, Any]:
    options = ["nosuid", "nodev", "noexec", "mode=1777"]  # Docker's own for --tmpfs
    return {"destination": path, "type": "tmpfs", "source": "tmpfs", "options": options}


def _bound(source: Path, path: str) -> dict[str, Any]:
    return {"destination": path, "type": "bind", "source": str(source), "options": ["bind", "rw"]}
