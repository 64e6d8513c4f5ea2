"""GET /v1/cron/runs/<id>: one run whole."""

from datetime import timedelta
from uuid import uuid4

from tests.integration.bare_stocks import add_stocks
from tests.integration.replies import error_of
from tests.world import World
from vettr_cron.services.clock import utc_now


def test_a_run_is_shown_as_history_shows_it(world: World) -> None:
    add_stocks(world, 20, unscorable=2)
    result = world.data("scores")
    shown = world.data(f"runs/{result['run_id']}")
    assert [shown] == world.data("history")["runs"]
    assert shown["failures"] == result["failures"]


def test_a_run_whose_holder_is_dead_is_shown_as_failed(world: World) -> None:
    row = {
        "id": uuid4(),
        "job_name": "refresh-scores",
        "status": "running",
        "started_at": utc_now() - timedelta(hours=1),
    }
    world.add("cron_job_runs", {**row, "duration_ms": 5_000})
    shown = world.data(f"runs/{row['id']}")
    assert (shown["status"], shown["error_message"]) == ("failed", "interrupted")


def test_an_invalid_run_id_is_not_found(sqlite_world: World) -> None:
    for path in (f"runs/{uuid4()}", "runs/1", "runs/"):
        error_of(sqlite_world.call(path), 404, "NOT_FOUND")
    error_of(sqlite_world.call(f"runs/{uuid4()}?limit=1"), 422, "VALIDATION_ERROR")
    error_of(sqlite_world.client.get(f"/v1/cron/runs/{uuid4()}"), 401, "AUTH_REQUIRED")
