"""A slow Redis is waited for, within limits."""

from tests.integration.failing import assert_refused, within
from tests.integration.failing_redis.faults import Setting, assert_goes_on_in_time
from tests.integration.meddling import refresh
from tests.jobs import THE_TWO
from vettr_cron.domain.run import CallStatus, StopReason


def test_a_slow_redis_is_waited_for(setting: Setting) -> None:
    setting.world.data("scores?chunk_size=10")
    setting.proxy.delay(0.2)
    assert_goes_on_in_time(setting, 10)


def test_a_slow_redis_spends_the_calls_budget_and_no_more(setting: Setting) -> None:
    setting.world.data("scores?chunk_size=10")
    setting.proxy.delay(0.1)
    with within(6):
        result = refresh(setting.world, THE_TWO["scores"], chunk_size=2, chunks=None, time_budget=2)
    assert (result.status, result.stop_reason) == (CallStatus.COMPLETED, StopReason.TIME_BUDGET)
    assert 0 < result.stocks_processed < 40


def test_a_reply_that_takes_seconds_counts_as_no_answer(setting: Setting) -> None:
    setting.proxy.delay(5)
    with within(12):
        assert_refused(setting.world.call("scores"), "Redis does not answer")
    setting.proxy.heal()
    assert_goes_on_in_time(setting, 0)
