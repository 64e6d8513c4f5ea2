"""Programs that some tests need and that are not Python packages: `.ci/run` installs them all."""

import os
import shutil
from typing import NoReturn

import pytest

_FOLDERS = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"))


def found(program: str) -> str | None:
    """The path of a program, if it is installed."""
    return shutil.which(program, path=_FOLDERS)


def needed(program: str, package: str | None = None) -> str:
    """The path of a program that the test cannot do without; `package` is Debian's, if its name is another."""
    path = found(program)
    if path is None:
        missing(f"{program} is not installed; on Debian: apt-get install {package or program}")
    return path


def missing(what: str) -> NoReturn:
    """Leave the test out for what is missing, or fail it if REQUIRE_TOOLS is set, so that nothing is skipped in CI."""
    if os.environ.get("REQUIRE_TOOLS"):
        pytest.fail(what, pytrace=False)
    pytest.skip(what)
