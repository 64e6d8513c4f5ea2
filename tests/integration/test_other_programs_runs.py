"""Rows of other programs in cron_job_runs are shown as they stand, and nobody closes or removes them."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.integration.bare_stocks import add_stocks
from tests.integration.commands import printed_json, run
from tests.integration.replies import data_of, invalid_parameters_of
from tests.world import World
from vettr_cron.services.clock import utc_now

OTHER = "market-data"


def add_run(
    world: World, status: str, *, days: int = 0, job: str = OTHER, error: str | None = None, **values: object
) -> UUID:
    found = uuid4()
    row = {"id": found, "job_name": job, "status": status, "error_message": error}
    world.add("cron_job_runs", {**row, "started_at": utc_now() - timedelta(days=days), **values})
    return found


def shown(world: World, run: UUID, query: str = "") -> Any:
    """The run as history has it; None where it is not in it."""
    runs = data_of(world.call(f"history?limit=200&{query}"))["runs"]
    return next((row for row in runs if row["id"] == str(run)), None)


@pytest.mark.parametrize("status", ["running", "completed", "failed", "queued", "RUNNING", ""])
def test_a_row_of_another_programs_job_is_shown_as_it_stands(world: World, status: str) -> None:
    run = add_run(world, status, error="its own words")
    for row in (shown(world, run), data_of(world.call(f"runs/{run}"))):
        assert (row["status"], row["error_message"], row["completed_at"]) == (status, "its own words", None)
    for asked in ("running", "completed", "failed"):
        assert (shown(world, run, f"status={asked}") is not None) == (asked == status)


def test_values_that_only_another_program_understands_are_shown_as_they_are(sqlite_world: World) -> None:
    columns = "id, job_name, status, stocks_processed, duration_ms, started_at"
    values = "'their 7th', 'market-data', 'done', 'many', -5, '2026-11-01 12:00:00.000000'"
    sqlite_world.execute(f"INSERT INTO cron_job_runs ({columns}) VALUES ({values})")
    (row,) = sqlite_world.data("history")["runs"]
    assert (row["id"], row["stocks_processed"], row["duration_ms"]) == ("their 7th", "many", -5)


@pytest.mark.parametrize(
    ("stands", "shown"),
    [
        ("", ""),
        ("soon", "soon"),
        ("1700000000", "1700000000"),
        ("infinity", "infinity"),
        ("2026-11-01", "2026-11-01T00:00:00.000Z"),
    ],
)
def test_a_time_that_only_another_program_understands_is_shown_as_it_is(
    sqlite_world: World, stands: str, shown: str
) -> None:
    columns, values = (
        "id, job_name, status, started_at, completed_at",
        f"'7', 'market-data', 'done', '{stands}', '{stands}'",
    )
    sqlite_world.execute(f"INSERT INTO cron_job_runs ({columns}) VALUES ({values})")
    (row,) = sqlite_world.data("history")["runs"]
    assert (row["started_at"], row["completed_at"]) == (shown, shown)
    assert stands in run(sqlite_world, "cron", "history").output


def test_an_endless_time_is_shown_as_postgresql_writes_it(postgres_world: World) -> None:
    postgres_world.execute(
        "INSERT INTO cron_job_runs (id, job_name, status, started_at, completed_at)"
        " VALUES (gen_random_uuid(), 'market-data', 'done', now() AT TIME ZONE 'utc', 'infinity')"
    )
    (row,) = postgres_world.data("history")["runs"]
    assert row["completed_at"] == "infinity"


def test_our_row_with_another_programs_status_is_shown_as_it_is(world: World) -> None:
    run = add_run(world, "queued", job="refresh-scores", chunk_offset=0)
    assert shown(world, run)["status"] == "queued"
    state = data_of(world.call("status"))["jobs"]["scores"]
    assert (state["running"], state["last_run"]["status"]) == (None, "queued")
    assert printed_json(world, "cron", "status")["jobs"]["scores"]["last_run"]["status"] == "queued"


def test_a_call_closes_no_running_row_of_another_program(world: World) -> None:
    add_stocks(world, 3)
    theirs, ours = add_run(world, "running"), add_run(world, "running", job="refresh-scores")
    world.data("refresh-all?chunks=all")
    stood = {row["id"]: row["status"] for row in world.table("cron_job_runs")}
    assert (stood[theirs], stood[ours]) == ("running", "failed")


@pytest.mark.parametrize("status", ["running", "completed", "failed", "queued"])
def test_a_cleanup_removes_no_row_of_another_program(world: World, status: str) -> None:
    theirs = {add_run(world, status, days=days) for days in (300, 400, 500)}
    ours = [add_run(world, "failed", days=days, job="refresh-scores") for days in (300, 400)]
    for path in ("cleanup?dry_run=1", "cleanup"):
        assert data_of(world.call(path))["runs_removed"] == 1
    assert {row["id"] for row in world.table("cron_job_runs")} == {*theirs, ours[0]}


@pytest.mark.parametrize(
    ("job", "found"),
    [
        (OTHER, [OTHER]),
        ("scores", ["refresh-scores", "scores"]),
        ("refresh-scores", ["refresh-scores"]),
        ("nobody", []),
        ("x" * 100, []),
    ],
)
def test_history_takes_any_jobs_name(world: World, job: str, found: list[str]) -> None:
    for name in ("scores", OTHER, "refresh-scores"):  # another program may call its job as we call ours in paths
        add_run(world, "completed", job=name)
    data = data_of(world.call(f"history?job={job}"))
    assert ([run["job_name"] for run in data["runs"]], data["total"]) == (found, len(found))
    assert printed_json(world, "cron", "history", "--job", job)["total"] == len(found)


@pytest.mark.parametrize("job", ["", "a%00b", "%EF%BF%BD"])
def test_what_no_job_can_be_called_is_refused(world: World, job: str) -> None:
    assert invalid_parameters_of(world.call(f"history?job={job}")).keys() == {"job"}
