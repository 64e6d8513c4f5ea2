"""Builders that go by pyproject.toml alone install what the service needs."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.e2e.programs import PROJECT

LONGEST = 300  # seconds; where nothing is cached every package is fetched


def test_uv_sync_installs_what_the_service_imports(tmp_path: Path) -> None:
    for name in ("pyproject.toml", "wsgi.py"):
        shutil.copy(PROJECT / name, tmp_path)
    for name in ("vettr_cron", "migrations"):
        shutil.copytree(PROJECT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    kept = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    own = {"UV_PYTHON_DOWNLOADS": "never", "APP_ENV": "development", "CRON_SECRET": "x"}
    for command in (
        [sys.executable, "-m", "uv", "sync", "--no-dev", "--system-certs", "--quiet", "--python", sys.executable],
        [str(tmp_path / ".venv" / "bin" / "python"), "-c", "import wsgi; print(wsgi.app.name)"],
    ):
        done = subprocess.run(
            command, check=False, cwd=tmp_path, env=kept | own, capture_output=True, text=True, timeout=LONGEST
        )
        assert done.returncode == 0, done.stderr
    assert done.stdout == "vettr_cron\n"
    assert not (tmp_path / ".venv" / "bin" / "pytest").exists()
