"""What the doctor says of the schedule: where a limit lies, and what counts as what."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from tests.unit.past_calls import DAY, HOUR, MINUTE, NOON, a_call, a_run, calls_every, on, state_after
from vettr_cron.domain.diagnosis.check import Check, State
from vettr_cron.domain.diagnosis.schedule import Results, expected_calls, schedule
from vettr_cron.domain.logged_call import LoggedCall, LoggedStatus
from vettr_cron.domain.run import Pause, RunStatus
from vettr_cron.schedule import Schedule

ALL_FRESH = Results(within=25 * HOUR, stale=0, never=0, failing=0)
HOURLY = on("0 * * * *")


def scheduled(
    calls: Sequence[LoggedCall],
    now: datetime,
    timetable: Schedule | None = HOURLY,
    *,
    results: Results = ALL_FRESH,
    cursor_ttl: timedelta = DAY,
    **values: object,
) -> Check:
    return schedule(state_after(calls, now, timetable, cursor_ttl=cursor_ttl, **values), results)


@pytest.mark.parametrize("expression", ["0 */6 * * *", "0 12 * * *"])
def test_a_whole_cycle_a_day_is_enough(expression: str) -> None:
    calls = calls_every(DAY, 5, NOON, stocks=1_300)
    found = scheduled([*calls_every(6 * HOUR, 5, NOON, stocks=1_300), *calls], NOON + HOUR, on(expression))
    assert found.state is State.OK
    assert found.found.startswith("Last call 60 min ago, the next one is expected at 2026-11-2")


def test_a_chunk_every_six_hours_is_not_enough_and_the_advice_would_be() -> None:
    found = scheduled(calls_every(6 * HOUR, 5, NOON), NOON + HOUR, on("0 */6 * * *"))
    words = "By the schedule, stocks are refreshed only every 3 d, in 13 calls"
    assert (found.state, found.found) == (State.PROBLEM, words)
    assert found.fix == "Call every 107 min, or let each call take all stocks: CRON_CHUNKS_PER_CALL=all."
    assert scheduled(calls_every(HOUR, 5, NOON), NOON).state is State.OK


def test_a_chunk_a_day_never_comes_to_an_end_where_the_cursor_expires_before() -> None:
    daily = on("0 12 * * *")
    found = scheduled(calls_every(DAY, 5, NOON), NOON + HOUR, daily)  # no scheduler is on the minute
    assert (found.state, "A cycle never ends: it takes 13 calls, and the cursor" in found.found) == (
        State.PROBLEM,
        True,
    )
    longer = scheduled(calls_every(DAY, 5, NOON), NOON + HOUR, daily, cursor_ttl=7 * DAY)
    assert "A cycle never ends" not in longer.found


def test_a_schedule_that_rests_longer_than_results_are_fresh_is_told() -> None:
    found = scheduled(calls_every(DAY, 3, NOON, stocks=1_300), NOON + HOUR, on("0 12 * * 1-5"))
    assert (found.state, "only every 3 d, in 1 call" in found.found) == (State.WARNING, True)
    assert found.fix == "Call more often, or set CRON_FRESH_WITHIN to more than 3 d."
    longer = replace(ALL_FRESH, within=73 * HOUR)
    assert scheduled(calls_every(DAY, 3, NOON, stocks=1_300), NOON, on("0 12 * * 1-5"), results=longer).fix is None


def test_a_call_that_does_not_come_is_a_problem() -> None:
    found = scheduled(calls_every(HOUR, 5, NOON, stocks=1_300), NOON + 5 * HOUR)
    words = "No call since 2026-11-23 12:00 UTC, though one was expected at 2026-11-23 13:00 UTC"
    assert (found.state, found.found) == (State.PROBLEM, words)
    assert "scheduler is on" in str(found.fix)


def test_a_call_that_did_not_come_is_a_warning() -> None:
    calls = [a_call(NOON, 1_300), *calls_every(HOUR, 30, NOON - 2 * HOUR, stocks=1_300)]
    found = scheduled(calls, NOON + MINUTE)
    assert (found.state, found.found) == (State.WARNING, "1 expected call did not come, at 2026-11-23 11:00 UTC")


def test_a_job_that_runs_or_is_paused_is_not_overdue() -> None:
    calls = calls_every(HOUR, 5, NOON, stocks=1_300)
    running = a_run(NOON, status=RunStatus.RUNNING)
    assert scheduled(calls, NOON + 65 * MINUTE, running=running).state is State.OK
    found = scheduled(calls, NOON + 5 * HOUR, paused=Pause(None, NOON))
    assert (found.state, found.found) == (State.WARNING, "Paused: no reason given")


def test_without_a_schedule_no_call_is_overdue_and_old_results_are_told() -> None:
    calls = calls_every(HOUR, 5, NOON, stocks=1_300)
    assert scheduled(calls, NOON + 9 * DAY, None).state is State.OK
    found = scheduled(calls, NOON + 9 * DAY, None, results=replace(ALL_FRESH, stale=1_300))
    assert (found.state, found.found) == (State.PROBLEM, "1300 of 1300 stocks have no result from the last 25 h")


def test_whether_somebody_says_when_calls_are_expected() -> None:
    assert expected_calls(["scores", "red-flags"], []).state is State.OK
    for_all = expected_calls(["scores", "red-flags"], ["scores", "red-flags"])
    assert (for_all.state, for_all.found.startswith("CRON_SCHEDULE is not set: ")) == (State.WARNING, True)
    assert "CRON_SCHEDULE is not set for scores: " in expected_calls(["scores", "red-flags"], ["scores"]).found


def test_a_job_that_was_never_called() -> None:
    assert scheduled([], NOON).found == "The job was never called"
    assert scheduled([], NOON, has_results=True).found == "The cycle was never called"


def test_a_cycle_of_very_many_calls_is_told_too() -> None:
    calls = [a_call(NOON - number * 6 * HOUR) for number in range(5)]
    found = scheduled(calls, NOON + HOUR, on("0 */6 * * *"), total_stocks=100_000)
    words = "By the schedule, stocks are refreshed only every 250 d, in 1000 calls"
    assert (found.state, found.found) == (State.PROBLEM, words)


def test_a_small_last_call_of_a_cycle_says_nothing_of_its_length() -> None:
    calls = [
        a_call(NOON - number * 12 * HOUR, 1 if number % 2 else 100, is_complete=bool(number % 2)) for number in range(6)
    ]
    assert scheduled(calls, NOON + HOUR, on("0 */12 * * *"), total_stocks=101).state is State.OK


def test_after_an_outage_calls_are_judged_by_what_they_do_now() -> None:
    good, bad = calls_every(DAY, 3, NOON, stocks=1_300), calls_every(DAY, 11, NOON - 3 * DAY, stocks=0)
    assert scheduled([*good, *bad], NOON + HOUR, on("0 12 * * *")).state is State.OK


def test_a_call_that_failed_before_its_first_run_is_a_problem() -> None:
    failed = a_call(NOON, 0, status=LoggedStatus.FAILED, error="Redis does not answer")
    calls = [failed, *calls_every(HOUR, 30, NOON - HOUR, stocks=1_300)]
    found = scheduled(calls, NOON, last_run=a_run(NOON - HOUR))
    words = "The last call failed, before its first run: Redis does not answer"
    assert (found.state, found.found) == (State.PROBLEM, words)
    assert f"{words}." in state_after(calls, NOON, HOURLY).summary


def test_one_in_twenty_may_fail() -> None:
    calls = calls_every(HOUR, 5, NOON, stocks=1_300)
    assert scheduled(calls, NOON, results=replace(ALL_FRESH, failing=65)).state is State.OK
    found = scheduled(calls, NOON, results=replace(ALL_FRESH, failing=66))
    assert (found.state, found.found) == (State.WARNING, "66 of 1300 stocks failed last time")


@pytest.mark.parametrize(
    ("message", "words"),
    [("interrupted", "The last run failed: interrupted"), (None, "The last run failed without an error message")],
)
def test_a_last_run_that_failed_is_a_problem_and_can_be_seen_in_full(message: str | None, words: str) -> None:
    failed = a_run(NOON, status=RunStatus.FAILED, error_message=message)
    found = scheduled(calls_every(HOUR, 5, NOON, stocks=1_300), NOON, last_run=failed)
    assert (found.state, found.found) == (State.PROBLEM, words)
    assert found.fix == f"See it in full: `flask --app wsgi cron run {failed.id}`."


def test_calls_that_get_nothing_done_are_a_problem() -> None:
    found = scheduled(calls_every(HOUR, 5, NOON, stocks=0), NOON, results=replace(ALL_FRESH, stale=1_300))
    assert (found.state, found.found) == (State.PROBLEM, "Calls come, but process no stock")
    assert found.fix == "See why: `flask --app wsgi cron calls --job scores`."


@pytest.mark.parametrize(
    ("stale", "never", "failing", "state"),
    [
        (64, 0, 0, State.OK),
        (60, 5, 0, State.WARNING),
        (60, 64, 60, State.OK),  # those that fail are told as such, if they are many
        (0, 649, 0, State.WARNING),
        (0, 650, 0, State.PROBLEM),
        (1_300, 0, 1_300, State.PROBLEM),
    ],
)
def test_one_in_twenty_may_be_old_and_half_must_not(stale: int, never: int, failing: int, state: State) -> None:
    results = replace(ALL_FRESH, stale=stale, never=never, failing=failing)
    found = scheduled(calls_every(HOUR, 5, NOON, stocks=1_300), NOON, results=results)
    assert found.state is state
    old = f"{stale + never} of 1300 stocks have no result from the last 25 h"
    assert (old in found.found) == (state is not State.OK)
    kind = "stale" if stale else "never"
    assert state is State.OK or f"coverage --job scores --stocks {kind}`" in str(found.fix)


def test_the_first_cycle_takes_its_time() -> None:
    never = replace(ALL_FRESH, never=1_200)
    assert scheduled(calls_every(HOUR, 5, NOON), NOON, results=never, offset=100).state is State.OK
    running = a_run(NOON, status=RunStatus.RUNNING)
    assert scheduled(calls_every(HOUR, 5, NOON), NOON, results=never, running=running).state is State.OK
    # It is not the first one any more, once a result has grown old.
    again = replace(never, never=1_199, stale=1)
    assert scheduled(calls_every(HOUR, 5, NOON), NOON, results=again, offset=100).state is State.PROBLEM


def test_old_stocks_are_not_reported_beside_missing_or_paused_calls() -> None:
    old = replace(ALL_FRESH, stale=1_300)
    calls = calls_every(HOUR, 5, NOON, stocks=1_300)
    assert "from the last" not in scheduled(calls, NOON + 2 * DAY, results=old).found
    assert scheduled(calls, NOON + DAY, results=old, paused=Pause("reload", NOON)).found == "Paused: reload"
    slow = scheduled(calls_every(6 * HOUR, 5, NOON), NOON, on("0 */6 * * *"), results=old)
    assert "from the last" not in slow.found
    # A call that was missed once does not explain that nearly all are old.
    missed = [a_call(NOON, 1_300), *calls_every(HOUR, 30, NOON - 2 * HOUR, stocks=1_300)]
    assert scheduled(missed, NOON + MINUTE, results=old).state is State.PROBLEM
