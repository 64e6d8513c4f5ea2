"""What keeps a version from being tagged."""

import subprocess
from pathlib import Path

import pytest

from tests import release_check
from tests.release_check import altered_migrations, git, problems, sections


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose version 1.1.0 can be tagged."""
    for words in (["init", "-q"], ["config", "user.name", "a"], ["config", "user.email", "a@example.com"]):
        subprocess.run(["git", "-C", str(tmp_path), *words], check=True)  # noqa: S607
    commit(tmp_path, "migrations/versions/first.py", '"""A table."""\nrevision = "first"  # a comment\n')
    git(tmp_path, "tag", "v1.0.0")
    commit(tmp_path, "CHANGELOG.md", "# Changelog\n\n## 1.1.0 (2026-01-01)\n\n- Something.\n\n## 1.0.0\n\n- First.\n")
    monkeypatch.setattr(release_check, "BEFORE", "v1.0.0")
    return tmp_path


def commit(project: Path, name: str, text: str) -> None:
    path = project / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    git(project, "add", "-A")
    git(project, "commit", "-q", "-m", name)


def test_nothing_keeps_back_what_is_ready(project: Path) -> None:
    assert list(problems(project, "1.1.0")) == []
    assert list(altered_migrations(project)) == []


def test_changes_must_be_committed(project: Path) -> None:
    (project / "new.py").touch()
    assert list(problems(project, "1.1.0")) == ["The work tree has changes: commit them."]


def test_a_version_is_tagged_once_and_named_in_the_changelog(project: Path) -> None:
    already, unnamed = problems(project, "1.0.0"), problems(project, "1.2.0")
    assert "v1.0.0 is tagged already" in " ".join(already)
    assert "CHANGELOG.md has no section for 1.2.0" in " ".join(unnamed)
    commit(project, "CHANGELOG.md", "# Changelog\n\n## Unreleased\n\n- More.\n\n## 1.1.0\n\n- Something.\n")
    assert "Unreleased beside 1.1.0: set the next version" in " ".join(problems(project, "1.1.0"))
    assert "Unreleased: name it `1.2.0 (YYYY-MM-DD)`" in " ".join(problems(project, "1.2.0"))


def test_the_tests_must_start_the_release_before(project: Path) -> None:
    git(project, "tag", "v1.0.1")
    assert "BEFORE in tests/releases.py is not v1.0.1" in " ".join(problems(project, "1.1.0"))


def test_a_migration_that_databases_have_run_stays_as_it_is(project: Path) -> None:
    commit(project, "migrations/versions/second.py", "# new\n")
    assert list(altered_migrations(project)) == []
    commit(project, "migrations/versions/first.py", '"""Creates a table."""\n# better said\nrevision = "first"\n')
    assert list(altered_migrations(project)) == []
    commit(project, "migrations/versions/first.py", 'revision = "other"\n')
    (said,) = altered_migrations(project)
    assert "first.py was in the release before and is not what it was" in said
    (project / "migrations" / "versions" / "first.py").unlink()
    assert len(list(altered_migrations(project))) == 1


def test_an_empty_section_says_nothing() -> None:
    assert sections("# Changelog\n\n## 2.0.0 (2026-01-01)\n\n## 1.0.0\n\n- First.\n") == {
        "2.0.0": "",
        "1.0.0": "- First.",
    }
