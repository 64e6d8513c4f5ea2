"""What pyproject.toml asks for is what the requirements files pin, and the other way round."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).parents[2]
DECLARED: Mapping[str, Any] = tomllib.loads((PROJECT / "pyproject.toml").read_text())
RUN = [Requirement(line) for line in DECLARED["project"]["dependencies"]]
CELERY = [Requirement(line) for line in DECLARED["project"]["optional-dependencies"]["celery"]]
DEV = [Requirement(line) for line in DECLARED["dependency-groups"]["dev"]]
ENTRY = re.compile(r"([a-z0-9][\w.-]*)==([^ ;]+)")
BY_US = re.compile(r"vettr-cron \(pyproject\.toml(:dev)?\)")


def entries(name: str) -> Mapping[str, str]:
    """The text of each entry of a requirements file, comments and hashes included, by package and version."""
    text = (PROJECT / name).read_text()
    starts = list(re.finditer(r"^[^ #\n]", text, re.MULTILINE))
    ends = [start.start() for start in starts[1:]] + [len(text)]
    return {
        text[start.start() :].split()[0]: text[start.start() : end] for start, end in zip(starts, ends, strict=True)
    }


def pinned(name: str) -> Mapping[str, tuple[str, bool]]:
    """By package, the version in a requirements file, and whether pyproject.toml itself asks for it."""
    found = {}
    for pin, text in entries(name).items():
        match = ENTRY.fullmatch(pin)
        assert match, f"{pin} is not pinned"
        found[match[1]] = match[2], bool(BY_US.search(text))
    return found


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("requirements.txt", RUN),
        ("requirements-celery.txt", [*RUN, *CELERY]),
        ("requirements-dev.txt", [*RUN, *CELERY, *DEV]),
    ],
)
def test_the_lock_files_pin_what_is_asked_for_and_nothing_else(name: str, asked: list[Requirement]) -> None:
    found = pinned(name)
    for requirement in asked:
        version, _ = found[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), f"`make lock` after a change of pyproject.toml: {requirement}"
    extras = {f"{requirement.name}-{extra}" for requirement in asked for extra in requirement.extras}
    assert {extra for extra in extras if not {extra, extra.partition("-")[2]} & found.keys()} == set()
    wanted = {package for package, (_, by_us) in found.items() if by_us}
    assert wanted == {canonicalize_name(requirement.name) for requirement in asked}


def test_development_runs_on_the_versions_of_production() -> None:
    development = pinned("requirements-dev.txt")
    for production in (pinned("requirements.txt"), pinned("requirements-celery.txt")):
        versions = {name: each[0] for name, each in production.items()}
        assert {name: development[name][0] for name in production} == versions


def test_without_its_engine_nothing_of_celery_is_installed() -> None:
    assert not {"celery", "kombu", "billiard"} & pinned("requirements.txt").keys()


def test_no_entry_lacks_a_hash() -> None:
    for name in ("requirements.txt", "requirements-celery.txt", "requirements-dev.txt"):
        assert all("--hash=sha256:" in text for text in entries(name).values())
