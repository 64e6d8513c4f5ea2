"""What the environment and a file .env say: commands and gunicorn take it alike, and the trial takes none of it."""

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.e2e.programs import PATIENCE, PROJECT, finished, flask, free_port, gunicorn, started
from tests.integration.meddling import wait_until
from tests.world import SECRET
from vettr_cron.jobs import JOBS
from vettr_cron.redis_store.embedded import EmbeddedRedis

NOWHERE = {
    "APP_ENV": "production",
    "CRON_SECRET": SECRET,
    "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
    "REDIS_URL": "redis://127.0.0.1:1",
}


MADE_BY = f"Python {'.'.join(map(str, sys.version_info[:3]))} of {sys.base_prefix}"


def as_file(variables: dict[str, str]) -> str:
    return "".join(f"{name}={value}\n" for name, value in variables.items())


@pytest.fixture
def urls(migrated_sqlite_url: str, redis_url: str) -> dict[str, str]:
    return {"DATABASE_URL": migrated_sqlite_url, "REDIS_URL": redis_url}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkout without the tests, as far as programs need it."""
    for name in ("vettr_cron", "migrations", "wsgi.py", "gunicorn.conf.py", "Procfile", "Makefile"):
        (tmp_path / name).symlink_to(PROJECT / name)
    return tmp_path


def listens(port: int, host: str) -> bool:
    with suppress(OSError), socket.create_connection((host, port), timeout=1):
        return True
    return False


def test_commands_and_gunicorn_read_the_same_env_file(urls: dict[str, str], folder: Path) -> None:
    port = free_port()
    (folder / ".env").write_text(as_file({"APP_ENV": "production", "CRON_SECRET": SECRET, "PORT": str(port), **urls}))
    read = {"FLASK_SKIP_DOTENV": ""}
    done = finished(flask("cron", "status"), read, folder=folder)
    assert done.returncode == 0, done.stderr
    with started(gunicorn(), read, folder=folder):
        wait_until(lambda: listens(port, "127.0.0.1"), PATIENCE)
    for command in (flask("cron", "status"), gunicorn()):
        skipped = finished(command, {}, folder=folder)
        assert skipped.returncode != 0
        assert "must be set in production" in skipped.stderr


def test_what_is_set_goes_before_the_env_file(urls: dict[str, str], folder: Path) -> None:
    (folder / ".env").write_text(as_file(NOWHERE))
    done = finished(flask("cron", "status"), {"FLASK_SKIP_DOTENV": "", **urls}, folder=folder)
    assert done.returncode == 0, done.stderr


def test_an_env_file_that_is_not_utf8_is_reported(folder: Path) -> None:
    (folder / ".env").write_bytes("APP_ENV=development\n".encode("utf-16"))
    done = finished(gunicorn(), {"FLASK_SKIP_DOTENV": ""}, folder=folder)
    assert done.returncode != 0
    assert "the file .env is not in UTF-8" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("variables", "is_open"),
    [
        ({"APP_ENV": "development"}, False),
        ({"APP_ENV": "development", "BIND_HOST": " "}, False),
        ({"APP_ENV": "development", "BIND_HOST": "0.0.0.0"}, True),  # noqa: S104  # as in a container
        ({"APP_ENV": "development", "CRON_SECRET": SECRET}, True),
        ({"APP_ENV": "production", "CRON_SECRET": SECRET}, True),
    ],
)
def test_without_a_secret_gunicorn_listens_on_this_machine_alone(
    urls: dict[str, str], variables: dict[str, str], is_open: bool
) -> None:
    port = free_port()
    with started(gunicorn(), {"PORT": str(port), "WEB_CONCURRENCY": "1", **urls, **variables}):
        wait_until(lambda: listens(port, "127.0.0.1"), PATIENCE)
        assert listens(port, "127.0.0.2") == is_open  # another interface's address, though of this machine too


@pytest.fixture
def trial(folder: Path) -> Iterator[Path]:
    """A checkout that is set up, with an environment and a file .env that lead elsewhere."""
    shutil.copy(PROJECT / "requirements-dev.txt", folder)
    # The instance folder lies beside the package, so it must be there itself.
    (folder / "vettr_cron").unlink()
    shutil.copytree(PROJECT / "vettr_cron", folder / "vettr_cron", ignore=shutil.ignore_patterns("__pycache__"))
    bin_folder = folder / ".venv" / "bin"
    bin_folder.mkdir(parents=True)
    for name in ("python", "flask", "gunicorn"):
        # A link would not find the packages beside the program that it leads to.
        (bin_folder / name).write_text(f'#!/bin/sh\nexec "{Path(sys.executable).parent / name}" "$@"\n')
        (bin_folder / name).chmod(0o755)
    (folder / ".venv" / ".ready").touch()
    (folder / ".venv" / ".python").write_text(MADE_BY)
    (folder / ".env").write_text(as_file(NOWHERE))
    yield folder
    make(folder, "clean")


def make(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return subprocess.run(
        ["make", *words, f"PYTHON={sys.executable}"],  # noqa: S607
        check=False,
        cwd=folder,
        env=kept | NOWHERE | {"FLASK_APP": "elsewhere", "CRON_CHUNK_SIZE": "x"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def test_the_trial_uses_its_own_folder_whatever_the_environment_says(trial: Path) -> None:
    done = make(trial, "refresh")
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(re.findall("cycle_complete +1572 +1572 +0 ", done.stdout)) == len(JOBS)
    assert (trial / "instance" / "vettr_cron.db").exists()
    assert (trial / "instance" / "redis").is_dir()


def test_make_stop_ends_the_embedded_redis(trial: Path) -> None:
    EmbeddedRedis(trial / "instance" / "redis").ensure_running()
    done = make(trial, "stop")
    assert (done.returncode, done.stderr) == (0, "")
    assert not (trial / "instance" / "redis" / "redis.sock").exists()


@pytest.mark.parametrize("state", ["whole", "without python", "without anything"])
def test_make_clean_works_in_any_state(trial: Path, state: str) -> None:
    EmbeddedRedis(trial / "instance" / "redis").ensure_running()
    if state == "without python":
        (trial / ".venv" / "bin" / "python").unlink()
    elif state == "without anything":
        shutil.rmtree(trial / ".venv")
    done = make(trial, "clean")
    assert done.returncode == 0, done.stderr
    assert ("it ends by itself" in done.stdout) == (state != "whole")
    assert not (trial / "instance").exists()
    assert not (trial / ".venv").exists()
    assert make(trial, "clean").returncode == 0


def test_another_python_makes_a_new_environment(trial: Path) -> None:
    assert "-m venv" not in make(trial, "refresh", "--dry-run").stdout
    (trial / ".venv" / ".python").write_text("Python 3.11.0 of /usr/local")
    assert "-m venv --clear .venv" in make(trial, "refresh", "--dry-run").stdout
    assert (trial / ".venv" / ".ready").exists()
