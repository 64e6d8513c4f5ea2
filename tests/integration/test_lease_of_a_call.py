"""The lease of a call: renewed while it works, lost to another caller, given back at the end."""

import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import NoReturn

import pytest

from tests.chaos.proxy import redis_proxy
from tests.integration.bare_stocks import add_stocks
from tests.integration.meddling import at_stock, refresh, wait_until
from tests.integration.replies import data_of, error_of, seconds_until_retry
from tests.integration.statements import at_statements
from tests.jobs import THE_TWO
from tests.world import World
from vettr_cron.domain.run import CallStatus, StopReason
from vettr_cron.domain.timestamps import iso_milliseconds
from vettr_cron.redis_store.leases import Lease, Leases, lease_key

KEY = lease_key("scores")
TERM = 2.0


@pytest.fixture
def brief(migrated_sqlite_url: str, redis_url: str) -> Iterator[World]:
    """A service with 30 stocks, whose leases have the shortest term."""
    world = World.make(migrated_sqlite_url, redis_url, cron_lease_seconds=TERM)
    add_stocks(world, 30)
    yield world
    world.close()


def test_a_lease_is_renewed_while_one_step_takes_longer_than_its_term(brief: World) -> None:
    seen: list[int] = []
    meanwhile = []

    def outlast_the_term() -> None:
        wait_until(lambda: renewals(brief, seen) > 3)  # one every third of the term
        meanwhile.append(brief.data("scores"))

    result = refresh(brief, at_stock(THE_TWO["scores"], 5, outlast_the_term), chunk_size=10)
    assert (result.status, result.stop_reason, result.succeeded) == (CallStatus.COMPLETED, StopReason.CHUNKS_DONE, 10)
    assert result.duration_ms > TERM * 1000
    assert [call["status"] for call in meanwhile] == ["skipped"]


def renewals(world: World, seen: list[int]) -> int:
    """How often what was left of the term has grown, from one look to the next."""
    seen.append(world.redis.pttl(KEY))
    return sum(later > earlier for earlier, later in pairwise(seen))


def test_a_skipped_call_says_who_holds_the_lease_and_when_to_come_back(brief: World) -> None:
    replies = []

    def call() -> None:
        replies.append(brief.call("scores"))
        replies.append(brief.call("scores?on_conflict=error"))

    result = refresh(brief, at_stock(THE_TWO["scores"], 5, call), chunk_size=10)
    skipped, conflict = replies
    data = data_of(skipped)
    assert (data["status"], data["stop_reason"]) == ("skipped", "already_running")
    assert (data["run_id"], data["cycle_id"]) == (str(result.run_id), str(result.cycle_id))
    assert (data["stocks_processed"], data["chunks_run"], data["chunk_info"]["total_stocks"]) == (0, 0, 30)
    assert 1 <= seconds_until_retry(skipped) <= TERM
    assert error_of(conflict, 409, "CONFLICT")["details"]["run_id"] == str(result.run_id)
    assert 1 <= seconds_until_retry(conflict) <= TERM


def test_a_superseded_holder_changes_nothing(brief: World) -> None:
    others = []

    def lose_the_lease() -> None:
        brief.redis.delete(KEY)
        others.append(brief.data("scores?chunk_size=10"))

    job = at_stock(THE_TWO["scores"], 5, lose_the_lease)
    first = refresh(brief, job, chunk_size=10, chunks=None)
    (second,) = others
    assert (first.status, first.stop_reason, first.stocks_processed) == (CallStatus.FAILED, StopReason.SUPERSEDED, 0)
    assert (second["status"], second["succeeded"], second["cycle_id"]) == ("completed", 10, str(first.cycle_id))
    runs = {run["id"]: run for run in brief.data("history")["runs"]}
    assert (runs[str(first.run_id)]["status"], runs[str(first.run_id)]["error_message"]) == ("failed", "interrupted")
    assert (runs[second["run_id"]]["status"], runs[second["run_id"]]["succeeded"]) == ("completed", 10)
    times = {row["calculated_at"] for row in brief.table("vetr_score_history")}
    assert [iso_milliseconds(time) for time in times] == [runs[second["run_id"]]["started_at"]]
    assert brief.data("scores?chunk_size=10")["chunk_info"]["current_offset"] == 10


def test_a_holder_whose_lease_is_another_key_altogether_ends_superseded(brief: World) -> None:
    job = at_stock(THE_TWO["scores"], 5, lambda: (brief.redis.delete(KEY), brief.redis.set(KEY, "locked")))
    result = refresh(brief, job, chunk_size=10)
    assert (result.status, result.stop_reason) == (CallStatus.FAILED, StopReason.SUPERSEDED)
    assert brief.data("scores?chunk_size=10")["succeeded"] == 10


def test_a_holder_whose_lease_vanished_stops(brief: World) -> None:
    first = refresh(brief, at_stock(THE_TWO["scores"], 5, lambda: brief.redis.delete(KEY)), chunk_size=10, chunks=None)
    assert (first.status, first.stop_reason) == (CallStatus.FAILED, StopReason.SUPERSEDED)
    second = brief.data("scores?chunk_size=10")
    assert (second["chunk_info"]["current_offset"], second["succeeded"]) == (0, 10)
    assert second["cycle_id"] == str(first.cycle_id)
    assert len(brief.table("vetr_score_history")) == 10
    assert [run["status"] for run in brief.data("history")["runs"]] == ["completed", "failed"]


def test_the_next_call_closes_an_orphaned_run(brief: World) -> None:
    brief.data("scores?chunk_size=10")
    brief.execute("UPDATE cron_job_runs SET status = 'running', completed_at = NULL, duration_ms = 1500")
    (shown,) = brief.data("history?status=failed")["runs"]
    assert shown == brief.data("status")["jobs"]["scores"]["last_run"]
    assert brief.data("status")["jobs"]["scores"]["running"] is None
    assert brief.data("history?status=running")["total"] == 0

    brief.data("scores?chunk_size=10")
    (closed,) = (row for row in brief.table("cron_job_runs") if row["chunk_offset"] == 0)
    assert (closed["status"], closed["error_message"]) == ("failed", "interrupted")
    assert closed["completed_at"] - closed["started_at"] == timedelta(milliseconds=1500)
    assert iso_milliseconds(closed["completed_at"]) == shown["completed_at"]


def test_a_running_row_with_a_lease_is_left_alone_by_readers(brief: World) -> None:
    seen = []

    def look() -> None:
        state = brief.data("status")["jobs"]
        runs = brief.data("history?status=running")["runs"]
        seen.extend([state["scores"]["running"]["id"], runs[0]["id"], state["red_flags"]["running"]])

    result = refresh(brief, at_stock(THE_TWO["scores"], 5, look), chunk_size=10)
    assert seen == [str(result.run_id), str(result.run_id), None]


def test_a_lost_lease_outweighs_a_lost_transaction(migrated_postgres_url: str, redis_url: str) -> None:
    with closing(World.make(migrated_postgres_url, redis_url, cron_lease_seconds=TERM)) as world:

        def lose_both() -> None:
            world.redis.delete(KEY)
            assert isinstance(Leases(world.redis, 30).acquire("scores"), Lease)
            # The thread that renews the lease ends when it finds out.
            wait_until(lambda: "lease-scores" not in {thread.name for thread in threading.enumerate()})
            world.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

        with at_statements(world, "FROM cron_job_runs", act=lose_both, only=1):
            result = refresh(world, THE_TWO["scores"])
    assert (result.status, result.stop_reason) == (CallStatus.FAILED, StopReason.SUPERSEDED)


def test_a_call_that_breaks_off_gives_the_lease_back(brief: World) -> None:
    def load(*_: object) -> NoReturn:
        raise LookupError

    result = refresh(brief, replace(THE_TWO["scores"], load=load))
    assert (result.status.value, result.stop_reason.value) == ("failed", "error")
    (run,) = brief.data("history")["runs"]
    assert (run["status"], "LookupError" in run["error_message"]) == ("failed", True)
    assert not brief.redis.exists(KEY)
    assert brief.data("scores")["status"] == "completed"


def test_any_reply_of_redis_may_be_lost(migrated_sqlite_url: str, redis_url: str) -> None:
    """The connection is cut instead of the reply to every single script of a cycle in turn: each time all goes well."""
    proxy, url = redis_proxy(redis_url)
    world = World.make(migrated_sqlite_url, url)
    add_stocks(world, 30)
    with proxy:
        world.data("scores?chunk_size=30")
        number, cut = 0, True
        while cut:
            number += 1
            world.data("reset")
            proxy.on_reply(b"EVALSHA", proxy.cut, number)
            results = [world.data("scores?chunk_size=10") for _ in range(3)]
            cut = not proxy.armed
            assert [result["stop_reason"] for result in results] == ["chunks_done", "chunks_done", "cycle_complete"]
            assert [result["succeeded"] for result in results] == [10, 10, 10]
            assert len({result["cycle_id"] for result in results}) == 1
            assert not world.redis.exists(KEY)
            assert len(world.table("vetr_score_history")) == 30 * (number + 1)
        assert number > 15  # take, read, begin, confirm, move, give back; then the same again without the beginning
        world.close()
