"""Redis refuses, vanishes, stalls, forgets, says no: a bounded wait, the truth to the caller, and no restart after."""

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from redis import Redis

from tests.chaos.proxy import Proxy, redis_proxy
from tests.integration.bare_stocks import add_stocks
from tests.integration.failing import assert_goes_on, assert_refused, failed_run, within
from tests.integration.meddling import at_stock, refresh, wait_until
from tests.integration.replies import error_of
from tests.servers.redis_server import PrivateRedis
from tests.world import World
from vettr_cron.domain.run import CallStatus, StopReason
from vettr_cron.jobs import JOBS

STOCKS = 50
TERM = 2.0
MOVE = b"vetr_score:T"  # what no request has in it but the one that moves the cursor of scores


@dataclass(frozen=True, slots=True)
class Setting:
    """A service with 50 stocks whose way to Redis goes over a proxy; `direct` is Redis without it."""

    world: World
    proxy: Proxy
    server: PrivateRedis
    direct: "Redis"


@pytest.fixture
def setting(migrated_sqlite_url: str, stoppable_redis: PrivateRedis) -> Iterator[Setting]:
    proxy, url = redis_proxy(stoppable_redis.url)
    world = World.make(migrated_sqlite_url, url, cron_lease_seconds=TERM)
    add_stocks(world, STOCKS)
    with proxy, Redis.from_url(stoppable_redis.url, decode_responses=True) as direct:
        yield Setting(world, proxy, stoppable_redis, direct)
    world.close()


def assert_goes_on_in_time(setting: Setting, offset: int) -> None:
    """The next call goes on, once the term of a lease that could not be given back has run out."""
    wait_until(lambda: not setting.direct.exists("cron:scores:lease"))
    assert_goes_on(setting.world, offset)


def refuse(setting: Setting) -> None:
    setting.proxy.refuse()


def stall(setting: Setting) -> None:
    setting.proxy.stall()


def stop(setting: Setting) -> None:
    setting.server.stop()


def freeze(setting: Setting) -> None:
    os.kill(setting.server.pid, signal.SIGSTOP)


def make_replica(setting: Setting) -> None:
    setting.direct.replicaof("127.0.0.1", 1)


def fill(setting: Setting) -> None:
    setting.direct.config_set("maxmemory", 1)


def lock(setting: Setting) -> None:
    setting.direct.config_set("requirepass", "s3cret")
    setting.direct.auth("s3cret")
    setting.direct.client_kill_filter(_type="normal", skipme=True)


def forbid(setting: Setting) -> None:
    setting.direct.acl_setuser("default", enabled=True, commands=["-evalsha"])


def recover(setting: Setting) -> None:
    """Undo whatever was done to Redis or to the way there."""
    setting.proxy.heal()
    if setting.server.alive:
        os.kill(setting.server.pid, signal.SIGCONT)
        setting.direct.replicaof("NO", "ONE")
        setting.direct.config_set("maxmemory", 0)
        setting.direct.acl_setuser("default", enabled=True, commands=["+evalsha"])
        setting.direct.config_set("requirepass", "")
    else:
        setting.server.start()


@pytest.fixture(autouse=True)
def recovery(setting: Setting) -> Iterator[None]:
    yield
    recover(setting)


INSTANT: dict[str, tuple[Callable[[Setting], None], str]] = {
    "the way there is cut": (refuse, "Redis does not answer"),
    "it is stopped": (stop, "Redis does not answer"),
    "it became a replica": (make_replica, "Redis is a read-only replica"),
    "it is out of memory": (fill, "Redis is out of memory"),
    "it forbids scripts": (forbid, "Redis forbids what is needed to the user in REDIS_URL"),
    "it wants another password": (lock, "Redis refuses the credentials in REDIS_URL"),
}
SILENT: dict[str, tuple[Callable[[Setting], None], str]] = {
    "the way there swallows everything": (stall, "Redis does not answer"),
    "it is frozen": (freeze, "Redis does not answer"),
}
FAULTS = INSTANT | SILENT


@pytest.mark.parametrize("what", FAULTS)
def test_without_redis_nothing_runs_and_the_next_call_works(setting: Setting, what: str) -> None:
    break_it, message = FAULTS[what]
    setting.world.data("scores?chunk_size=10")
    before = setting.world.table("vetr_score_history"), setting.world.table("cron_job_runs")
    break_it(setting)
    for path in ("scores", "red-flags", "refresh-all") if what in INSTANT else ("scores",):
        with within(10):
            assert_refused(setting.world.call(path), message)
    assert (setting.world.table("vetr_score_history"), setting.world.table("cron_job_runs")) == before
    recover(setting)
    result = setting.world.data("scores?chunk_size=10")
    assert (result["status"], result["chunk_info"]["current_offset"]) == ("completed", 10)
    assert_goes_on_in_time(setting, 20)


@pytest.mark.parametrize("what", ["the way there is cut", "it wants another password"])
def test_without_redis_nobody_can_look_or_reset(setting: Setting, what: str) -> None:
    break_it, message = FAULTS[what]
    break_it(setting)
    for path in ("status", "history", "reset"):
        assert_refused(setting.world.call(path), message)
    ready = setting.world.client.get("/readyz")
    assert message in error_of(ready, 503, "SERVICE_UNAVAILABLE")["details"]["not_ready"]["redis"]


def test_a_reset_that_was_refused_does_not_happen_later(setting: Setting) -> None:
    setting.world.data("scores?chunk_size=10")
    freeze(setting)
    with within(10):
        assert_refused(setting.world.call("reset"), "Redis does not answer")
    recover(setting)
    assert_goes_on_in_time(setting, 10)


@pytest.mark.parametrize("what", ["it became a replica", "it is out of memory"])
def test_a_redis_that_takes_no_writes_can_still_be_looked_at(setting: Setting, what: str) -> None:
    setting.world.data("scores?chunk_size=10")
    FAULTS[what][0](setting)
    assert setting.world.data("status")["scores_offset"] == 10
    assert setting.world.data("history")["total"] == 1


@pytest.mark.parametrize("what", [*INSTANT, "the way there swallows everything"])
def test_redis_gone_in_the_middle_fails_the_run_and_keeps_what_is_written(setting: Setting, what: str) -> None:
    break_it, message = FAULTS[what]
    setting.world.data("scores?chunk_size=10")
    setting.proxy.when(MOVE, lambda: break_it(setting))
    with within(10):
        response = setting.world.call("scores?chunk_size=10&chunks=all")
    details = failed_run(response, message)
    assert details["succeeded"] == 10
    assert len(setting.world.table("vetr_score_history")) == 20

    recover(setting)
    run = setting.world.data("history?limit=1")["runs"][0]
    assert (run["id"], run["status"], run["error_message"]) == (details["run_id"], "failed", message)
    assert (run["stocks_processed"], run["succeeded"]) == (10, 10)
    assert_goes_on_in_time(setting, 10)
    assert_goes_on_in_time(setting, 20)


def test_a_slow_redis_is_waited_for(setting: Setting) -> None:
    setting.world.data("scores?chunk_size=10")
    setting.proxy.delay(0.2)
    assert_goes_on_in_time(setting, 10)


def test_a_slow_redis_spends_the_calls_budget_and_no_more(setting: Setting) -> None:
    setting.world.data("scores?chunk_size=10")
    setting.proxy.delay(0.1)
    with within(6):
        result = refresh(setting.world, JOBS["scores"], chunk_size=2, chunks=None, time_budget=2)
    assert (result.status, result.stop_reason) == (CallStatus.COMPLETED, StopReason.TIME_BUDGET)
    assert 0 < result.stocks_processed < 40


def test_a_redis_that_takes_seconds_for_a_reply_is_one_that_does_not_answer(setting: Setting) -> None:
    setting.proxy.delay(5)
    with within(12):
        assert_refused(setting.world.call("scores"), "Redis does not answer")
    setting.proxy.heal()
    assert_goes_on_in_time(setting, 0)


def test_a_redis_that_was_emptied_between_calls_starts_a_new_cycle_without_loss(setting: Setting) -> None:
    first = setting.world.data("scores?chunk_size=10")
    setting.direct.flushall()
    second = setting.world.data("scores?chunk_size=10")
    assert (second["status"], second["chunk_info"]["current_offset"]) == ("completed", 0)
    assert second["cycle_id"] != first["cycle_id"]
    assert "warning" not in second
    assert len(setting.world.table("vetr_score_history")) == 20


def test_a_redis_that_was_emptied_in_the_middle_ends_the_run_and_loses_no_result(setting: Setting) -> None:
    setting.proxy.when(MOVE, setting.direct.flushall)
    details = error_of(setting.world.call("scores?chunk_size=10&chunks=all"), 500, "JOB_FAILED")["details"]
    assert (details["stop_reason"], details["succeeded"]) == ("superseded", 10)
    assert len(setting.world.table("vetr_score_history")) == 10
    assert setting.world.data("history")["runs"][0]["status"] == "failed"
    following = setting.world.data("scores?chunk_size=10")
    assert (following["status"], following["chunk_info"]["current_offset"]) == ("completed", 0)
    assert following["cycle_id"] != details["cycle_id"]
    assert len(setting.world.table("vetr_score_history")) == 20


def restart(setting: Setting) -> None:
    os.kill(setting.server.pid, signal.SIGKILL)
    setting.server.start()


def test_a_restart_between_calls_is_noticed_by_nobody(setting: Setting) -> None:
    setting.world.data("scores?chunk_size=10")
    restart(setting)
    assert_goes_on_in_time(setting, 10)


def test_a_restart_in_the_middle_is_noticed_by_nobody(setting: Setting) -> None:
    job = at_stock(JOBS["scores"], 3, lambda: restart(setting))
    result = refresh(setting.world, job, chunk_size=10)
    assert (result.status, result.stop_reason, result.succeeded) == (CallStatus.COMPLETED, StopReason.CHUNKS_DONE, 10)
    assert_goes_on_in_time(setting, 10)


def test_a_redis_that_forgot_the_scripts_is_told_again(setting: Setting) -> None:
    setting.world.data("scores?chunk_size=10")
    setting.direct.script_flush()
    assert_goes_on_in_time(setting, 10)


def test_a_wrong_password_is_told_and_not_shown(
    setting: Setting, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    lock(setting)
    wrong = World.make(setting.world.database_url, setting.server.url.replace("//", "//:hunter2@"))
    for path in ("scores", "status"):
        assert_refused(wrong.call(path), "Redis refuses the credentials in REDIS_URL")
        assert "hunter2" not in wrong.call(path).get_data(as_text=True)
    wrong.close()
    right = World.make(setting.world.database_url, setting.server.url.replace("//", "//:s3cret@"))
    assert right.data("scores?chunk_size=10")["succeeded"] == 10
    right.close()
    assert "hunter2" not in "".join(capfd.readouterr()) + caplog.text


def test_trouble_of_one_job_does_not_stop_the_other(setting: Setting) -> None:
    def break_and_mend() -> None:
        setting.proxy.cut()
        setting.direct.delete("cron:scores:lease")

    setting.proxy.when(MOVE, break_and_mend)
    response = setting.world.call("refresh-all?chunk_size=10")
    details = error_of(response, 500, "JOB_FAILED")["details"]
    assert (details["scores"]["status"], details["scores"]["stop_reason"]) == ("failed", "superseded")
    assert (details["red_flags"]["status"], details["red_flags"]["succeeded"]) == ("completed", 10)
