"""GET /v1/cron/overview: the service at a glance."""

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import timedelta
from threading import Event
from typing import Any

import pytest

from tests.integration.bare_stocks import add_stocks
from tests.integration.doctor.examinations import examined
from tests.integration.failing import failed_run
from tests.integration.meddling import at_stock, refresh, under_way, wait_until
from tests.integration.replies import data_of, error_of, invalid_parameters_of
from tests.integration.statements import at_statements, recorded_statements
from tests.jobs import THE_TWO
from tests.world import World
from vettr_cron.services.monitor.overview import COUNTS_KEPT, KEPT_SECONDS
from vettr_cron.services.refresh.request import NamedStocks, Request

NO_DATABASE = "postgresql://127.0.0.1:1/none"
HOURLY = "0 * * * *"
COUNTS = ("total", "fresh", "stale", "never", "failing")
MOST_STATEMENTS = 32


def overview(world: World, **settings: Any) -> Any:
    """The overview of a process that has not been asked before."""
    with closing(World.make(world.database_url, world.redis_url, **settings)) as other:
        return data_of(other.call("overview"))


def verdicts(world: World, **settings: Any) -> tuple[Any, Any, Any]:
    found = overview(world, **settings)
    return found["verdict"], found["jobs"]["scores"]["verdict"], found["jobs"]["red_flags"]["verdict"]


def test_an_empty_database_has_no_stocks(world: World) -> None:
    found = overview(world)
    assert found.keys() == {"verdict", "total_stocks", "calls_since", "fresh_within_seconds", "engine", "jobs"}
    assert (found["total_stocks"], found["calls_since"], found["fresh_within_seconds"]) == (0, None, 90_000)
    assert found["verdict"]["state"] == "problem"
    assert found["verdict"]["sentence"].startswith("There are no stocks; ")
    assert "stocks import" in found["verdict"]["fix"]
    for job in found["jobs"].values():
        assert job["verdict"] == found["verdict"]
        assert [job["counts"][name] for name in (*COUNTS, "oldest")] == [0, 0, 0, 0, 0, None]


def test_when_all_is_well_one_sentence_says_so(world: World) -> None:
    add_stocks(world, 3)
    world.data("refresh-all")
    whole, *jobs = verdicts(world)
    assert whole == {"state": "ok", "sentence": "All 3 stocks are fresh", "fix": None}
    assert jobs == [whole, whole]
    whole, *jobs = verdicts(world, cron_schedule=HOURLY)
    assert re.fullmatch(
        r"All 3 stocks are fresh; the next call is expected at 20\d\d-\d\d-\d\d \d\d:00 UTC", whole["sentence"]
    )
    assert jobs == [whole, whole]


def test_that_no_schedule_is_set_is_no_warning(world: World) -> None:
    add_stocks(world, 3)
    world.data("refresh-all")
    assert verdicts(world, cron_schedule=None)[0]["state"] == "ok"


def test_each_job_has_its_counts_and_its_status(world: World) -> None:
    add_stocks(world, 12, unscorable=1)
    world.data("scores?chunk_size=8")
    found = overview(world)
    status, coverage = world.data("status"), world.data("coverage")
    for key, job in THE_TWO.items():
        shown = found["jobs"][job.key]
        assert shown.keys() == {"name", "verdict", "counts", "status"}
        assert (shown["name"], shown["status"]) == (key, status["jobs"][job.key])
        counted_at = shown["counts"].pop("counted_at")
        assert shown["counts"] == coverage["jobs"][job.key]
        assert found["calls_since"] < counted_at <= world.call("status").get_json()["meta"]["timestamp"]
    assert found["calls_since"] == status["calls_since"]
    assert [found["jobs"]["scores"]["counts"][name] for name in COUNTS] == [12, 7, 0, 5, 1]


def test_the_worst_job_is_the_verdict(world: World) -> None:
    add_stocks(world, 12)
    world.data("scores")
    whole, scores, flags = verdicts(world)
    assert (scores["state"], flags["state"]) == ("ok", "warning")
    assert flags["sentence"] == "The job was never called"
    assert whole == {**flags, "sentence": "Red flags: The job was never called"}
    world.execute("DROP TABLE vetr_score_snapshots")
    failed_run(world.call("scores"), "")
    whole, scores, flags = verdicts(world)
    assert (whole["state"], scores["state"]) == ("problem", "problem")
    assert whole["sentence"] == f"Scores: {scores['sentence']}"
    assert whole["sentence"].startswith("Scores: The last run failed: ")


def test_a_paused_job_is_a_warning(world: World) -> None:
    add_stocks(world, 3)
    world.data("refresh-all")
    world.data("pause?job=scores&reason=reload", method="POST")
    whole, scores, flags = verdicts(world)
    assert (whole["state"], whole["sentence"], flags["state"]) == ("warning", "Scores: Paused: reload", "ok")
    assert whole["fix"] == scores["fix"] == "Resume it: `flask --app wsgi cron resume --job scores`."


def test_the_doctor_says_the_same(world: World) -> None:
    add_stocks(world, 12, unflaggable=2)
    world.data("red-flags")
    found, checks = overview(world), examined(world)
    for key, job in THE_TWO.items():
        verdict, check = found["jobs"][job.key]["verdict"], checks[f"schedule-{key}"]
        assert (verdict["state"], verdict["sentence"], verdict["fix"]) == (
            check["state"],
            check["found"],
            check["mend"],
        )
    assert found["jobs"]["red_flags"]["verdict"]["sentence"] == "2 of 12 stocks failed last time"


def test_a_few_stocks_that_fail_are_told_and_are_no_warning(world: World) -> None:
    add_stocks(world, 40, unscorable=2)
    world.data("refresh-all")
    whole, scores, _flags = verdicts(world)
    assert (scores["state"], "cron failures --job scores" in scores["fix"]) == ("ok", True)
    assert "2 of 40 stocks failed last time" in scores["sentence"]
    assert whole["sentence"] == f"Scores: {scores['sentence']}; Red flags: All 40 stocks are fresh"


def test_a_job_at_work_says_how_far_it_is(world: World) -> None:
    add_stocks(world, 4)
    world.data("refresh-all")
    world.data("scores?chunk_size=2")
    seen: list[Any] = []
    refresh(world, at_stock(THE_TWO["scores"], 1, lambda: seen.extend(verdicts(world))))
    whole, scores, _flags = seen
    assert scores["sentence"] == "Running, 2 of 4 stocks are done; all 4 stocks are fresh"
    assert (whole["state"], whole["sentence"].startswith(f"Scores: {scores['sentence']}")) == ("ok", True)


def test_callers_share_one_answer_for_a_second(world: World) -> None:
    def shared_one() -> bool:
        """Two requests in a row, and whether they were within a second, which a busy machine may not manage."""
        began = time.monotonic()
        first, asked = world.data("overview"), len(statements)
        second = world.data("overview")
        if time.monotonic() - began > KEPT_SECONDS:
            return False
        assert (second, len(statements)) == (first, asked)
        return True

    add_stocks(world, 3)
    with recorded_statements(world) as statements:
        wait_until(shared_one)
        asked = len(statements)
        wait_until(lambda: world.data("overview") and len(statements) > asked)


def test_callers_at_once_ask_the_database_once(world: World) -> None:
    add_stocks(world, 3)
    with recorded_statements(world) as statements:
        callers = [under_way(lambda: world.data("overview")) for _ in range(12)]
        assert len({caller.result()["verdict"]["sentence"] for caller in callers}) == 1
    assert 0 < len(statements) <= 2 * MOST_STATEMENTS  # a busy machine may take longer than an answer is kept


def test_an_overview_takes_few_statements(world: World) -> None:
    add_stocks(world, 3)
    world.data("refresh-all")
    other = World.make(world.database_url, world.redis_url, cron_schedule=HOURLY)
    with closing(other), recorded_statements(other) as statements:
        other.data("overview")
    assert len(statements) <= MOST_STATEMENTS


def test_who_asks_for_no_cached_answer_gets_what_came_before_the_question(world: World) -> None:
    add_stocks(world, 3)
    world.data("refresh-all")
    first = world.call("overview")
    world.data("pause?job=scores&reason=reload", method="POST")
    world.execute("UPDATE cron_stock_states SET consecutive_failures = 1 WHERE job = 'red-flags'")
    headers = {"If-None-Match": first.headers["ETag"], "Cache-Control": "no-cache"}
    found = data_of(world.call("overview", headers=headers))["jobs"]
    assert (found["scores"]["verdict"]["sentence"], found["red_flags"]["counts"]["failing"]) == ("Paused: reload", 3)


def test_an_answer_under_way_is_none_for_who_asks_for_no_cached_one(world: World) -> None:
    add_stocks(world, 3)
    world.data("refresh-all")
    asked, gate = Event(), Event()

    def wait() -> None:
        asked.set()
        gate.wait(30)

    with at_statements(world, "FROM cron_pauses", act=wait, only=1):
        early = under_way(lambda: world.data("overview"))
        assert asked.wait(30)
        world.services.pause.pause([THE_TWO["scores"]], "reload")
        late = under_way(lambda: data_of(world.call("overview", headers={"Cache-Control": "no-cache"})))
        gate.set()
        assert late.result()["jobs"]["scores"]["verdict"]["sentence"] == "Paused: reload"
        early.result()


def test_the_counts_are_never_of_another_universe_than_the_status(world: World) -> None:
    with at_statements(world, "cron_stock_states", "count(", act=lambda: time.sleep(0.1)):
        assert world.data("overview")["total_stocks"] == 0
        add_stocks(world, 5)
        world.data("scores?chunk_size=2")
        wait_until(lambda: world.data("overview")["total_stocks"] == 5)
        found = world.data("overview")["jobs"]["scores"]
    assert (found["counts"]["total"], found["counts"]["never"]) == (5, 3)
    assert "3 of 5 stocks have no result yet" in found["verdict"]["sentence"]


def test_a_call_by_hand_has_no_place_in_the_cycle(world: World) -> None:
    add_stocks(world, 4)
    world.data("refresh-all")
    seen: list[Any] = []
    by_hand = Request(chunk_size=2, chunks=None, time_budget=None, only=NamedStocks(("T00001", "T00002")))
    world.services.refresh.run(at_stock(THE_TWO["scores"], 1, lambda: seen.extend(verdicts(world))), by_hand)
    assert seen[1]["sentence"] == "Running; all 4 stocks are fresh"


def test_counts_are_kept_for_longer_than_they_took(world: World) -> None:
    def counts() -> Any:
        return world.data("overview")["jobs"]["scores"]["counts"]

    add_stocks(world, 3)
    took = 0.02  # seconds for each of the two jobs
    kept = COUNTS_KEPT * 2 * took
    with at_statements(world, "cron_stock_states", "count(", act=lambda: time.sleep(took)):
        before, began = counts(), time.monotonic()
        world.data("scores")
        # The status is read again after a second, long before the stocks are counted again.
        wait_until(lambda: world.data("overview")["jobs"]["scores"]["status"]["last_run"])
        again = counts()
        assert again == before or time.monotonic() - began > kept
        wait_until(lambda: counts()["fresh"] == 3)
        assert time.monotonic() - began > kept - 0.5


def test_while_nothing_changes_the_reply_is_304(world: World) -> None:
    add_stocks(world, 3)
    first = world.call("overview")
    etag = first.headers["ETag"]
    assert re.fullmatch(r'W/"[0-9a-f]{64}"', etag)
    with ExitStack() as others:
        # Another process, which has counted the stocks at another time.
        other = others.enter_context(closing(World.make(world.database_url, world.redis_url)))
        for known in (etag, etag[2:], f'"x", {etag}', "*"):
            again = other.call("overview", headers={"If-None-Match": known})
            assert (again.status_code, again.get_data(), again.headers["ETag"]) == (304, b"", etag)
            assert (again.headers["Cache-Control"], "Content-Type" in again.headers) == ("no-store", False)
            assert again.headers["X-Request-Id"]
        assert other.call("overview", headers={"If-None-Match": '"x"'}).status_code == 200
    world.data("scores")
    with closing(World.make(world.database_url, world.redis_url)) as other:
        changed = other.call("overview", headers={"If-None-Match": etag})
        assert (changed.status_code, changed.headers["ETag"] != etag) == (200, True)


def test_only_callers_with_the_secret_are_answered_and_only_to_get(sqlite_world: World) -> None:
    for headers in ({}, {"If-None-Match": "*"}):
        assert sqlite_world.client.get("/v1/cron/overview", headers=headers).status_code == 401
    assert sqlite_world.call("overview", method="POST").status_code == 405
    assert invalid_parameters_of(sqlite_world.call("overview?job=scores")).keys() == {"job"}


@pytest.fixture
def lonely_world(redis_url: str) -> Iterator[World]:
    world = World.make(NO_DATABASE, redis_url)
    yield world
    world.close()


def test_without_a_database_the_reply_is_503_and_is_not_kept(lonely_world: World) -> None:
    for _ in range(2):
        error_of(lonely_world.call("overview"), 503, "SERVICE_UNAVAILABLE")


def test_old_results_are_told(world: World) -> None:
    add_stocks(world, 3)
    world.data("refresh-all")
    whole, *_ = verdicts(world, cron_fresh_within=timedelta(microseconds=1))
    assert (whole["state"], whole["sentence"].startswith("3 of 3 stocks have no result from the last ")) == (
        "problem",
        True,
    )
