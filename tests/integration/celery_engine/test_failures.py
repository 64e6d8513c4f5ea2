"""Workers that die, are cut off or are not there: every stock is done once, and the call says what is wrong."""

import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

import pytest

from tests.chaos.proxy import postgres_proxy, redis_proxy
from tests.integration.bare_stocks import add_stocks
from tests.integration.celery_engine import strange_jobs
from tests.integration.celery_engine.strange_jobs import BEGUN, DEADLY_STOCK, holding, wait_for_the_first
from tests.integration.meddling import refresh, under_way, wait_until
from tests.jobs import THE_TWO
from tests.servers.celery_worker import Work, working
from tests.servers.postgres_server import PostgresServer
from tests.servers.redis_server import PrivateRedis
from tests.world import World
from vettr_cron.celery_engine import executor
from vettr_cron.celery_engine.messages import OutcomeMessage
from vettr_cron.celery_engine.submitted import Part, Submitted
from vettr_cron.domain.run import CallStatus, JobResult, StopReason
from vettr_cron.redis_store.cursors import CursorKeys
from vettr_cron.redis_store.groups import Groups
from vettr_cron.repositories import runs
from vettr_cron.services.refresh.request import NamedStocks, Request

SCORES = THE_TWO["scores"]
REDONE_SECONDS = 25


@pytest.fixture
def caller(migrated_postgres_url: str, redis_url: str) -> Iterator[World]:
    """A service whose groups workers do, if there are any."""
    world = World.make(
        migrated_postgres_url, redis_url, cron_engine="celery", cron_group_size=10, cron_groups_under_way=4
    )
    add_stocks(world, 60)
    yield world
    world.close()


def work(world: World, jobs: str = strange_jobs.HELD, processes: int = 1) -> Work:
    return Work(database_url=world.database_url, redis_url=world.redis_url, jobs=jobs, processes=processes)


def called(world: World, **values: Any) -> "Future[JobResult]":
    return under_way(lambda: refresh(world, SCORES, **values))


def assert_every_stock_once(world: World, *, failed: int = 0) -> None:
    rows = Counter(row["stock_ticker"] for row in world.table("vetr_score_history"))
    assert (len(rows), set(rows.values())) == (60 - failed, {1})


def cursor(world: World) -> CursorKeys:
    return world.services.refresh._cursors.read("scores")


def test_a_group_whose_process_is_killed_is_done_again_at_once(caller: World) -> None:
    with working(work(caller)) as worker, holding(caller.redis):
        call = called(caller)
        wait_for_the_first(caller.redis)
        killed = worker.children()
        for each in killed:
            worker.signal_one(each, signal.SIGKILL)
        wait_until(lambda: worker.children() and not set(worker.children()) & set(killed))
        caller.redis.delete(BEGUN)
        wait_for_the_first(caller.redis)
        caller.redis.delete(strange_jobs.HOLD)
        result = call.result(60)
    assert (result.status, result.succeeded) == (CallStatus.COMPLETED, 60)
    assert_every_stock_once(caller)
    assert caller.redis.hget("cron:redeliveries", "scores") == "1"


def test_the_groups_of_a_worker_that_is_killed_are_redone_by_another(caller: World) -> None:
    with working(work(caller)) as first, holding(caller.redis):
        call = called(caller)
        wait_for_the_first(caller.redis)
        with working(work(caller, processes=2)):
            first.kill()
            killed_at = time.monotonic()
            caller.redis.delete(strange_jobs.HOLD)
            result = call.result(60)
    assert time.monotonic() - killed_at < REDONE_SECONDS
    assert (result.status, result.succeeded) == (CallStatus.COMPLETED, 60)
    assert_every_stock_once(caller)


@pytest.mark.parametrize(
    "moment", ["before the results are written", "before the commit", "before the outcome", "after the outcome"]
)
def test_a_worker_may_die_at_any_step_of_a_group(caller: World, moment: str) -> None:
    caller.redis.set(strange_jobs.MOMENT, moment)
    with working(work(caller, strange_jobs.DYING)):
        result = refresh(caller, SCORES)
    assert not caller.redis.exists(strange_jobs.MOMENT)  # it has died
    assert (result.status, result.succeeded) == (CallStatus.COMPLETED, 60)
    assert_every_stock_once(caller)
    (run,) = caller.table("cron_job_runs")
    assert (run["stocks_processed"], run["status"]) == (60, "completed")


def test_a_stock_of_which_workers_die_fails_by_name_and_all_others_are_done(caller: World) -> None:
    with working(work(caller, strange_jobs.DEADLY, processes=2)):
        result = refresh(caller, SCORES)
    (failure,) = result.failures
    assert (failure.ticker, result.succeeded, result.status) == (DEADLY_STOCK, 59, CallStatus.COMPLETED)
    assert "workers that began it died" in failure.error
    assert_every_stock_once(caller, failed=1)
    (state,) = [row for row in caller.table("cron_stock_states") if row["ticker"] == DEADLY_STOCK]
    assert (state["last_reason"], state["consecutive_failures"]) == ("worker died", 1)


def test_a_deadly_stock_among_named_ones_fails_by_name(caller: World) -> None:
    named = NamedStocks(["T00001", "T00016", DEADLY_STOCK])
    request = Request(chunk_size=100, chunks=None, time_budget=None, only=named)
    with working(work(caller, strange_jobs.DEADLY)):
        result = caller.services.refresh.run(SCORES, request)
    assert ([failure.ticker for failure in result.failures], result.succeeded) == ([DEADLY_STOCK], 2)


def test_without_a_worker_the_call_ends_within_its_budget_and_says_so(caller: World) -> None:
    begun = time.monotonic()
    result = refresh(caller, SCORES, time_budget=2)
    assert time.monotonic() - begun < 5
    assert (result.status, result.stop_reason, result.stocks_processed) == (CallStatus.FAILED, StopReason.ERROR, 0)
    assert "no worker is alive" in (result.error or "")
    assert "flask --app wsgi cron worker" in (result.error or "")
    seen = cursor(caller)
    assert seen.rank == 0
    with working(work(caller)):
        again = refresh(caller, SCORES)
    assert (again.succeeded, again.cycle_id) == (60, result.cycle_id)
    assert caller.redis.llen(BEGUN) == 60


def test_a_call_drops_what_a_call_before_it_has_queued(caller: World) -> None:
    caller.redis.rpush("cron:celery:scores", "of a call before it")
    result = refresh(caller, SCORES, time_budget=1)
    assert result.status == CallStatus.FAILED
    assert "of a call before it" not in caller.redis.lrange("cron:celery:scores", 0, -1)


def test_without_a_budget_a_call_waits_for_a_worker_for_a_while(caller: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executor, "NO_WORKER_SECONDS", 1)
    result = refresh(caller, SCORES)
    assert (result.status, result.stocks_processed) == (CallStatus.FAILED, 0)
    assert "no worker is alive" in (result.error or "")


@pytest.mark.parametrize("time_budget", [None, 2])
def test_a_call_does_not_wait_for_ever_for_workers_that_do_nothing(
    caller: World, monkeypatch: pytest.MonkeyPatch, time_budget: float | None
) -> None:
    monkeypatch.setattr(executor, "STALL_SECONDS", 6)
    with working(work(caller)), holding(caller.redis):
        result = refresh(caller, SCORES, time_budget=time_budget)
        assert (result.status, result.stocks_processed) == (CallStatus.FAILED, 0)
        assert "no worker has begun a group or evaluated a stock" in (result.error or "")


def test_workers_that_do_not_know_the_job_are_no_workers(caller: World) -> None:
    with working(work(caller)):  # it knows the scores alone
        result = refresh(caller, THE_TWO["red-flags"], time_budget=3)
    assert (result.status, result.stocks_processed) == (CallStatus.FAILED, 0)
    assert "no worker is alive that knows this job" in (result.error or "")


def test_a_group_that_was_lost_on_its_way_is_sent_again(caller: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executor, "UNSENT_SECONDS", 1)
    call = called(caller)
    wait_until(lambda: caller.redis.llen("cron:celery:scores") == 4)
    caller.redis.delete("cron:celery:scores")  # as a worker does that dies with what it has just taken
    with working(work(caller)):
        assert call.result(60).succeeded == 60
    assert_every_stock_once(caller)


def test_a_group_that_was_lost_by_a_worker_that_had_begun_it_is_sent_again(
    caller: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executor, "DEAD_SECONDS", 1)
    call = called(caller)
    wait_until(lambda: caller.redis.llen("cron:celery:scores") == 4)
    groups, id_of_call = Groups(caller.services.redis), str(caller.redis.hget("cron:scores:groups", "call"))
    given_out = list(groups.look("scores", id_of_call) or ())
    assert [groups.take("scores", id_of_call, group) for group in given_out] == [1] * 4
    caller.redis.delete("cron:celery:scores")  # as a worker does that dies with what another one had begun before it
    with working(work(caller)):
        assert call.result(60).succeeded == 60
    assert_every_stock_once(caller)


def test_a_call_whose_groups_redis_has_forgotten_ends_and_says_so(caller: World) -> None:
    with working(work(caller)), holding(caller.redis):
        call = called(caller)
        wait_for_the_first(caller.redis)
        id_of_call = str(caller.redis.hget("cron:scores:groups", "call"))
        group = next(iter(Groups(caller.services.redis).look("scores", id_of_call) or ()))
        caller.redis.hdel("cron:scores:groups", f"at:{group}", f"n:{group}")  # as a failover does to the last writes
        result = call.result(30)
    assert (result.status, result.stocks_processed) == (CallStatus.FAILED, 0)
    assert "what Redis knew of the groups under way is gone" in (result.error or "")


def test_the_thread_that_collects_survives_what_it_did_not_foresee(
    caller: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[str] = []

    def keep(_executor: executor.CeleryExecutor) -> None:
        kept.append("tried")
        raise ValueError("not a number")

    monkeypatch.setattr(executor, "KEEP_SECONDS", 0.001)
    monkeypatch.setattr(executor.CeleryExecutor, "_keep", keep)
    with working(work(caller)):
        result = refresh(caller, SCORES, chunk_size=10, chunks=None)
    assert (result.succeeded, bool(kept)) == (60, True)


def test_a_worker_of_another_database_is_named(
    caller: World, postgres_server: PostgresServer, migrated_template: str
) -> None:
    elsewhere = postgres_server.create_database(template=migrated_template)
    try:
        with working(replace(work(caller), database_url=elsewhere)):
            result = refresh(caller, SCORES, time_budget=60)
    finally:
        postgres_server.drop_database(elsewhere)
    assert (result.status, result.stocks_processed) == (CallStatus.FAILED, 0)
    assert "DATABASE_URL" in (result.error or "")


def test_a_worker_that_cannot_do_a_group_fails_no_call_that_others_get_on_with(
    caller: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused, again = [], Submitted.again

    def noted(submitted: Submitted, part: Part, message: OutcomeMessage) -> Part:
        refused.append(part)
        return again(submitted, part, message)

    monkeypatch.setattr(Submitted, "again", noted)
    monkeypatch.setattr(executor, "OTHER_WORKER_SECONDS", 4)
    lost = replace(work(caller, processes=4), database_url="postgresql://nobody@127.0.0.1:1/none")
    with working(work(caller, strange_jobs.SLOW)), holding(caller.redis):
        call = called(caller, chunk_size=20, chunks=None)  # so that one group waits, and each process refuses it
        wait_for_the_first(caller.redis)
        with working(lost):
            wait_until(lambda: len(refused) >= lost.processes, seconds=60)
            caller.redis.delete(strange_jobs.HOLD)
            result = call.result(60)
    assert (result.status, result.succeeded) == (CallStatus.COMPLETED, 60)


def test_a_worker_that_cannot_do_a_group_leaves_it_to_one_that_can(caller: World) -> None:
    lost = replace(work(caller), database_url="postgresql://nobody@127.0.0.1:1/none")
    with working(lost), working(work(caller)):
        result = refresh(caller, SCORES)
    assert (result.status, result.succeeded) == (CallStatus.COMPLETED, 60)


def test_the_end_of_a_run_waits_for_what_is_being_saved(caller: World) -> None:
    with working(work(caller)), holding(caller.redis):
        call = called(caller)
        wait_for_the_first(caller.redis)
        caller.services.shutdown.ask()
        (run,) = caller.table("cron_job_runs")
        with caller.services.database.saving() as connection:
            assert runs.join(connection, run["id"])
            wait_until(
                lambda: caller.rows("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"), seconds=30
            )
            assert not call.done()
        result = call.result(30)
    (run,) = caller.table("cron_job_runs")
    assert (result.stop_reason, run["status"]) == (StopReason.SHUTDOWN, "completed")


def test_a_redis_that_refuses_writes_for_a_while_ends_no_worker(
    migrated_postgres_url: str, stoppable_redis: PrivateRedis
) -> None:
    world = World.make(migrated_postgres_url, stoppable_redis.url, cron_engine="celery", cron_group_size=10)
    add_stocks(world, 60)
    with working(work(world)) as worker:
        world.redis.hdel("cron:workers", *world.redis.hkeys("cron:workers"))
        world.redis.replicaof("127.0.0.1", "1")
        time.sleep(8)  # the broker writes as it looks for silent workers, every 5 s
        world.redis.replicaof("NO", "ONE")
        wait_until(lambda: world.redis.hlen("cron:workers"), seconds=30)
        result = refresh(world, SCORES)
        assert worker.children()
    assert (result.status, result.succeeded) == (CallStatus.COMPLETED, 60)
    world.close()


@pytest.mark.timed
@pytest.mark.parametrize("processes", [1, 4])
def test_workers_that_all_die_end_a_call_within_its_budget(caller: World, processes: int) -> None:
    """Whether some groups wait for a worker, or all were begun."""
    with working(work(caller, processes=processes)) as worker, holding(caller.redis):
        begun = time.monotonic()
        call = called(caller, time_budget=15)
        wait_for_the_first(caller.redis, processes)
        worker.kill()
        result = call.result(30)
    assert time.monotonic() - begun < 17
    assert (result.status, result.stocks_processed) == (CallStatus.FAILED, 0)
    assert "no worker is alive" in (result.error or "")
    assert cursor(caller).rank == 0


def test_a_call_whose_stocks_take_longer_than_its_time_gets_on_too(caller: World) -> None:
    with working(work(caller)), holding(caller.redis):
        call = called(caller, time_budget=4)
        wait_for_the_first(caller.redis)
        wait_until(lambda: caller.redis.hexists("cron:scores:groups", "stop"))
        time.sleep(executor.FINISH_SECONDS + 1)  # what is under test is that the call still waits
        assert not call.done()
        caller.redis.delete(strange_jobs.HOLD)
        result = call.result(10)
    assert (result.status, result.stop_reason) == (CallStatus.COMPLETED, StopReason.TIME_BUDGET)
    assert 0 < result.stocks_processed == cursor(caller).rank


def test_a_call_gets_on_if_its_first_group_takes_longer_than_its_time_and_others_do_not(caller: World) -> None:
    with working(work(caller, processes=4)), holding(caller.redis, "T00000"):
        call = called(caller, time_budget=4)
        wait_until(lambda: caller.redis.hexists("cron:scores:groups", "stop"))
        assert caller.redis.llen(BEGUN) > 10  # others were begun
        time.sleep(executor.FINISH_SECONDS + 1)  # what is under test is that the call still waits
        assert not call.done()
        caller.redis.delete(strange_jobs.HOLD)
        result = call.result(10)
    assert 10 < result.stocks_processed == cursor(caller).rank


def test_a_call_whose_time_ends_begins_no_chunk_that_can_do_nothing(caller: World) -> None:
    with working(work(caller, strange_jobs.SLOW)):
        result = refresh(caller, SCORES, chunk_size=10, chunks=None, time_budget=4)
    assert result.stop_reason == StopReason.TIME_BUDGET
    assert 0 < result.stocks_processed < 60
    begun = sorted(run["started_at"] for run in caller.table("cron_job_runs"))
    assert len(begun) > 1
    assert (begun[-1] - begun[0]).total_seconds() < executor.working_seconds(4) + 0.3


@pytest.mark.timed
def test_a_call_that_is_asked_to_stop_while_no_server_says_anything_ends_in_time(caller: World) -> None:
    database, database_url = postgres_proxy(caller.database_url)
    redis, redis_url = redis_proxy(caller.redis_url)
    with database, redis, working(work(caller)), holding(caller.redis):
        world = World.make(database_url, redis_url, cron_engine="celery", cron_group_size=10)
        call = called(world)
        wait_for_the_first(caller.redis)
        database.stall()
        redis.stall()
        asked_at = time.monotonic()
        world.services.shutdown.ask()
        call.exception(30)
        assert time.monotonic() - asked_at < 10
        world.close()


@pytest.mark.parametrize("how", ["time_budget", "shutdown"])
def test_a_call_that_must_stop_takes_what_workers_can_save(caller: World, how: str) -> None:
    with working(work(caller)), holding(caller.redis):
        call = called(caller, time_budget=4 if how == "time_budget" else None)
        wait_for_the_first(caller.redis)
        if how == "shutdown":
            caller.services.shutdown.ask()
        else:
            wait_until(lambda: caller.redis.hexists("cron:scores:groups", "stop"))
        caller.redis.delete(strange_jobs.HOLD)
        result = call.result(10)
    assert (result.status, result.stop_reason.value, result.is_complete) == (CallStatus.COMPLETED, how, False)
    assert result.stocks_processed == cursor(caller).rank
    assert result.stocks_processed < 60


def test_a_worker_that_is_stopped_hands_back_what_it_cannot_finish(caller: World) -> None:
    with working(work(caller)) as first, holding(caller.redis):
        call = called(caller)
        wait_for_the_first(caller.redis)
        with working(work(caller)):
            assert first.stop(10) is not None
            caller.redis.delete(BEGUN)
            caller.redis.delete(strange_jobs.HOLD)
            result = call.result(60)
    assert result.succeeded == 60
    assert_every_stock_once(caller)
    assert not caller.redis.exists("cron:redeliveries")  # it has not died


def test_a_group_that_takes_longer_than_a_dead_workers_is_not_delivered_again(caller: World) -> None:
    with working(work(caller, processes=5)), holding(caller.redis):  # one has nothing to do
        call = called(caller, chunks=1)
        wait_for_the_first(caller.redis)
        time.sleep(22)  # what is under test is that nothing happens in this time
        caller.redis.delete(strange_jobs.HOLD)
        assert call.result(60).succeeded == 60
    assert not caller.redis.exists("cron:redeliveries")
    assert caller.redis.llen(BEGUN) == 60


def test_a_worker_whose_database_does_not_answer_is_named(caller: World) -> None:
    lost = replace(work(caller), database_url="postgresql://nobody@127.0.0.1:1/none")
    with working(lost):
        result = refresh(caller, SCORES)
    assert (result.status, result.stop_reason, result.stocks_processed) == (CallStatus.FAILED, StopReason.ERROR, 0)
    assert "database does not answer, for the worker " in (result.error or "")
    assert cursor(caller).rank == 0


def test_redis_may_go_and_come_back(migrated_postgres_url: str, stoppable_redis: PrivateRedis) -> None:
    world = World.make(
        migrated_postgres_url, stoppable_redis.url, cron_engine="celery", cron_group_size=10, cron_lease_seconds=2
    )
    add_stocks(world, 60)
    with working(work(world)), holding(world.redis):
        call = called(world)
        wait_for_the_first(world.redis)
        stoppable_redis.stop()
        result = call.result(60)
        assert (result.status, result.stocks_processed) == (CallStatus.FAILED, 0)
        assert "Redis does not answer" in (result.error or "")
        stoppable_redis.start()
        world.redis.delete(strange_jobs.HOLD)
        wait_until(lambda: world.redis.hlen("cron:workers"), seconds=30)
        wait_until(lambda: not world.redis.exists("cron:scores:lease"), seconds=40)
        again = refresh(world, SCORES)
    assert (again.status, again.succeeded) == (CallStatus.COMPLETED, 60)
    assert_every_stock_once(world)
    world.close()
