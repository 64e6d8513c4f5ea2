"""What a start and a first reply import: each library that the way to that reply uses, and no other."""

import json
import sys
from importlib.metadata import packages_distributions

import pytest

from tests.e2e.programs import environment, finished
from tests.world import SECRET, World

NEEDED = {
    # Flask and what it stands on
    *("flask", "werkzeug", "jinja2", "markupsafe", "click", "blinker", "itsdangerous"),
    # the database
    *("flask_sqlalchemy", "sqlalchemy", "typing_extensions"),
    # Redis
    *("redis", "hiredis"),
    # settings, requests and replies
    *("pydantic", "pydantic_core", "pydantic_settings", "annotated_types", "typing_inspection", "orjson"),
    # logs and retries
    *("structlog", "tenacity"),
}
if sys.version_info < (3, 11, 3):
    NEEDED.add("async_timeout")  # which redis brings for what asyncio lacks there
OF_POSTGRESQL = {"psycopg", "psycopg_binary"}
# What structlog and redis import where it happens to be there, as it does in development.
TAKEN_ALONG = {
    "attr",
    "rich",
    "pygments",
    "markdown_it",
    "mdurl",
    "better_exceptions",
    "colorama",
    "dotenv",
    "greenlet",
}
PROGRAM = """
import json, sys
sys.path.insert(0, "")
from wsgi import app
reply = app.test_client().get(sys.argv[1], headers={"Authorization": sys.argv[2]})
assert reply.status_code == 200, reply.get_data(as_text=True)
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def imported(world: World, path: str) -> set[str]:
    """The libraries, apart from Python's own and the service, that a process has after one reply."""
    done = finished([sys.executable, "-c", PROGRAM, path, f"Bearer {SECRET}"], environment(world))
    assert done.returncode == 0, done.stderr
    libraries = set(packages_distributions()) - set(sys.stdlib_module_names) - {"vettr_cron", "_distutils_hack"}
    return set(json.loads(done.stdout.splitlines()[-1])) & libraries


@pytest.mark.parametrize("path", ["/healthz", "/v1/cron/refresh-all", "/v1/cron/status"])
def test_a_reply_imports_only_what_it_uses(world: World, path: str) -> None:
    found = imported(world, path)
    on_postgresql = world.database_url.startswith("postgres")
    assert {"flask", "redis", "sqlalchemy"} <= found
    assert found - TAKEN_ALONG <= NEEDED | (OF_POSTGRESQL if on_postgresql else set())


def test_metrics_bring_prometheus_library(world: World) -> None:
    assert "prometheus_client" in imported(world, "/metrics")
