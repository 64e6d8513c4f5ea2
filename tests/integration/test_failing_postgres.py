"""The way to PostgreSQL is cut, silent or slow: a bounded wait, the truth, whole groups, and no restart after."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.chaos.proxy import Proxy, postgres_proxy
from tests.integration.bare_stocks import add_stocks
from tests.integration.failing import assert_goes_on, assert_refused, failed_run, within
from tests.integration.meddling import refresh
from tests.jobs import THE_TWO
from tests.world import World
from vettr_cron.domain.run import CallStatus, StopReason

STOCKS = 50
TERM = 4.0  # no transaction may take longer than half of it
NO_ANSWER = "The database does not answer"
SAVE = b"INSERT INTO vetr_score_history"


@dataclass(frozen=True, slots=True)
class Setting:
    """A service with 50 stocks whose way to PostgreSQL goes over a proxy; `direct` sees the same without it."""

    world: World
    proxy: Proxy
    direct: World


@pytest.fixture
def setting(migrated_postgres_url: str, redis_url: str) -> Iterator[Setting]:
    proxy, url = postgres_proxy(migrated_postgres_url)
    world = World.make(url, redis_url, cron_lease_seconds=TERM)
    direct = World.make(migrated_postgres_url, redis_url)
    add_stocks(direct, STOCKS)
    with proxy:
        yield Setting(world, proxy, direct)
    world.close()
    direct.close()


# Gone before anything was changed


@pytest.mark.parametrize("fault", ["refuse", "stall"])
def test_without_the_database_nothing_runs_and_the_next_call_works(setting: Setting, fault: str) -> None:
    setting.world.data("scores?chunk_size=10")
    getattr(setting.proxy, fault)()
    for path in ("scores", "refresh-all", "status", "history") if fault == "refuse" else ("scores",):
        with within(15):
            assert_refused(setting.world.call(path), NO_ANSWER)
    assert setting.world.redis.get("cron:scores:offset") == "10"
    assert not setting.world.redis.exists("cron:scores:lease")
    setting.proxy.heal()
    assert_goes_on(setting.world, 10)


def test_a_server_that_accepts_and_says_nothing_is_soon_given_up(migrated_postgres_url: str, redis_url: str) -> None:
    proxy, url = postgres_proxy(migrated_postgres_url)
    world = World.make(url, redis_url, cron_lease_seconds=TERM)
    with proxy:
        for word in (b"", b"version()", b"SELECT"):  # at the door; as the connection is set up; right after
            proxy.when(word, proxy.stall)
            with within(15):
                assert_refused(world.call("status"), NO_ANSWER)
            assert not proxy.armed
            proxy.heal()
        assert world.data("status")["total_stocks"] == 0
    world.close()


def test_nobody_notices_that_connections_were_cut_while_nobody_used_them(setting: Setting) -> None:
    for path in ("status", "scores?chunk_size=10", "history", "coverage", "cleanup"):
        setting.world.data(path)
        setting.proxy.cut()
        assert setting.world.data("status")["total_stocks"] == STOCKS  # a reader tries nothing again


# Gone in the middle


@pytest.mark.parametrize("fault", ["refuse", "stall"])
def test_the_database_gone_in_the_middle_takes_the_group_with_it(setting: Setting, fault: str) -> None:
    setting.world.data("scores?chunk_size=10")
    setting.proxy.when(SAVE, getattr(setting.proxy, fault))
    with within(20):
        details = failed_run(setting.world.call("scores?chunk_size=10&chunks=all"), NO_ANSWER)
    assert (details["stocks_processed"], details["chunk_info"]["is_complete"]) == (0, False)
    assert setting.world.redis.get("cron:scores:offset") == "10"

    setting.proxy.heal()
    (shown,) = setting.world.data("history?status=failed")["runs"]
    assert (shown["id"], shown["error_message"]) == (details["run_id"], "interrupted")
    assert setting.world.data("status")["jobs"]["scores"]["running"] is None
    assert_goes_on(setting.world, 10)


def test_the_database_gone_after_the_last_group_loses_no_result(setting: Setting) -> None:
    setting.proxy.when(b"\x00\x00\x00\tcompleted", setting.proxy.refuse)  # as a value, not as a part of a name
    details = failed_run(setting.world.call("scores?chunk_size=10"), NO_ANSWER)
    assert details["succeeded"] == 10
    setting.proxy.heal()
    assert setting.world.redis.get("cron:scores:offset") == "10"
    assert_goes_on(setting.world, 10)


def test_any_reply_of_the_database_may_be_lost(setting: Setting) -> None:
    """The connection is cut instead of every single reply in turn, that to a commit too: each time all goes well."""
    setting.world.data("scores?chunk_size=10")
    number, cut = 0, True
    while cut:
        number += 1
        setting.world.data("reset")
        setting.direct.execute("DELETE FROM vetr_score_history")
        setting.direct.execute("DELETE FROM cron_job_runs")
        setting.proxy.on_reply(b"", setting.proxy.cut, number)
        result = setting.world.data("scores?chunk_size=10")
        cut = not setting.proxy.armed
        assert (result["status"], result["stop_reason"], result["succeeded"]) == ("completed", "chunks_done", 10)
        assert len(setting.direct.table("vetr_score_history")) == 10
        (run,) = setting.direct.table("cron_job_runs")
        assert (run["status"], run["succeeded"], str(run["id"])) == ("completed", 10, result["run_id"])
    assert number > 20


def test_a_commit_whose_answer_never_comes_is_counted_as_it_was_made(setting: Setting) -> None:
    """The commit is made, its answer lost, and every further try cut off before it; then all is well again."""
    proxy = setting.proxy

    def cut_again() -> None:
        proxy.cut()
        proxy.when(SAVE, cut_again)

    proxy.when(SAVE, lambda: proxy.on_reply(b"COMMIT", cut_again))
    details = failed_run(setting.world.call("scores?chunk_size=10"), NO_ANSWER)
    (run,) = setting.direct.table("cron_job_runs")
    assert (run["status"], run["error_message"]) == ("failed", NO_ANSWER)
    assert run["succeeded"] == len(setting.direct.table("vetr_score_history")) == 10
    assert (details["stocks_processed"], setting.world.redis.get("cron:scores:offset")) == (0, "0")
    proxy.heal()
    assert_goes_on(setting.world, 0)


def test_a_slow_database_is_waited_for(setting: Setting) -> None:
    setting.proxy.delay(0.03)
    assert_goes_on(setting.world, 0)


def test_a_slow_database_spends_the_calls_budget_and_no_more(setting: Setting) -> None:
    setting.world.data("scores?chunk_size=10")
    setting.proxy.delay(0.03)
    with within(8):
        result = refresh(setting.world, THE_TWO["scores"], chunk_size=2, chunks=None, time_budget=3)
    assert (result.status, result.stop_reason) == (CallStatus.COMPLETED, StopReason.TIME_BUDGET)
    assert 0 < result.stocks_processed < 40
