"""The log: one JSON object a line in production, readable lines elsewhere, and no credentials in either."""

import json
from typing import Any

import pytest

from tests.integration.broken_service import Broken, replace_services
from tests.jobs import THE_TWO
from tests.world import SECRET, World
from vettr_cron.app import create_app
from vettr_cron.config import Settings


def log_of(world: World, app_env: str, capsys: pytest.CaptureFixture[str], path: str) -> list[str]:
    """What an application of this kind logs for one request of a path whose use case has a bug."""
    capsys.readouterr()
    settings = world.services.settings.model_dump() | {"app_env": app_env}
    broken = World(create_app(Settings(**settings), THE_TWO), world.redis, world.database_url, world.redis_url)
    replace_services(broken, status=Broken())
    broken.client.get(path, headers={"Authorization": f"Bearer {SECRET}", "X-Request-Id": "the-bug"})
    output = capsys.readouterr()
    assert output.out == ""
    for password in ("hunter2", SECRET):
        assert password not in output.err
    return output.err.splitlines()


def test_in_production_each_line_is_a_json_object(sqlite_world: World, capsys: pytest.CaptureFixture[str]) -> None:
    events: list[Any] = [json.loads(line) for line in log_of(sqlite_world, "production", capsys, "/v1/cron/status")]
    bug, request = events
    assert bug.keys() == {"event", "level", "timestamp", "request_id", "exception"}
    assert (bug["event"], bug["level"], bug["request_id"]) == ("internal_error", "error", "the-bug")
    assert "RuntimeError: SELECT password FROM users" in bug["exception"]
    assert "postgresql://***@db/name" in bug["exception"]
    assert request == {
        "event": "request",
        "level": "info",
        "timestamp": request["timestamp"],
        "request_id": "the-bug",
        "method": "GET",
        "path": "/v1/cron/status",
        "status": 500,
        "duration_ms": request["duration_ms"],
        "remote": "127.0.0.1",
    }


@pytest.mark.parametrize("app_env", ["development", "test"])
def test_elsewhere_lines_are_readable(sqlite_world: World, app_env: str, capsys: pytest.CaptureFixture[str]) -> None:
    bug, *traceback, request = log_of(sqlite_world, app_env, capsys, "/v1/cron/status")
    assert "internal_error" in bug
    assert "postgresql://***@db/name" in traceback[-1]
    assert "status=500" in request


@pytest.mark.parametrize("app_env", ["production", "development"])
def test_a_path_cannot_forge_a_line(sqlite_world: World, app_env: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(log_of(sqlite_world, app_env, capsys, "/x%0a2026-11-23T00:00:00Z%20[info]%20forged%0d%0a%1b[31m")) == 1
