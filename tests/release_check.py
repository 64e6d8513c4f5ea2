"""What must be true before a release is tagged, beside the tests: `make release-check` runs both.

It names each thing that is not, and shows what changed in the contract since the release before.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.releases import BEFORE, PROJECT
from vettr_cron import __version__


def problems(project: Path = PROJECT, version: str = __version__) -> Iterator[str]:
    """What keeps this version from being tagged, each with what to do."""
    if git(project, "status", "--porcelain"):
        yield "The work tree has changes: commit them."
    if git(project, "tag", "--list", f"v{version}"):
        yield f"v{version} is tagged already: set the next version in vettr_cron/__init__.py."
    changes = sections((project / "CHANGELOG.md").read_text())
    if "Unreleased" in changes and version in changes:
        yield f"CHANGELOG.md has a section Unreleased beside {version}: set the next version in vettr_cron/__init__.py."
    elif "Unreleased" in changes:
        yield f"CHANGELOG.md has a section Unreleased: name it `{version} (YYYY-MM-DD)`."
    elif not changes.get(version):
        yield f"CHANGELOG.md has no section for {version}, or an empty one."
    last = newest_tag(project)
    if last and git(project, "rev-parse", f"{last}^{{commit}}") != git(project, "rev-parse", f"{BEFORE}^{{commit}}"):
        yield f"BEFORE in tests/releases.py is not {last}, the release before: the tests start another one."
    yield from altered_migrations(project)


def altered_migrations(project: Path) -> Iterator[str]:
    """Migrations of the release before that do something else now, or are gone: databases have run them already."""
    folder = "migrations/versions"
    for name in git(project, "ls-tree", "--name-only", BEFORE, f"{folder}/").splitlines():
        now = project / name
        if name.endswith(".py") and not (now.exists() and code(now.read_text()) == code(show(project, name))):
            yield f"{name} was in the release before and is not what it was: write a new migration instead."


def show(project: Path, name: str) -> str:
    """A file as the release before had it."""
    return git(project, "show", f"{BEFORE}:{name}")


def code(text: str) -> str:
    """What the text does: without comments and docstrings."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.FunctionDef, ast.ClassDef)) and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
    return ast.dump(tree)


def sections(changelog: str) -> dict[str, str]:
    """What the changelog says of each version, by its number."""
    parts = re.split(r"^## (\S+).*$", changelog, flags=re.MULTILINE)[1:]
    return {version: text.strip() for version, text in zip(parts[::2], parts[1::2], strict=True)}


def newest_tag(project: Path) -> str:
    """The last release that was tagged; empty if none was."""
    tags = git(project, "tag", "--list", "v*", "--merged", "HEAD", "--sort=-version:refname").splitlines()
    return tags[0] if tags else ""


def contract_changes(project: Path = PROJECT) -> str:
    """What changed in the contract since the release before; empty if nothing did."""
    return git(project, "diff", "--unified=0", BEFORE, "HEAD", "--", "docs/contract")


def git(project: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(project), *words], check=True, capture_output=True, text=True)  # noqa: S607
    return done.stdout.strip()


def main() -> int:
    if git(PROJECT, "rev-parse", "--is-shallow-repository") == "true":
        sys.exit("This clone has no history: `git fetch --unshallow` brings it.")
    print("What changed in the contract since the release before; CHANGELOG.md names what callers see of it:")
    for line in contract_changes().splitlines():
        if line.startswith(("+", "-")) and not line.startswith(("+++", "---")):
            print(line)
    found = list(problems())
    for problem in found:
        print(f"- {problem}")
    print(f"{__version__} can be tagged." if not found else f"{__version__} cannot be tagged yet.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
