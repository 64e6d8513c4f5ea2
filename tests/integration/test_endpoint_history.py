"""GET /v1/cron/history."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.integration.bare_stocks import add_stocks, everything
from tests.integration.past_runs import add_running_run
from tests.integration.replies import RUN_KEYS, TIME, data_of, invalid_parameters_of
from tests.world import World
from vettr_cron.redis_store.leases import Lease, Leases

START = datetime(2026, 11, 23, 12)


def add_runs(world: World, count: int, **values: Any) -> list[str]:
    """Completed runs of the scores, a second apart; their ids, newest first."""
    rows = [
        {
            "id": uuid4(),
            "job_name": "refresh-scores",
            "status": "completed",
            "started_at": START + timedelta(seconds=number),
            **values,
        }
        for number in range(count)
    ]
    world.add("cron_job_runs", *rows)
    return [str(row["id"]) for row in reversed(rows)]


def ids(data: Any) -> list[str]:
    return [run["id"] for run in data["runs"]]


def test_without_runs_it_is_empty(world: World) -> None:
    assert data_of(world.call("history")) == {"runs": [], "total": 0}


def test_a_run_has_every_column_by_its_own_name(world: World) -> None:
    add_stocks(world, 20, unscorable=1)
    result = world.data("scores?chunk_size=10")
    data = data_of(world.call("history"))
    (run,) = data["runs"]
    (row,) = world.table("cron_job_runs")
    assert data["total"] == 1
    assert run.keys() == RUN_KEYS == row.keys()
    assert run == {
        "id": result["run_id"],
        "job_name": "refresh-scores",
        "status": "completed",
        "stocks_processed": 10,
        "succeeded": 9,
        "failed_count": 1,
        "failures": result["failures"],
        "chunk_offset": 0,
        "chunk_size": 10,
        "total_stocks": 20,
        "duration_ms": row["duration_ms"],
        "started_at": f"{row['started_at'].isoformat(timespec='milliseconds')}Z",
        "completed_at": f"{row['completed_at'].isoformat(timespec='milliseconds')}Z",
        "error_message": None,
    }
    assert TIME.fullmatch(run["started_at"])
    assert TIME.fullmatch(run["completed_at"])


def test_a_row_with_nothing_but_what_must_be_there_is_shown(world: World) -> None:
    (run_id,) = add_runs(world, 1)
    world.execute("UPDATE cron_job_runs SET stocks_processed = NULL, succeeded = NULL, failed_count = NULL")
    (run,) = world.data("history")["runs"]
    assert run == dict.fromkeys(RUN_KEYS) | {
        "id": run_id,
        "job_name": "refresh-scores",
        "status": "completed",
        "stocks_processed": 0,
        "succeeded": 0,
        "failed_count": 0,
        "started_at": "2026-11-23T12:00:00.000Z",
    }


def test_it_gives_the_newest_50_newest_first(world: World) -> None:
    newest_first = add_runs(world, 60)
    data = world.data("history")
    assert (ids(data), data["total"]) == (newest_first[:50], 50)


@pytest.mark.parametrize(("limit", "given"), [(1, 1), (59, 59), (60, 60), (61, 60), (200, 60)])
def test_limit_bounds_the_page(sqlite_world: World, limit: int, given: int) -> None:
    newest_first = add_runs(sqlite_world, 60)
    data = sqlite_world.data(f"history?limit={limit}")
    assert (ids(data), data["total"]) == (newest_first[:given], given)


def test_before_gives_the_page_after_a_run_and_pages_are_the_whole_once(world: World) -> None:
    add_runs(world, 10)
    add_runs(world, 15, started_at=START + timedelta(seconds=5))  # all at once, so that only the id orders them
    everyone = ids(world.data("history"))
    assert len(everyone) == len(set(everyone)) == 25
    paged = ids(world.data("history?limit=4"))
    while page := ids(world.data(f"history?limit=4&before={paged[-1]}")):
        paged += page
    assert paged == everyone
    assert world.data(f"history?before={everyone[-1]}") == {"runs": [], "total": 0}
    assert ids(world.data(f"history?before={everyone[0].upper()}&limit=1")) == [everyone[1]]


def test_job_and_status_choose(world: World) -> None:
    scores = add_runs(world, 3)
    flags = add_runs(world, 2, job_name="refresh-red-flags")
    failed = add_runs(world, 1, status="failed", error_message="x")
    others = add_runs(world, 1, job_name="another-program")
    assert set(ids(world.data("history"))) == {*scores, *flags, *failed, *others}
    assert set(ids(world.data("history?job=scores"))) == {*scores, *failed}
    assert ids(world.data("history?job=red-flags")) == flags
    assert ids(world.data("history?status=failed")) == failed
    assert set(ids(world.data("history?status=completed"))) == {*scores, *flags, *others}
    assert ids(world.data("history?job=red-flags&status=failed")) == []
    assert ids(world.data("history?status=running")) == []
    assert ids(world.data(f"history?job=scores&status=completed&limit=5&before={scores[0]}")) == scores[1:]


def test_since_and_until_choose_by_when_a_run_began(world: World) -> None:
    newest_first = add_runs(world, 4)
    assert ids(world.data("history?since=2026-11-23T12:00:01Z&until=2026-11-23T12:00:03Z")) == newest_first[1:3]
    assert ids(world.data("history?since=2026-11-23T13:00:02%2B01:00")) == newest_first[:2]
    assert ids(world.data("history?until=2026-11-23T12:00:00.001Z")) == newest_first[3:]
    assert ids(world.data(f"history?since=2026-11-23T12:00:01Z&before={newest_first[1]}")) == [newest_first[2]]
    assert ids(world.data("history?since=2026-11-23T12:00:03Z&until=2026-11-23T12:00:03Z")) == []


def test_a_running_row_counts_as_what_it_is_shown_as(world: World) -> None:
    (run_id,) = add_runs(world, 1, status="running", duration_ms=1500)
    before = everything(world)
    (run,) = world.data("history?status=failed")["runs"]
    assert (run["id"], run["status"], run["error_message"]) == (run_id, "failed", "interrupted")
    assert (run["started_at"], run["completed_at"]) == ("2026-11-23T12:00:00.000Z", "2026-11-23T12:00:01.500Z")
    assert ids(world.data("history?status=running")) == []
    assert everything(world) == before

    leases = Leases(world.redis, 30)
    lease = leases.acquire("scores")
    assert isinstance(lease, Lease)
    assert leases.renew(lease, run_id)
    (run,) = world.data("history?status=running")["runs"]
    assert (run["status"], run["error_message"], run["completed_at"]) == ("running", None, None)
    assert ids(world.data("history?status=failed")) == []


@pytest.mark.parametrize(
    ("query", "name", "allowed"),
    [
        *(
            (f"limit={value}", "limit", "a whole number from 1 to 200")
            for value in ("0", "201", "-1", "abc", "1e1", "", "5.0", "9" * 30)
        ),
        *(
            (f"status={value}", "status", "running, completed or failed")
            for value in ("", "done", "skipped", "Failed", "%27%20OR%201=1")
        ),
        *((f"before={value}", "before", "a run's id") for value in ("", "1", "abc", "0" * 31, "%00")),
        (f"before={UUID(int=7)}", "before", "there is no run with this id"),
        *(
            (f"{name}={value}", name, "a time in ISO 8601")
            for name in ("since", "until")
            for value in ("", "yesterday", "12:00", "0001-01-01T00:00:00%2B14:00")
        ),
        ("limit=5&limit=6", "limit", "more than once"),
        ("offset=5", "offset", "is not a parameter of this path; allowed: limit, job, status, since, until, before"),
    ],
)
def test_a_bad_parameter_is_named_with_what_it_may_be(sqlite_world: World, query: str, name: str, allowed: str) -> None:
    add_runs(sqlite_world, 1)
    problems = invalid_parameters_of(sqlite_world.call(f"history?{query}"))
    assert problems.keys() == {name}
    assert allowed in problems[name]


def test_rows_of_another_program_are_shown_as_far_as_they_can_be(world: World) -> None:
    (odd,) = add_runs(world, 1, status="paused", failures={"no": "list"}, stocks_processed=None)
    (listed,) = add_runs(world, 1, failures=["ABC", {"ticker": "DEF"}], chunk_offset=0)
    runs = {run["id"]: run for run in world.data("history")["runs"]}
    assert (runs[odd]["status"], runs[odd]["error_message"]) == ("paused", None)
    assert (runs[odd]["failures"], runs[odd]["stocks_processed"]) == (None, 0)
    assert runs[listed]["failures"] == [{"ticker": "", "error": "ABC"}, {"ticker": "DEF", "error": ""}]
    assert world.data("status")["jobs"]["scores"]["last_run"]["id"] in runs


def test_on_sqlite_a_time_with_an_offset_is_chosen_by_the_time_that_it_says(sqlite_world: World) -> None:
    for number, began in enumerate(("2026-11-23T10:00:00.000Z", "2026-11-23T01:00:00+02:00", "2026-11-22 23:00:00")):
        run_id = add_running_run(sqlite_world, "another-program", status="completed")
        sqlite_world.execute(
            "UPDATE cron_job_runs SET started_at = :began, error_message = :number WHERE id = :id",
            began=began,
            number=str(number),
            id=run_id.hex,
        )

    def found(query: str) -> set[str]:
        return {run["error_message"] for run in sqlite_world.data(f"history?{query}")["runs"]}

    assert found("since=2026-11-23T11:00:00Z") == set()
    assert found("since=2026-11-23T10:00:00Z") == {"0"}
    assert found("until=2026-11-23T11:00:00Z") == {"0", "1", "2"}
    assert found("until=2026-11-23T10:00:00Z") == {"1", "2"}
    assert found("since=2026-11-22T23:00:00Z&until=2026-11-22T23:00:01Z") == {"1", "2"}
