"""What `cron doctor` finds in a service."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tests.integration.bare_stocks import add_stocks
from tests.integration.commands import DONE, FAILED, run
from tests.jobs import THE_TWO
from tests.world import World
from vettr_cron.app import create_app
from vettr_cron.config import load_settings

OK, WARNING, PROBLEM = "ok", "warning", "problem"
NAMES = [
    *("secret", "database", "migration", "tables", "redis", "connections", "clock", "universe"),
    *("schedule", "schedule-scores", "schedule-red-flags"),
]
GOOD_SECRET = "hush-hush-72d1f0a4be"
Found = Mapping[str, str]


def examined(world: World) -> dict[str, Found]:
    """The checks by their names; whatever they find, they are all there, and nothing is told that is a secret."""
    result = run(world, "cron", "doctor", "--json")
    assert result.stderr == ""
    for word in ("hush", " FROM ", "Traceback", "psycopg", "sqlalchemy"):
        assert word not in result.stdout
    diagnosis = json.loads(result.stdout)
    checks = {check["name"]: check for check in diagnosis["checks"]}
    assert list(checks) == NAMES
    for check in checks.values():
        assert check.keys() == {"name", "state", "found", "mend"}
        assert (check["mend"] is None) == (check["state"] == OK)
    assert diagnosis["ok"] == (PROBLEM not in {check["state"] for check in checks.values()})
    assert result.exit_code == (DONE if diagnosis["ok"] else FAILED)
    return checks


def assert_found(world: World, name: str, state: str, found: str, mend: str) -> None:
    """This check alone is not ok, and says these words."""
    checks = examined(world)
    assert {name: checks[name]["state"]} == {key: check["state"] for key, check in checks.items() if check["mend"]}
    assert (checks[name]["state"], found in checks[name]["found"], mend in checks[name]["mend"]) == (
        state,
        True,
        True,
    ), checks[name]


def in_use(world: World) -> World:
    """The same service once it has stocks and was called."""
    add_stocks(world, 3)
    world.data("refresh-all")
    return world


def on_settings(world: World, **values: Any) -> World:
    """The same service with other settings."""
    known: dict[str, Any] = {"app_env": "test", "cron_secret": GOOD_SECRET, "cron_schedule": "off"}
    servers = {"database_url": world.database_url, "redis_url": world.redis_url}
    return replace(world, app=create_app(load_settings(**servers, **known | values), THE_TWO))
