"""What status says in words: how far a job is, when it will be done, and what to do."""

from datetime import timedelta

import pytest

from tests.unit.past_calls import DAY, HOUR, MINUTE, NOON, a_call, a_run, calls_every, on, state_after
from vettr_cron.domain.job_state import span
from vettr_cron.domain.lease import Held
from vettr_cron.domain.pace import pace
from vettr_cron.domain.run import Pause, RunStatus


def test_calls_left_and_the_end_follow_from_the_calls_seen_and_the_schedule() -> None:
    found = pace(calls_every(30 * MINUTE, 9, NOON), 900, 1_300, NOON + MINUTE, on("*/30 * * * *"))
    assert (found.stocks_per_call, found.stocks_per_second, found.calls_left) == (100, 100, 4)
    assert found.done_at == NOON + 2 * HOUR
    words = state_after(calls_every(30 * MINUTE, 9, NOON), NOON + MINUTE, on("*/30 * * * *"), offset=900).summary
    assert "900 of 1300 stocks are done. The cycle takes 4 more calls, done at about 2026-11-23 14:00 UTC." in words
    assert "The next call is expected at 2026-11-23 12:30 UTC." in words


@pytest.mark.parametrize(("seconds", "may_hang"), [(59, False), (60, True)])
def test_a_call_may_hang_from_a_minute_without_progress_on(seconds: int, may_hang: bool) -> None:
    held = Held(None, 30, seconds_since_progress=seconds)
    words = state_after(calls_every(HOUR, 5, NOON), NOON, offset=500, running=a_run(NOON), held=held).summary
    assert "The call at work made its last progress" in words
    assert ("if it hangs" in words) == may_hang


def test_without_a_schedule_no_time_is_told() -> None:
    found = pace(calls_every(HOUR, 5, NOON), 1_200, 1_300, NOON, None)
    assert (found.calls_left, found.done_at) == (1, None)
    words = state_after(calls_every(HOUR, 5, NOON), NOON + 9 * DAY, offset=1_200).summary
    assert words == "Between two calls: 1200 of 1300 stocks are done. The cycle takes 1 more call of this size."


@pytest.mark.parametrize("total", [700, 650, 1])
def test_no_calls_are_left_where_stocks_were_removed_behind_the_cursor(total: int) -> None:
    calls, hourly = calls_every(HOUR, 5, NOON), on("0 * * * *")
    found = pace(calls, 700, total, NOON, hourly)
    assert (found.calls_left, found.done_at) == (0, NOON + HOUR)
    words = state_after(calls, NOON, hourly, offset=700, total_stocks=total).summary
    ends = "the next call ends this cycle, or starts a new one."
    assert words.startswith(f"Between two calls: 700 of {total} stocks are done; {ends}")
    assert "The cycle takes" not in words


def test_a_slow_schedule_gets_advice() -> None:
    words = state_after(calls_every(6 * HOUR, 5, NOON), NOON + HOUR, on("0 */6 * * *"), offset=500).summary
    assert (
        "By the schedule, a cycle takes 3 d; for one within 6 h, call every 28 min "
        "or run more chunks per call (CRON_CHUNKS_PER_CALL=all)." in words
    )
    whole = state_after(calls_every(6 * HOUR, 5, NOON, stocks=1_300), NOON + HOUR, on("0 */6 * * *"))
    assert "a cycle takes" not in whole.summary


def test_a_burst_a_day_is_a_cycle_a_day() -> None:
    burst = on("0-20/5 12 * * *")
    state = state_after(calls_every(5 * MINUTE, 5, NOON + 20 * MINUTE, stocks=260), NOON + HOUR, burst)
    assert state.scheduled_cycle is not None
    assert (state.scheduled_cycle.calls, state.scheduled_cycle.time) == (5, DAY)
    assert not state.scheduled_cycle.never_ends
    short = state_after(calls_every(5 * MINUTE, 5, NOON, stocks=200), NOON + HOUR, burst, cursor_ttl=HOUR)
    assert short.scheduled_cycle is not None
    assert (short.scheduled_cycle.calls, short.scheduled_cycle.most_in_time) == (7, 5)
    assert short.scheduled_cycle.never_ends


def test_a_weekend_counts_to_the_time_of_a_cycle() -> None:
    friday_noon = NOON - 3 * DAY
    state = state_after(calls_every(DAY, 5, friday_noon, stocks=1_300), NOON - 2 * DAY, on("0 12 * * 1-5"))
    assert state.scheduled_cycle is not None
    assert (state.scheduled_cycle.calls, state.scheduled_cycle.time) == (1, 3 * DAY)


def test_the_rate_is_that_of_the_last_call_and_the_size_the_usual_one() -> None:
    calls = [a_call(NOON, 30, seconds=10), *calls_every(HOUR, 2, NOON - HOUR)]
    found = pace(calls, 0, 1_300, NOON, None)
    assert (found.stocks_per_second, found.stocks_per_call, found.calls_left) == (3, 100, 13)
    assert pace([a_call(NOON, ended_at=None)], 0, 1_300, NOON, None).stocks_per_call is None


@pytest.mark.parametrize(("silent_for", "told"), [(15 * MINUTE, False), (16 * MINUTE, True), (9 * HOUR, True)])
def test_a_call_that_does_not_come_is_reported_after_the_grace(silent_for: timedelta, told: bool) -> None:
    state = state_after(calls_every(HOUR, 5, NOON - HOUR), NOON + silent_for, on("0 * * * *"), offset=500)
    assert (
        "No call since 2026-11-23 11:00 UTC, though one was expected at 2026-11-23 12:00 UTC: is the scheduler on?"
        in state.summary
    ) == told


def test_calls_that_were_missed_are_reported() -> None:
    came = [a_call(NOON), a_call(NOON - 6 * HOUR), a_call(NOON - DAY)]
    words = state_after(came, NOON + HOUR, on("0 */6 * * *")).summary
    expected = "2 expected calls did not come, at 2026-11-22 18:00 UTC, 2026-11-23 00:00 UTC."
    assert words.endswith(expected)
    many = state_after([a_call(NOON), a_call(NOON - 12 * HOUR)], NOON + MINUTE, on("0 * * * *")).summary
    assert "11 expected calls did not come, the last 3 at 2026-11-23 09:00 UTC, " in many


def test_the_last_failure_is_told_with_its_run() -> None:
    failed = a_run(NOON, status=RunStatus.FAILED, error_message="interrupted")
    words = state_after([], NOON, last_run=failed).summary
    assert f"The last run failed: interrupted; see runs/{failed.id}." in words


def test_a_failure_without_a_message_is_reported() -> None:
    failed = a_run(NOON, status=RunStatus.FAILED, error_message=None)
    words = state_after([], NOON, last_run=failed).summary
    assert f"The last run failed without an error message; see runs/{failed.id}." in words


def test_a_pause_is_all_that_is_reported() -> None:
    state = state_after(
        calls_every(HOUR, 5, NOON), NOON + 9 * HOUR, on("0 * * * *"), paused=Pause("prices are reloaded", NOON)
    )
    assert state.summary == "Paused since 2026-11-23 12:00 UTC: prices are reloaded. Use resume to continue."


def test_before_the_first_call_it_says_how_to_make_one() -> None:
    how = "call /v1/cron/scores, or run the command `cron scores`."
    assert state_after([], NOON).summary == f"It has never run; {how}"
    assert state_after([], NOON, total_stocks=0).summary.startswith("There are no stocks")


def test_it_never_says_what_states_and_cursor_know_better() -> None:
    by_hand = state_after([], NOON, on("0 * * * *"), has_results=True).summary
    assert by_hand.startswith("No call along the cycle is known; call /v1/cron/scores")
    assert "never" not in by_hand
    assert state_after([], NOON, offset=200).summary == "Between two calls: 200 of 1300 stocks are done."


def test_a_run_under_way_is_reported_instead_of_a_gap() -> None:
    running = a_run(NOON, status=RunStatus.RUNNING)
    state = state_after(calls_every(HOUR, 5, NOON), NOON + 9 * HOUR, on("0 * * * *"), offset=500, running=running)
    assert state.summary.startswith("Running: 500 of 1300 stocks are done.")
    assert "scheduler" not in state.summary


def test_calls_that_take_nothing_leave_no_end_to_tell() -> None:
    found = pace(calls_every(HOUR, 5, NOON, stocks=0), 0, 1_300, NOON, on("0 * * * *"))
    assert (found.stocks_per_call, found.calls_left, found.done_at) == (0, None, None)


@pytest.mark.parametrize(("hours", "advised"), [(3, False), (4, True)])
def test_a_cycle_of_two_calls_is_slow_where_it_takes_more_than_6_hours(hours: int, advised: bool) -> None:
    state = state_after(calls_every(hours * HOUR, 6, NOON, stocks=650), NOON + MINUTE, on(f"0 */{hours} * * *"))
    assert ("run more chunks per call" in state.summary) == advised


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        *((0, "0 s"), (30, "30 s"), (59, "59 s"), (60, "1 min"), (90, "2 min"), (7_199, "120 min")),
        *((7_200, "2 h"), (172_799, "48 h"), (172_800, "2 d")),
    ],
)
def test_a_length_of_time_in_words(seconds: int, words: str) -> None:
    assert span(timedelta(seconds=seconds)) == words
