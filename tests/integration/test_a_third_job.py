"""A third job, made as docs/how-to-add-a-job.md says: one file, one line, and everything knows of it."""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy.engine import make_url

from tests.integration import third_job
from tests.integration.bare_stocks import add_stocks
from tests.integration.documented import operations
from tests.integration.ping_hosts import recorder
from tests.integration.replies import error_of, invalid_parameters_of
from tests.integration.third_job import FILING_AGES, filing_ages
from tests.jobs import THE_TWO
from tests.world import SECRET, World
from vettr_cron import jobs
from vettr_cron.domain.errors import ServiceUnavailable
from vettr_cron.services.clock import utc_now
from vettr_cron.services.refresh.all_jobs import refresh_all
from vettr_cron.services.refresh.refresh import Refresh
from vettr_cron.services.refresh.request import Request

PAGE = Path(__file__).parents[2] / "docs" / "how-to-add-a-job.md"
THREE = {**THE_TWO, FILING_AGES.name: FILING_AGES}  # the one line
NAMES = ["scores", "red-flags", "filing-ages"]
KEYS = ["scores", "red_flags", "filing_ages"]
WITH_FILINGS = ["T00000", "T00001", "T00002"]
NO_FILING = "filings.date is missing; a timestamp without time zone is needed"


@pytest.fixture
def world(migrated_url: str, redis_url: str) -> Iterator[World]:
    """A service with three jobs and four stocks, of which the last one has no filing; on each kind of database."""
    with closing(World.with_jobs(THREE, migrated_url, redis_url)) as world:
        with world.write() as connection:
            filing_ages.create(connection, checkfirst=True)
        add_stocks(world, 4)
        stocks = {row["ticker"]: row["id"] for row in world.table("stocks")}
        for days, (ticker, stock_id) in enumerate(sorted(stocks.items())[:3]):
            filing = {"stock_id": stock_id, "type": "News", "title": ticker, "date": utc_now() - timedelta(days=days)}
            world.add("filings", filing)
        yield world


def command(world: World, *words: str) -> Any:
    """What `flask --app wsgi cron WORDS...` prints as JSON."""
    return json.loads(world.app.test_cli_runner().invoke(args=["cron", *words, "--json"]).stdout)


# 1. The file


def test_the_page_shows_the_job_that_these_tests_add() -> None:
    assert Path(third_job.__file__).read_text() in PAGE.read_text()


# 2. The line


def test_the_page_shows_the_line_with_one_name_more() -> None:
    line = "JOBS: dict[str, Job] = {job.name: job for job in (SCORES, RED_FLAGS"
    assert f"{line}, FILING_AGES)}}" in PAGE.read_text()
    table = "".join(Path(jobs.__file__).read_text().split())  # with more jobs, the line may have been broken
    assert "".join(line.split()) in table


def test_without_the_line_nobody_knows_of_it(sqlite_world: World) -> None:
    error_of(sqlite_world.call("filing-ages"), 404, "NOT_FOUND")
    told = invalid_parameters_of(sqlite_world.call("coverage?job=filing-ages"))
    assert told == {"job": "'filing-ages' is not allowed; use scores or red-flags"}
    assert "filing-ages" not in sqlite_world.client.get("/openapi.json").get_data(as_text=True)


@pytest.mark.parametrize("name", ["status", "doctor", "refresh-all"])
def test_a_job_cannot_have_the_name_of_a_command(name: str) -> None:
    with pytest.raises(ValueError, match=f"'{name}': a command has that name"):
        World.with_jobs({name: replace(FILING_AGES, name=name)}, "sqlite:////nowhere/vettr.db", "redis://127.0.0.1:1")


# 3. A look at what it would do, then a call


def test_a_dry_run_names_its_stocks(world: World) -> None:
    seen = world.data("filing-ages?dry_run=1&chunk_size=3")
    assert (seen["job"], seen["tickers"]) == ("refresh-filing-ages", ["T00000", "T00001", "T00002"])
    assert command(world, "filing-ages", "--dry-run", "--chunk-size", "3") == seen


def test_a_call_writes_rows_and_answers_and_lists_what_failed(world: World) -> None:
    result = world.data("filing-ages", method="POST")
    assert (result["job"], result["stop_reason"]) == ("refresh-filing-ages", "cycle_complete")
    assert (result["succeeded"], result["failures"]) == (3, [{"ticker": "T00003", "error": NO_FILING}])
    rows = world.rows("SELECT stock_ticker, days FROM cron_filing_ages ORDER BY stock_ticker")
    assert [(row["stock_ticker"], row["days"]) for row in rows] == [("T00000", 0), ("T00001", 1), ("T00002", 2)]
    assert json.loads(world.redis.get("filing_age:T00002") or "") == {"ticker": "T00002", "days": 2}


def test_a_table_that_has_a_row_for_each_ticker_does_not_grow(world: World) -> None:
    for _cycle in range(2):
        world.data("filing-ages?chunks=all")
    assert [row["stock_ticker"] for row in world.rows("SELECT * FROM cron_filing_ages ORDER BY 1")] == WITH_FILINGS


def test_a_date_in_words_fails_its_own_stock_alone(sqlite_world: World) -> None:
    with closing(World.with_jobs(THREE, sqlite_world.database_url, sqlite_world.redis_url)) as world:
        with world.write() as connection:
            filing_ages.create(connection, checkfirst=True)
        world.generate(3)
        ticker = world.tickers()[1]
        broken = "UPDATE filings SET date = 'soon' WHERE stock_id = (SELECT id FROM stocks WHERE ticker = :ticker)"
        world.execute(broken, ticker=ticker)
        result = world.data("filing-ages")
    says = "filings.date is 'soon'; a timestamp without time zone is needed"
    assert (result["succeeded"], result["failures"]) == (2, [{"ticker": ticker, "error": says}])


def test_its_command_goes_on_where_a_call_stopped(world: World) -> None:
    first = world.data("filing-ages?chunk_size=2")
    second = command(world, "filing-ages", "--chunks", "all")
    assert (second["cycle_id"], second["chunk_info"]["current_offset"]) == (first["cycle_id"], 2)
    assert (second["chunk_info"]["is_complete"], second["failed"]) == (True, 1)


def test_refresh_all_runs_it_last(world: World) -> None:
    assert list(world.data("refresh-all")) == [*KEYS, "total_duration_ms"]
    assert list(command(world, "refresh-all", "--dry-run")) == KEYS


def test_each_job_of_refresh_all_has_its_share_of_the_time_that_is_left() -> None:
    budgets = []

    def run(_job: object, request: Request, _progress: object) -> None:
        budgets.append(request.time_budget)
        raise ServiceUnavailable

    refresh_all(cast(Refresh, SimpleNamespace(run=run)), THREE, Request(chunk_size=1, chunks=1, time_budget=90))
    assert budgets == pytest.approx([30, 45, 90], abs=1)


# 4. What operators see and do


def test_status_and_history_show_it(world: World) -> None:
    run = world.data("filing-ages?chunk_size=2")["run_id"]
    status = world.data("status")
    assert (status["filing_ages_offset"], status["filing_ages_progress_pct"]) == (2, 50)
    assert list(status["jobs"]) == KEYS
    assert status["jobs"]["filing_ages"]["last_run"]["id"] == run
    assert "2 of 4 stocks are done" in status["jobs"]["filing_ages"]["summary"]
    assert [run["job_name"] for run in world.data("history?job=filing-ages")["runs"]] == ["refresh-filing-ages"]
    assert command(world, "status") == status


def test_coverage_and_failures_count_its_stocks(world: World) -> None:
    world.data("filing-ages")
    assert list(world.data("coverage")["jobs"]) == KEYS
    (counts,) = world.data("coverage?job=filing-ages")["jobs"].values()
    assert (counts["fresh"], counts["never"], counts["failing"]) == (3, 1, 1)
    (stock,) = world.data("failures")["filing_ages"]["stocks"]
    assert (stock["job"], stock["ticker"], stock["last_error"]) == ("refresh-filing-ages", "T00003", NO_FILING)
    assert command(world, "failures", "--job", "filing-ages") == world.data("failures?job=filing-ages")


def test_a_stock_has_its_answer_too(world: World) -> None:
    computed = world.data("stocks/T00001")["jobs"]["filing_ages"]["answer"]
    assert computed == {"source": "computed", "value": {"ticker": "T00001", "days": 1}, "error": None}
    assert world.data("stocks/T00003")["jobs"]["filing_ages"]["answer"]["error"] == NO_FILING
    world.redis.set("filing_age:T00001", '{"days": 7}')
    cached = world.data("stocks/T00001")["jobs"]["filing_ages"]
    assert (cached["job"], cached["answer"]["value"]) == ("refresh-filing-ages", {"days": 7})


def test_it_is_paused_and_resumed_alone_or_with_the_others(world: World) -> None:
    assert list(world.data("pause?job=filing-ages", method="POST")["paused"]) == ["filing-ages"]
    assert world.data("filing-ages")["stop_reason"] == "paused"
    assert world.data("scores")["stop_reason"] == "cycle_complete"
    command(world, "resume", "--job", "filing-ages")
    assert world.data("filing-ages")["stop_reason"] == "cycle_complete"
    assert sorted(world.data("pause", method="POST")["paused"]) == sorted(NAMES)


def test_it_is_reset_alone_or_with_the_others(world: World) -> None:
    world.data("refresh-all?chunk_size=2")
    assert world.data("reset?job=filing-ages") == {"message": "Cron cursors reset", "reset": ["filing-ages"]}
    status = world.data("status")
    assert [status[f"{key}_offset"] for key in KEYS] == [2, 2, 0]
    assert command(world, "reset", "--yes")["reset"] == NAMES


def test_a_cleanup_removes_its_old_runs(world: World) -> None:
    old = {"job_name": "refresh-filing-ages", "status": "completed", "started_at": utc_now() - timedelta(days=40)}
    world.add("cron_job_runs", {"id": uuid4(), **old}, {"id": uuid4(), **old})
    assert world.data("cleanup")["runs_removed"] == 1  # the newest of a job stays


def test_metrics_have_it(world: World) -> None:
    world.data("filing-ages")
    text = world.client.get("/metrics", headers={"Authorization": f"Bearer {SECRET}"}).get_data(as_text=True)
    assert 'vettr_cron_failing_stocks{job="filing-ages"} 1.0' in text
    assert 'vettr_cron_cycle_progress_ratio{job="filing-ages"} 0.0' in text


def test_the_doctor_looks_at_its_schedule(world: World) -> None:
    checks = {check["name"]: check for check in command(world, "doctor")["checks"]}
    assert [name for name in checks if name.startswith("schedule-")] == [f"schedule-{name}" for name in NAMES]
    assert "/v1/cron/filing-ages" in checks["schedule-filing-ages"]["mend"]


def test_the_doctor_knows_what_it_may_not_read_or_write(migrated_postgres_url: str, redis_url: str) -> None:
    url = make_url(migrated_postgres_url).set(username="third").render_as_string()
    with psycopg.connect(migrated_postgres_url, autocommit=True) as owner:
        owner.execute("CREATE ROLE third LOGIN")
        owner.execute("CREATE TABLE IF NOT EXISTS cron_filing_ages (id uuid)")
        owner.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO third")
        owner.execute("REVOKE ALL ON cron_filing_ages FROM third")
        with closing(World.with_jobs(THREE, url, redis_url)) as world:
            checks = {check["name"]: check for check in command(world, "doctor")["checks"]}
        owner.execute("DROP OWNED BY third")
        owner.execute("DROP ROLE third")
    assert "may not read or write cron_filing_ages" in checks["database"]["found"]


# 5. Who is told


def test_its_calls_are_told_to_an_address_of_its_own(world: World) -> None:
    with recorder() as host:
        telling = World.with_jobs(THREE, world.database_url, world.redis_url, cron_ping_url_filing_ages=host.url)
        with closing(telling):
            telling.data("refresh-all")
        assert host.paths() == ["/start", ""]
        assert host.pings[0].body == "refresh-filing-ages begins"


def test_an_address_of_no_job_is_warned_of_and_not_shown(
    migrated_sqlite_url: str, redis_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    World.make(migrated_sqlite_url, redis_url, cron_ping_url_filing_ages="https://host/hush-hush").close()
    said = capsys.readouterr().err
    assert "CRON_PING_URL_FILING_AGES names no job" in said
    assert "hush-hush" not in said


def test_a_schedule_of_no_job_is_warned_of(
    migrated_sqlite_url: str, redis_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    World.make(migrated_sqlite_url, redis_url, cron_schedule_filing_ages="0 6 * * *", cron_schedule_tz="UTC").close()
    said = capsys.readouterr().err
    assert "unknown_schedule" in said
    assert "CRON_SCHEDULE_FILING_AGES names no job" in said
    assert "CRON_SCHEDULE_TZ" not in said


# 6. What the document and the help say


def test_the_document_describes_it(world: World) -> None:
    document = world.client.get("/openapi.json").get_json()
    assert set(document["paths"]) - {path for path, _ in operations()} == {"/v1/cron/filing-ages"}
    shapes = document["components"]["schemas"]
    assert shapes["JobResult"]["properties"]["job"]["enum"] == [job.run_name for job in THREE.values()]
    for name in ("AllResults", "AllPreviews", "FreshnessOfJobs", "Failures", "JobStates"):
        assert "filing_ages" in shapes[name]["properties"]
    assert "filing_ages_offset" in shapes["Status"]["properties"]
    (job, *_) = document["paths"]["/v1/cron/failures"]["get"]["parameters"]
    assert job["schema"]["enum"] == NAMES
    assert job["description"].endswith("scores or red-flags or filing-ages")


def test_help_and_errors_name_it(world: World) -> None:
    runner = world.app.test_cli_runner()
    assert "Advance refresh-filing-ages by one call." in runner.invoke(args=["cron", "--help"]).stdout
    for name in ("reset", "pause", "resume", "coverage", "failures"):
        assert "--job [scores|red-flags|filing-ages]" in runner.invoke(args=["cron", name, "--help"]).stdout
    wrong = runner.invoke(args=["cron", "pause", "--job", "nothing"])
    assert "'nothing' is not one of 'scores', 'red-flags', 'filing-ages'" in wrong.stderr
    told = invalid_parameters_of(world.call("pause?job=nothing", "POST"))
    assert told == {"job": "'nothing' is not allowed; use scores or red-flags or filing-ages"}
