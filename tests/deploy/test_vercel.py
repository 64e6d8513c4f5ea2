"""A host like Vercel: vercel.json, what its builder finds here, and the function on a tree that cannot be written."""

import ast
import json
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
from jsonschema import validate

from tests.e2e.programs import PROJECT, environment, finished
from tests.tools import needed
from tests.world import SECRET, World
from vettr_cron.config import HTTP_TIME_BUDGET_SECONDS
from vettr_cron.schedule import checked_expression
from vettr_cron.services.clock import SHUTDOWN_GRACE_SECONDS

CONFIGURATION: Any = json.loads((PROJECT / "vercel.json").read_text())
PAGE = PROJECT / "docs" / "deploy" / "vercel.md"
LONGEST_DURATION = 300  # seconds that every plan allows

# What the host's documentation says of vercel.json, as far as this one goes; it refuses what it does not know.
VERCEL_JSON = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "$schema": {"const": "https://openapi.vercel.sh/vercel.json"},
        "framework": {"const": "flask"},
        "functions": {
            "type": "object",
            "minProperties": 1,
            "propertyNames": {"pattern": "^[^/].{0,255}$"},
            "additionalProperties": {
                "type": "object",
                "minProperties": 1,
                "additionalProperties": False,
                "properties": {"maxDuration": {"type": "integer", "minimum": 1, "maximum": LONGEST_DURATION}},
            },
        },
        "crons": {
            "type": "array",
            "maxItems": 100,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["path", "schedule"],
                "properties": {
                    "path": {"type": "string", "pattern": "^/", "maxLength": 512},
                    "schedule": {"type": "string", "minLength": 9, "maxLength": 256},
                },
            },
        },
    },
}

# What the host does with a request, in the function's own process; it prints the status of each.
FUNCTION = """
import json, os, sys
from wsgi import app
authorization = {"Authorization": "Bearer " + os.environ["CRON_SECRET"]}
client = app.test_client()
print(json.dumps([client.get(path, headers=authorization).status_code for path in sys.argv[1:]]))
"""


def test_vercel_json_is_as_the_host_wants_it() -> None:
    validate(CONFIGURATION, VERCEL_JSON)


@pytest.mark.parametrize(
    "name", [".env", ".env.production", "instance/vettr_cron.db", ".mypy_cache/3.13/a", ".hypothesis/a"]
)
def test_no_secret_and_no_data_of_this_machine_is_uploaded(name: str) -> None:
    assert not is_uploaded(name)


def test_every_function_of_it_is_a_file_that_is_uploaded() -> None:
    assert set(CONFIGURATION["functions"]) <= set(uploaded())


def test_the_builder_finds_the_application_at_the_top_of_its_file() -> None:
    """It reads the file without running it, and looks neither into a `try` nor into a function."""
    (entry,) = CONFIGURATION["functions"]
    body = ast.parse((PROJECT / entry).read_text()).body
    targets = [target for statement in body if isinstance(statement, ast.Assign) for target in statement.targets]
    assert "app" in [target.id for target in targets if isinstance(target, ast.Name)]


def test_the_builder_takes_the_pinned_requirements() -> None:
    """A pyproject.toml or a lock file would come before them."""
    manifests = {"pyproject.toml", "uv.lock", "pylock.toml", "Pipfile", "Pipfile.lock"}
    found = [name for name in uploaded() if name in manifests or fnmatch(name, "requirements*.txt")]
    assert found == ["requirements.txt"]
    lines = (PROJECT / "requirements.txt").read_text().splitlines()
    assert all("==" in line for line in lines if re.match(r"\w", line))


@pytest.mark.parametrize("function", CONFIGURATION["functions"])
def test_a_call_ends_by_itself_before_the_host_ends_it(function: str) -> None:
    needs = HTTP_TIME_BUDGET_SECONDS + SHUTDOWN_GRACE_SECONDS  # what is in hand is still saved when the budget is spent
    assert CONFIGURATION["functions"][function]["maxDuration"] > needs


@pytest.mark.parametrize("cron", CONFIGURATION["crons"], ids=lambda cron: cron["path"])
def test_the_host_calls_each_path_with_get_and_the_secret_no_more_than_daily(
    cron: Any, migrated_postgres_url: str, redis_url: str
) -> None:
    minute, hour, *_ = checked_expression(cron["schedule"]).split()
    assert minute.isdigit()
    assert hour.isdigit()  # the smallest plan refuses more
    world = World.make(migrated_postgres_url, redis_url)
    world.generate(3)
    assert world.client.get(cron["path"], headers={"Authorization": f"Bearer {SECRET}"}).status_code == 200
    assert world.client.get(cron["path"]).status_code == 401
    world.close()


def test_the_page_expects_the_calls_when_they_come() -> None:
    (schedule,) = [cron["schedule"] for cron in CONFIGURATION["crons"] if cron["path"].endswith("refresh-all")]
    assert f"printf '{schedule}' | vercel env add CRON_SCHEDULE production" in PAGE.read_text()


def test_the_function_works_on_what_is_uploaded_and_cannot_be_written(
    migrated_sqlite_url: str, redis_url: str, tmp_path: Path
) -> None:
    world = World.make(migrated_sqlite_url, redis_url)
    world.generate(3)
    tree = tmp_path / "tree"
    upload(tree)
    paths = ["/healthz", "/readyz", "/dashboard", *(cron["path"] for cron in CONFIGURATION["crons"])]
    attempt = finished([*unprivileged(), "touch", "written"], {}, tree)
    assert "Permission denied" in attempt.stderr
    done = finished([*unprivileged(), sys.executable, "-c", FUNCTION, *paths], environment(world), tree)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [200] * len(paths)
    assert len(world.table("vetr_score_history")) == 3
    world.close()


def uploaded() -> Sequence[str]:
    """The files of the tree that .vercelignore lets through."""
    listed = subprocess.run(["git", "ls-files"], check=True, cwd=PROJECT, capture_output=True, text=True)  # noqa: S607
    return [name for name in listed.stdout.splitlines() if is_uploaded(name)]


def is_uploaded(name: str) -> bool:
    lines = (PROJECT / ".vercelignore").read_text().splitlines()
    ignored = [line for line in lines if line and not line.startswith("#")]
    folders = [name, *map(str, Path(name).parents)]
    return not any(fnmatch(folder, pattern) for folder in folders for pattern in ignored)


def upload(tree: Path) -> None:
    """Copy what is uploaded, and take away the right to write there."""
    for name in uploaded():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT / name, tree / name)
    for path in (tree, *tree.rglob("*")):
        path.chmod(path.stat().st_mode & ~(stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH))


def unprivileged() -> list[str]:
    """What runs a program that keeps to the rights of files; root need not."""
    return [needed("setpriv", "util-linux"), "--bounding-set=-dac_override"] if os.geteuid() == 0 else []
