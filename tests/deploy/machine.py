"""A machine for systemd units: a real systemd as process 1, in namespaces of its own, which end with it.

Its files are this machine's, but what is in /etc, /srv, /run and /opt is in memory and the machine's own. The units are
those of deploy/systemd, under /srv/vettr-cron is this project, and Python is in /opt/python, as units see no home.
"""

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.programs import PATIENCE, PROJECT
from tests.integration.meddling import wait_until
from tests.tools import found, missing, needed

UNITS = PROJECT / "deploy" / "systemd"
_SYSTEMD = "/lib/systemd/systemd"
_TARGETS = ("sysinit", "basic", "shutdown", "umount", "multi-user", "timers", "network-online")

# Arguments: a folder of this machine's making, the project, Python's folder, its packages' folder.
_BOOT = """
set -e
mount --make-rprivate /
mount -t cgroup2 cgroup2 /sys/fs/cgroup
for place in /run /srv /opt /lib/systemd/system /lib/systemd/system-generators; do
    mount -t tmpfs -o mode=755 tmpfs $place
done
mkdir -p /run/etc/upper /run/etc/work /run/lock /run/postgresql
mount -t overlay overlay -o lowerdir=/etc,upperdir=/run/etc/upper,workdir=/run/etc/work /etc
rm -rf /etc/systemd/system /etc/init.d /etc/rc?.d /etc/vettr-cron  # this machine may have the service too
cp -r "$1/etc/." /etc/
cat "$1/passwd" >> /etc/passwd
cat "$1/group" >> /etc/group
chown root:vettr-cron /etc/vettr-cron/env
chmod 640 /etc/vettr-cron/env
cp -r "$1/targets/." /lib/systemd/system/
mkdir -p /opt/python /opt/packages /srv/vettr-cron
mount --bind "$3" /opt/python
mount --bind "$4" /opt/packages
mount --bind "$2" /srv/vettr-cron
mount -t tmpfs -o mode=755 tmpfs /srv/vettr-cron/.venv/
cp -r "$1/venv/." /srv/vettr-cron/.venv/
mount --bind /opt/packages "/srv/vettr-cron/.venv/$5"
for socket in $6; do touch /run/postgresql/${socket##*/}; mount --bind $socket /run/postgresql/${socket##*/}; done
exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin $SYSTEMD --system --unit=multi-user.target
""".replace("$SYSTEMD", _SYSTEMD)


@dataclass(frozen=True, slots=True)
class Machine:
    """A running one; `pid` is its process 1, `log` what its units have written."""

    pid: int
    log: Path

    def run(self, *command: str, check: bool = True, given: str = "") -> str:
        """The output of a command on it, as root; it reads what is `given`."""
        inside = [needed("nsenter", "util-linux"), "--target", str(self.pid), "--mount", "--pid", "--uts", "--ipc"]
        options = {"input": given, "capture_output": True, "text": True, "timeout": PATIENCE, "env": _PLAIN}
        done = subprocess.run([*inside, "--", *command], check=False, **options)  # type: ignore[call-overload]
        output: str = done.stdout
        assert done.returncode == 0 or not check, f"{command}: {output}{done.stderr}\n{self.log.read_text()}"
        return output

    def shown(self, unit: str, *properties: str) -> Mapping[str, str]:
        """Properties of a unit, as systemd has them."""
        lines = self.run("systemctl", "show", unit, *(f"--property={name}" for name in properties)).splitlines()
        return dict(line.split("=", 1) for line in lines)

    def is_up(self) -> bool:
        return self.run("systemctl", "is-active", "multi-user.target", check=False).strip() == "active"


_PLAIN = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "TZ": "UTC"}


@contextmanager
def machine(variables: str, files: Mapping[str, str] = {}, sockets: Sequence[Path] = ()) -> Iterator[Machine]:
    """A machine whose /etc/vettr-cron/env is `variables`; `files` are others in /etc, by path."""
    if os.geteuid() != 0:
        pytest.skip("only root may start a systemd in namespaces")
    if found(_SYSTEMD) is None:
        missing("systemd is not installed; on Debian: apt-get install systemd")
    folder, group = Path(tempfile.mkdtemp(prefix="vettr-cron-machine-")), _cgroup()
    log = folder / "units.log"
    try:
        _furnish(folder, variables, {**files, "systemd/system/vettr-cron-.service.d/test.conf": _to_file(log)})
        with _booted(folder, group, sockets) as process:
            (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split() or ["0"]
            one = Machine(int(child), log)
            wait_until(one.is_up, PATIENCE)
            yield one
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        wait_until(lambda: _removed(group), PATIENCE)


def _removed(group: Path) -> bool:
    """Whether the control group is gone, with those that the machine made in it: not before its last process is."""
    for path in (*sorted(group.rglob("*/"), reverse=True), group):
        with suppress(OSError):
            path.rmdir()
    return not group.exists()


@contextmanager
def _booted(folder: Path, group: Path, sockets: Sequence[Path]) -> Iterator["subprocess.Popen[bytes]"]:
    apart = ["--mount", "--pid", "--fork", "--cgroup", "--uts", "--ipc", "--mount-proc", "--kill-child"]
    python, packages = Path(sys.base_prefix), Path(sysconfig.get_path("purelib"))
    places = (folder, PROJECT, python, packages, packages.relative_to(sys.prefix), " ".join(map(str, sockets)))
    with_us = [
        needed("setpriv", "util-linux"),
        "--pdeathsig",
        "KILL",
        "--",
    ]  # it ends with the test run, however that ends
    command = [*with_us, needed("unshare", "util-linux"), *apart, "sh", "-c", _BOOT, "sh", *map(str, places)]
    with (folder / "boot.log").open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            preexec_fn=lambda: (group / "cgroup.procs").write_text("0"),
        )
        try:
            _wait_for_boot(process, folder / "boot.log")
            yield process
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()


def _wait_for_boot(process: "subprocess.Popen[bytes]", log: Path) -> None:
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    ends = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < ends:
        with suppress(OSError):
            if (pid := children.read_text().strip()) and Path(f"/proc/{pid}/comm").read_text() == "systemd\n":
                return
        time.sleep(0.02)
    pytest.skip(f"this machine does not let root start a systemd in namespaces: {log.read_text()}")


def _furnish(folder: Path, variables: str, files: Mapping[str, str]) -> None:
    shutil.copytree(UNITS, folder / "etc" / "systemd" / "system")
    (folder / "passwd").write_text("vettr-cron:x:987:987::/nonexistent:/usr/sbin/nologin\n")
    (folder / "group").write_text("vettr-cron:x:987:\n")
    written = {f"etc/{path}": text for path, text in files.items()} | {"etc/vettr-cron/env": variables}
    written |= {f"targets/{name}.target": "[Unit]\nDescription=A target\n" for name in _TARGETS}
    home, packages = "/srv/vettr-cron/.venv", Path(sysconfig.get_path("purelib")).relative_to(sys.prefix)
    written["venv/pyvenv.cfg"] = "home = /opt/python/bin\ninclude-system-site-packages = false\n"
    for name in ("gunicorn", "flask"):
        _, _, script = (Path(sys.prefix) / "bin" / name).read_text().partition("\n")
        written[f"venv/bin/{name}"] = f"#!{home}/bin/python\n{script}"
    for path, text in written.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    for name in ("gunicorn", "flask"):
        (folder / "venv" / "bin" / name).chmod(0o755)
    executable = Path(os.path.realpath(sys.executable)).relative_to(sys.base_prefix)
    (folder / "venv" / "bin" / "python").symlink_to(Path("/opt/python") / executable)
    (folder / "venv" / packages).mkdir(parents=True)
    folder.chmod(0o755)


def _to_file(log: Path) -> str:
    # Python may have been linked with a library in a home.
    library = "Environment=LD_LIBRARY_PATH=/opt/python/lib"
    return f"[Service]\n{library}\nStandardOutput=append:{log}\nStandardError=append:{log}\n"


def _cgroup() -> Path:
    """A control group for one machine, where this machine's second version of them is mounted."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    roots = [Path(mount[1]) for mount in mounts if mount[2] == "cgroup2"]
    (own,) = [line[3:] for line in Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::")] or [""]
    for root in roots:
        group = root / own.lstrip("/") / f"vettr-cron-{os.getpid()}-{time.monotonic_ns()}"
        with suppress(OSError):
            group.mkdir()
            return group
    pytest.skip("there is no second version of control groups here in which a systemd could have one of its own")
