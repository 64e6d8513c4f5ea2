"""The call log: every call of a job, however it ends, and whoever made it."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.integration.bare_stocks import add_stocks
from tests.integration.commands import FAILED, WRONG_USAGE, printed_json, run
from tests.integration.failing import failed_run
from tests.integration.meddling import at_stock, refresh, under_way, wait_until
from tests.integration.past_runs import add_call, add_running_run
from tests.integration.replies import error_of
from tests.integration.statements import at_statements
from tests.jobs import THE_TWO
from tests.servers.redis_server import PrivateRedis
from tests.world import World
from vettr_cron.domain.timestamps import iso_milliseconds
from vettr_cron.redis_store.leases import Lease, Leases, lease_key
from vettr_cron.services.clock import utc_now

COUNTS = ("chunks_run", "stocks_processed", "succeeded", "failed")


def calls(world: World, query: str = "") -> list[dict[str, Any]]:
    page: dict[str, Any] = world.data(f"calls{query}")
    assert page["total"] == len(page["calls"])
    return list(page["calls"])


def test_every_call_of_every_job_is_logged(world: World) -> None:
    add_stocks(world, 5)
    results = world.data("refresh-all?chunk_size=2&chunks=2")
    found = {call["job"]: call for call in calls(world)}
    assert sorted(found) == ["red-flags", "scores"]
    assert found["scores"]["started_at"] == found["red-flags"]["started_at"]  # when refresh-all was called
    for job, key in (("scores", "scores"), ("red-flags", "red_flags")):
        call, result = found[job], results[key]
        assert call["started_at"] <= call["ended_at"]
        assert call["last_run_id"] == result["run_id"] != call["first_run_id"]
        assert (call["along_cursor"], call["caller"], call["is_complete"]) == (True, "http", False)
        assert (call["status"], call["stop_reason"], call["error"]) == ("completed", "chunks_done", None)
        assert [call[name] for name in COUNTS] == [2, 4, 4, 0] == [result[name] for name in COUNTS]
    world.data("scores")
    newest = calls(world)[0]
    assert (newest["is_complete"], newest["stop_reason"]) == (True, "cycle_complete")


def test_a_call_for_certain_stocks_is_by_hand(world: World) -> None:
    add_stocks(world, 2)
    printed_json(world, "cron", "scores", "--tickers", "T00001")
    (call,) = calls(world)
    assert (call["along_cursor"], call["caller"], call["stop_reason"]) == (False, "command", "stocks_done")


def test_a_skipped_call_is_logged_without_runs(world: World) -> None:
    add_stocks(world, 1)
    lease = Leases(world.redis, 30).acquire("scores")
    assert isinstance(lease, Lease)
    Leases(world.redis, 30).renew(lease, str(uuid4()))
    world.data("scores")
    assert world.call("scores?on_conflict=error").status_code == 409
    for call in calls(world):
        assert (call["status"], call["stop_reason"]) == ("skipped", "already_running")
        assert (call["first_run_id"], call["last_run_id"], call["chunks_run"]) == (None, None, 0)
        assert call["ended_at"] is not None


def test_a_paused_call_is_logged(world: World) -> None:
    add_stocks(world, 1)
    world.data("pause?job=scores", method="POST")
    world.data("scores")
    (call,) = calls(world)
    assert (call["status"], call["stop_reason"], call["chunks_run"]) == ("skipped", "paused", 0)


def test_a_call_that_redis_refuses_is_logged(migrated_url: str, stoppable_redis: PrivateRedis) -> None:
    world = World.make(migrated_url, stoppable_redis.url)
    stoppable_redis.stop()
    assert world.call("scores").status_code == 503
    stoppable_redis.start()
    (call,) = calls(world)
    assert (call["status"], call["stop_reason"]) == ("failed", "error")
    assert call["error"].startswith("Redis does not answer")
    world.close()


def test_a_call_whose_run_fails_says_why(world: World) -> None:
    def break_it() -> None:
        raise RuntimeError("a bug")

    add_stocks(world, 12)
    refresh(world, at_stock(THE_TWO["scores"], 1, break_it))
    (call,) = calls(world)
    assert call["failed"] == 1
    world.execute("DROP TABLE vetr_score_snapshots")
    reason = failed_run(world.call("scores"), "")["error"]
    failed = calls(world)[0]
    assert (failed["status"], failed["stop_reason"], failed["error"]) == ("failed", "error", reason)
    assert calls(world, "?status=failed") == [failed]


def test_unknown_tickers_are_no_call(world: World) -> None:
    add_stocks(world, 1)
    assert world.call("scores?tickers=NONE").status_code == 422
    assert calls(world) == []


def test_a_call_runs_while_it_is_at_work(world: World) -> None:
    seen: list[Any] = []
    add_stocks(world, 3)
    refresh(world, at_stock(THE_TWO["scores"], 2, lambda: seen.extend(calls(world, "?status=running"))))
    (running,) = seen
    assert (running["status"], running["ended_at"], running["stop_reason"]) == ("running", None, None)
    assert calls(world, "?status=running") == []
    assert calls(world)[0]["id"] == running["id"]


def test_a_dead_call_is_shown_as_failed_and_closed_by_the_next(world: World) -> None:
    add_stocks(world, 3)
    began = utc_now() - timedelta(minutes=2)
    dead = add_call(world, started_at=began)
    of_the_other_job = add_call(world, job="red-flags")
    first = add_running_run(
        world, "refresh-scores", status="completed", started_at=began, completed_at=began + timedelta(seconds=9)
    )
    last = add_running_run(
        world,
        "refresh-scores",
        started_at=began + timedelta(seconds=10),
        duration_ms=5_000,
        chunk_offset=100,
        stocks_processed=70,
        succeeded=68,
        failed_count=2,
    )
    shown = {UUID(call["id"]): call for call in calls(world, "?status=failed")}
    assert (shown[dead]["error"], shown[dead]["ended_at"]) == ("interrupted", None)
    world.data("scores")
    closed = {UUID(call["id"]): call for call in calls(world)}[dead]
    assert (closed["status"], closed["stop_reason"], closed["error"]) == ("failed", "error", "interrupted")
    assert closed["ended_at"] == iso_milliseconds(began + timedelta(seconds=15))
    assert [closed[name] for name in COUNTS] == [2, 70, 68, 2]
    assert (closed["first_run_id"], closed["last_run_id"]) == (str(first), str(last))
    (left,) = [row for row in world.table("cron_calls") if row["status"] == "running"]
    assert UUID(str(left["id"])) == of_the_other_job


def test_a_dead_call_is_told_while_another_has_the_lease_and_is_not_logged_yet(world: World) -> None:
    seen: list[Any] = []
    add_stocks(world, 3)
    dead = add_call(world)
    with at_statements(world, "INSERT INTO cron_calls", act=lambda: seen.extend(calls(world)), only=1):
        world.data("scores")
    assert [(UUID(call["id"]), call["status"], call["error"]) for call in seen] == [(dead, "failed", "interrupted")]


def test_a_dead_call_is_told_while_a_caller_of_the_release_before_has_the_lease(world: World) -> None:
    """Whose lease names no call."""
    dead = add_call(world)
    world.redis.hset("cron:scores:lease", mapping={"token": "another", "term_ms": 30_000})
    world.redis.expire("cron:scores:lease", 30)
    (shown,) = calls(world)
    assert (UUID(shown["id"]), shown["status"], shown["error"]) == (dead, "failed", "interrupted")


def test_a_caller_that_has_lost_its_lease_closes_no_call(world: World) -> None:
    def take_over() -> None:
        world.redis.delete(lease_key("scores"))
        assert isinstance(Leases(world.redis, 30).acquire("scores", str(of_the_other)), Lease)

    add_stocks(world, 3)
    of_the_other = add_call(world)
    with at_statements(world, "INSERT INTO cron_calls", act=take_over, only=1):
        assert "the lease was lost" in error_of(world.call("scores"), 500, "JOB_FAILED")["message"]
    ended = {UUID(call["id"]): (call["status"], call["stop_reason"]) for call in calls(world)}
    assert ended.pop(of_the_other) == ("running", None)
    assert list(ended.values()) == [("failed", "superseded")]


def test_a_call_that_the_database_refuses_is_logged(postgres_world: World) -> None:
    add_stocks(postgres_world, 3)
    postgres_world.execute("ALTER TABLE cron_pauses RENAME TO gone")
    assert postgres_world.call("scores").status_code == 503
    (call,) = calls(postgres_world)
    assert (call["status"], call["stop_reason"], "lacks tables" in call["error"]) == ("failed", "error", True)


def test_a_call_that_another_has_closed_stays_closed(world: World) -> None:
    def close() -> None:
        world.execute("UPDATE cron_calls SET status = 'failed', error = 'interrupted' WHERE status = 'running'")

    add_stocks(world, 3)
    refresh(world, at_stock(THE_TWO["scores"], 2, close))
    (call,) = calls(world)
    assert (call["status"], call["error"], call["stocks_processed"]) == ("failed", "interrupted", 0)


def test_a_call_whose_end_cannot_be_logged_succeeds(capsys: pytest.CaptureFixture[str], world: World) -> None:
    add_stocks(world, 3)
    job = at_stock(THE_TWO["scores"], 2, lambda: world.execute("ALTER TABLE cron_calls RENAME TO gone"))
    assert refresh(world, job).succeeded == 3
    assert "call_not_logged" in capsys.readouterr().err


def test_calls_at_once_are_all_logged(world: World) -> None:
    add_stocks(world, 3)
    done = [under_way(lambda: world.data("scores")["status"]) for _ in range(12)]
    wait_until(lambda: all(each.done() for each in done))
    assert sorted(call["status"] for call in calls(world)) == sorted(each.result() for each in done)


def test_calls_are_listed_by_page_job_and_time(world: World) -> None:
    assert world.data("calls") == {"calls": [], "total": 0, "calls_since": None}
    noon = utc_now().replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=3)
    ids = [
        str(add_call(world, job=job, started_at=noon + timedelta(hours=hour), status="completed"))
        for hour, job in enumerate(["scores", "red-flags", "scores", "scores"])
    ]
    newest_first = ids[::-1]
    page = world.data("calls?limit=3")
    assert ([call["id"] for call in page["calls"]], page["calls_since"]) == (newest_first[:3], iso_milliseconds(noon))
    assert [call["id"] for call in calls(world, f"?before={newest_first[2]}")] == newest_first[3:]
    assert [call["id"] for call in calls(world, "?job=red-flags")] == [ids[1]]
    one, three = (iso_milliseconds(noon + timedelta(hours=hour)) for hour in (1, 3))
    assert [call["id"] for call in calls(world, f"?since={one}&until={three}")] == [ids[2], ids[1]]
    assert [call["id"] for call in calls(world, f"?since={one[:-1]}%2B01:00&until={one}")] == [ids[0]]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("since=yesterday", "since"),
        ("until=0001-01-01T00:00:00%2B14:00", "until"),
        ("status=done", "status"),
        ("job=none", "job"),
        ("limit=0", "limit"),
        ("before=d1de624a-0163-48d0-a283-57166c4b0881", "before"),
    ],
)
def test_what_cannot_be_asked_for_is_named(sqlite_world: World, query: str, field: str) -> None:
    error = error_of(sqlite_world.call(f"calls?{query}"), 422, "VALIDATION_ERROR")
    assert [detail["parameter"] for detail in error["details"]] == [field]


def test_the_command_lists_calls(world: World) -> None:
    assert run(world, "cron", "calls").output == "No call is logged yet.\n"
    add_stocks(world, 2)
    world.data("scores")
    world.data("red-flags?tickers=T00001")
    lines = run(world, "cron", "calls").output.splitlines()
    assert len(lines) == 4
    assert "red-flags  http  a list     completed  stocks_done" in lines[1]
    assert "scores     http  the cycle  completed  cycle_complete" in lines[2]
    assert lines[3].startswith("Calls are logged since ")
    assert printed_json(world, "cron", "calls", "--job", "scores") == world.data("calls?job=scores")
    newest = world.data("calls")["calls"][0]["id"]
    older = printed_json(world, "cron", "calls", "--before", newest)
    assert older == world.data(f"calls?before={newest}")
    assert run(world, "cron", "calls", "--status", "failed").output.splitlines()[0] == "There are no such calls."
    assert run(world, "cron", "calls", "--since", "soon").exit_code == WRONG_USAGE


def test_without_a_database_the_command_says_so(redis_url: str) -> None:
    world = World.make("postgresql://127.0.0.1:1/none", redis_url)
    assert run(world, "cron", "calls").exit_code == FAILED
    world.close()
