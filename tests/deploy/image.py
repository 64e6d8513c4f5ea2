"""The image that the Dockerfile makes, built on a stand-in for its base: no test can count on a registry.

The stand-in and the image are kept in the user's cache, so that only what has changed is built again.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.programs import PROJECT
from tests.tools import missing, needed

_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vettr-cron-tests"
_PACKAGES = "python3,python3-venv,python3-pip,ca-certificates"
_DEBIAN = ("--variant=minbase", f"--include={_PACKAGES}", "bookworm")
_BASE, _IMAGE = "localhost/base", "localhost/vettr-cron"
# How pip reaches its index on this machine is nothing that an image should hold.
_OF_THE_HOST = ("/etc/pip.conf", "/etc/ssl/certs/ca-certificates.crt")
_NOT_IN_THE_IMAGE = ("tests/", "docs/", "bench/", "deploy/", ".ci/", "compose.yaml", "README.md", "CHANGELOG.md")
DECOYS = (".env", "instance/vettr.db")  # what lies in a developer's folder, and must not get into the image


@dataclass(frozen=True, slots=True)
class Image:
    """An image, unpacked; `bytes_over_base` is what it adds to its base, and `config` what runs it by default."""

    root: Path
    config: dict[str, Any]
    bytes_over_base: int


@contextmanager
def built_image(requirements: str = "requirements.txt") -> Iterator[Image]:
    """The image of this working tree with these packages; while the block lasts, no other test run removes it."""
    if os.geteuid() != 0:
        missing("an image is built by root alone")
    for program in ("buildah", "debootstrap", "crun"):
        needed(program)
    _CACHE.mkdir(parents=True, exist_ok=True)
    sources = _sources()
    image = _CACHE / f"image-{requirements.removesuffix('.txt')}" / _key(sources)
    with (_CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        while not (image / "config.json").exists():
            fcntl.flock(lock, fcntl.LOCK_EX)  # once the others are done with their images
            if not (image / "config.json").exists():
                _make(image, sources, requirements)
            fcntl.flock(lock, fcntl.LOCK_SH)
        known = json.loads((image / "config.json").read_text())
        yield Image(image / "root", known["config"], known["bytes_over_base"])


def _sources() -> list[str]:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, check=True, cwd=PROJECT, capture_output=True, text=True).stdout
    return sorted({name for name in listed.split("\0") if name and (PROJECT / name).is_file()})


def _key(sources: Sequence[str]) -> str:
    """What tells one image from another; a change of a test or of a page makes no other image."""
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for name in sources:
        if not name.startswith(_NOT_IN_THE_IMAGE):
            digest.update(f"\0{name}\0".encode() + (PROJECT / name).read_bytes())
    return digest.hexdigest()[:16]


def _make(image: Path, sources: Sequence[str], requirements: str) -> None:
    """Build the image, and remove those with the same packages of other states of the sources."""
    shutil.rmtree(image.parent, ignore_errors=True)
    storage, base_bytes = _base()
    context = image / "context"
    _copy(sources, context)
    mounts = [f"--volume={path}:{path}:ro" for path in _OF_THE_HOST if Path(path).exists()]
    arguments = (f"--build-arg=BASE={_BASE}", f"--build-arg=REQUIREMENTS={requirements}")
    _buildah(storage, "bud", "--quiet", "--format=docker", *arguments, *mounts, f"--tag={_IMAGE}", str(context))
    config = json.loads(_buildah(storage, "inspect", "--type=image", _IMAGE))["Docker"]["config"]
    container = _buildah(storage, "from", "--pull-never", _IMAGE)
    Path(_buildah(storage, "mount", container)).rename(image / "root")
    _clear(storage)
    shutil.rmtree(context)
    known = {"config": config, "bytes_over_base": _size(image / "root") - base_bytes}
    (image / "unfinished").write_text(json.dumps(known))
    (image / "unfinished").rename(image / "config.json")


def _copy(sources: Sequence[str], context: Path) -> None:
    """The sources as a careful person has them: readable for nobody else, and beside them what is not to be shared."""
    for name in (*sources, *DECOYS):
        target = context / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if name in DECOYS:
            target.write_text("not for the image")
        else:
            shutil.copy(PROJECT / name, target)
        target.chmod(0o600)
    for folder in (path for path in context.rglob("*") if path.is_dir()):
        folder.chmod(0o700)


def _base() -> tuple[Path, int]:
    """The storage that holds the base image, and what the base takes: a Debian with Python, as small as they come."""
    storage = _CACHE / f"base-{hashlib.sha256(' '.join(_DEBIAN).encode()).hexdigest()[:16]}"
    ready, folder = storage / "ready", storage / "debian"
    if ready.exists():
        _clear(storage)  # of what an interrupted run has left
        return storage, int(ready.read_text())
    for old in _CACHE.glob("base-*"):
        shutil.rmtree(old)
    storage.mkdir()
    # What debootstrap mounts goes with its processes, however they end.
    inside = [needed("unshare", "util-linux"), "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    _run([*inside, needed("debootstrap"), *_DEBIAN, str(folder)])
    container = _buildah(storage, "from", "scratch")
    _buildah(storage, "add", "--quiet", container, str(folder), "/")
    _buildah(storage, "commit", "--quiet", container, _BASE)
    _clear(storage)
    size = _size(folder)
    shutil.rmtree(folder)
    ready.write_text(str(size))
    return storage, size


def _clear(storage: Path) -> None:
    """Leave nothing in the storage but the base image."""
    _buildah(storage, "rm", "--all")
    names = _buildah(storage, "images", "--all", "--format={{.ID}} {{.Name}}").splitlines()
    others = [line.split()[0] for line in names if _BASE not in line]
    if others:
        _buildah(storage, "rmi", "--force", *others)


def _size(folder: Path) -> int:
    """The bytes of all files; a file of several names counts once."""
    files = {(found.st_dev, found.st_ino): found.st_size for found in (path.lstat() for path in folder.rglob("*"))}
    return sum(files.values())


def _buildah(storage: Path, *words: str) -> str:
    places = [f"--root={storage / 'storage'}", f"--runroot={storage / 'run'}", "--storage-driver=vfs"]
    return _run([needed("buildah"), *places, *words], BUILDAH_ISOLATION="chroot")


def _run(command: Sequence[str], **variables: str) -> str:
    # Nothing goes on that a killed test run has begun: it would meddle with what the next one does.
    lasting = [needed("setpriv", "util-linux"), "--pdeathsig=KILL", *command]
    done = subprocess.run(lasting, check=False, capture_output=True, text=True, env={**os.environ, **variables})
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout.strip()
