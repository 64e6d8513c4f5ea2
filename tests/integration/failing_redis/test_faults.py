"""Redis fails: nothing is lost, the reason is told, and the next call goes on."""

import pytest

from tests.integration.failing import assert_refused, failed_run, within
from tests.integration.failing_redis.faults import (
    FAULTS,
    INSTANT,
    MOVE,
    Setting,
    assert_goes_on_in_time,
    freeze,
    lock,
    recover,
)
from tests.integration.replies import error_of
from tests.world import World


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
def test_redis_gone_in_the_middle_keeps_what_is_written(setting: Setting, what: str) -> None:
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
    assert (run["id"], run["status"], run["error_message"]) == (details["run_id"], "failed", details["error"])
    assert (run["stocks_processed"], run["succeeded"]) == (10, 10)
    assert_goes_on_in_time(setting, 10)
    assert_goes_on_in_time(setting, 20)


def test_a_wrong_password_is_reported_and_not_shown(
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
