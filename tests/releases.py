"""The release before this one, to start it beside this one, or to leave behind what it leaves."""

import subprocess
import zipfile
from io import BytesIO
from pathlib import Path

PROJECT = Path(__file__).parents[1]
BEFORE = "7ea62e2"
"""The commit of release 1.0. With each release that goes out, this is the one before it."""


def unpack_release_before(folder: Path) -> Path:
    """The program of the release before, as its repository has it."""
    git = [
        "git",
        "-C",
        str(PROJECT),
        "archive",
        "--format=zip",
        BEFORE,
        "vettr_cron",
        "migrations",
        "wsgi.py",
        "gunicorn.conf.py",
    ]
    done = subprocess.run(git, check=False, capture_output=True)
    assert done.returncode == 0, (
        f"these tests need the history up to {BEFORE}, as `git clone` brings it (`git fetch --unshallow` where it was "
        f"cut off): {done.stderr.decode(errors='replace')}"
    )
    with zipfile.ZipFile(BytesIO(done.stdout)) as archive:
        archive.extractall(folder)
    return folder
