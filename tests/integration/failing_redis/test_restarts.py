"""A Redis that was restarted or emptied, or forgot the scripts."""

import os
import signal

from tests.integration.failing_redis.faults import MOVE, Setting, assert_goes_on_in_time
from tests.integration.meddling import at_stock, refresh
from tests.integration.replies import error_of
from tests.jobs import THE_TWO
from vettr_cron.domain.run import CallStatus, StopReason


def test_a_redis_emptied_between_calls_starts_a_new_cycle(setting: Setting) -> None:
    first = setting.world.data("scores?chunk_size=10")
    setting.direct.flushall()
    second = setting.world.data("scores?chunk_size=10")
    assert (second["status"], second["chunk_info"]["current_offset"]) == ("completed", 0)
    assert second["cycle_id"] != first["cycle_id"]
    assert "warning" not in second
    assert len(setting.world.table("vetr_score_history")) == 20


def test_a_redis_emptied_in_the_middle_loses_no_result(setting: Setting) -> None:
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
    job = at_stock(THE_TWO["scores"], 3, lambda: restart(setting))
    result = refresh(setting.world, job, chunk_size=10)
    assert (result.status, result.stop_reason, result.succeeded) == (CallStatus.COMPLETED, StopReason.CHUNKS_DONE, 10)
    assert_goes_on_in_time(setting, 10)


def test_a_redis_that_forgot_the_scripts_is_told_again(setting: Setting) -> None:
    setting.world.data("scores?chunk_size=10")
    setting.direct.script_flush()
    assert_goes_on_in_time(setting, 10)
