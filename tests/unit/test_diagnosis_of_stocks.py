"""What the doctor says of the universe and of the schedule: where a limit lies, and what counts as what."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from tests.unit.runs import HOUR, MINUTE, NOON, a_run, calls_every
from vettr_cron.domain.calls import calls_of
from vettr_cron.domain.diagnosis.check import Check, State
from vettr_cron.domain.diagnosis.stocks import Results, Tickers, schedule, universe
from vettr_cron.domain.job_state import JobState
from vettr_cron.domain.pace import pace
from vettr_cron.domain.run import Pause, Run, RunStatus

DAY = timedelta(days=1)
ALL_FRESH = Results(stale=0, never=0, failing=0)


def test_a_universe_that_fits_its_columns() -> None:
    assert universe(Tickers(total=7, too_long=0, longest=10), None).state is State.OK
    assert universe(Tickers(total=0, too_long=0, longest=10), None).state is State.PROBLEM


def test_tickers_that_the_platform_does_not_find_are_counted() -> None:
    found = universe(Tickers(total=7, too_long=0, longest=10, not_upper_case=2), None)
    assert found.state is State.WARNING
    assert found.found.startswith("2 of 7 stocks have tickers that are not in upper case")
    both = universe(Tickers(total=7, too_long=1, longest=10, not_upper_case=2), None)
    assert "longer than the 10 characters" in both.found
    assert "not in upper case" in both.found


def test_a_universe_that_the_jobs_cannot_read_says_why() -> None:
    found = universe(Tickers(total=7, too_long=0, longest=10), "The view is broken")
    assert (found.state, found.found) == (State.PROBLEM, "The view is broken")


def scheduled(
    runs: list[Run],
    now: datetime,
    *,
    results: Results = ALL_FRESH,
    offset: int = 0,
    ttl: timedelta = DAY,
    paused: Pause | None = None,
) -> Check:
    running = runs[0] if runs and runs[0].status is RunStatus.RUNNING else None
    state = JobState(
        name="scores",
        run_name="refresh-scores",
        as_of=now,
        offset=offset,
        total_stocks=1_300,
        running=running,
        last_run=runs[0] if runs else None,
        paused=paused,
        pace=pace(calls_of(runs), offset, 1_300, now, call_expected=not (running or paused)),
    )
    return schedule(state, results, ttl)


@pytest.mark.parametrize("every", [6 * HOUR, DAY, DAY + 40 * MINUTE])
def test_a_whole_cycle_a_day_is_enough(every: timedelta) -> None:
    assert scheduled(calls_every(every, 5, NOON, stocks=1_300), NOON + HOUR).state is State.OK


def test_a_chunk_every_six_hours_is_not_enough_and_the_advice_would_be() -> None:
    found = scheduled(calls_every(6 * HOUR, 5, NOON), NOON + HOUR)
    assert (found.state, "refreshed only every 3 d: a cycle takes 13 calls" in found.found) == (State.PROBLEM, True)
    advised = 103 * MINUTE
    assert found.fix == "Call every 103 min, or let each call take all stocks: CRON_CHUNKS_PER_CALL=all."
    assert scheduled(calls_every(advised, 5, NOON), NOON).state is State.OK


def test_a_chunk_a_day_never_comes_to_an_end() -> None:
    found = scheduled(calls_every(DAY, 5, NOON), NOON + HOUR)
    assert (found.state, "A cycle never ends" in found.found) == (State.PROBLEM, True)
    assert "A cycle never ends" not in scheduled(calls_every(DAY, 5, NOON), NOON + HOUR, ttl=7 * DAY).found


def test_two_calls_long_ago_are_too_few_for_a_pace_and_too_old() -> None:
    runs = calls_every(HOUR, 2, NOON)
    assert scheduled(runs, NOON + DAY).state is State.OK
    assert scheduled(runs, NOON + 2 * DAY).found == "No call for 2 d"


def test_a_job_that_runs_or_is_paused_is_not_overdue() -> None:
    runs = calls_every(HOUR, 5, NOON, stocks=1_300)
    assert scheduled(runs, NOON + 5 * HOUR).state is State.PROBLEM
    running = a_run(NOON, stocks=1_300, status=RunStatus.RUNNING, completed_at=None)
    assert scheduled([running, *runs[1:]], NOON + 5 * HOUR).state is State.OK
    found = scheduled(runs, NOON + 5 * HOUR, paused=Pause(None, NOON))
    assert (found.state, found.found) == (State.WARNING, "Paused: no reason given")


def test_one_in_twenty_may_fail() -> None:
    runs = calls_every(HOUR, 5, NOON, stocks=1_300)
    assert scheduled(runs, NOON, results=replace(ALL_FRESH, failing=65)).state is State.OK
    found = scheduled(runs, NOON, results=replace(ALL_FRESH, failing=66))
    assert (found.state, found.found) == (State.WARNING, "66 of 1300 stocks failed last time")


@pytest.mark.parametrize(
    ("message", "words"),
    [("interrupted", "The last run failed: interrupted"), (None, "The last run failed without an error message")],
)
def test_a_last_run_that_failed_is_a_problem_and_can_be_seen_in_full(message: str | None, words: str) -> None:
    failed = a_run(NOON, stocks=1_300, status=RunStatus.FAILED, error_message=message)
    found = scheduled([failed, *calls_every(HOUR, 5, NOON - HOUR, stocks=1_300)], NOON)
    assert (found.state, found.found) == (State.PROBLEM, words)
    assert found.fix == f"See it in full: `flask --app wsgi cron run {failed.id}`."


def test_calls_that_get_nothing_done_are_a_problem() -> None:
    found = scheduled(calls_every(HOUR, 5, NOON, stocks=0), NOON, results=replace(ALL_FRESH, stale=1_300))
    assert (found.state, found.found) == (State.PROBLEM, "Calls come, but most of them process no stock")
    assert found.fix == "See why: `flask --app wsgi cron history --job scores`."


@pytest.mark.parametrize(
    ("results", "state"),
    [
        (Results(stale=64, never=0, failing=0), State.OK),
        (Results(stale=60, never=5, failing=0), State.WARNING),
        (Results(stale=60, never=64, failing=60), State.OK),  # those that fail are told as such, if they are many
        (Results(stale=0, never=649, failing=0), State.WARNING),
        (Results(stale=0, never=650, failing=0), State.PROBLEM),
        (Results(stale=1_300, never=0, failing=1_300), State.PROBLEM),
    ],
)
def test_one_in_twenty_may_be_old_and_half_must_not(results: Results, state: State) -> None:
    found = scheduled(calls_every(HOUR, 5, NOON, stocks=1_300), NOON, results=results)
    assert found.state is state
    old = f"{results.stale + results.never} of 1300 stocks have no result from the last 25 h"
    assert (old in found.found) == (state is not State.OK)
    kind = "stale" if results.stale else "never"
    assert state is State.OK or f"coverage --job scores --stocks {kind}`" in str(found.fix)


def test_the_first_cycle_takes_its_time() -> None:
    never = replace(ALL_FRESH, never=1_200)
    assert scheduled(calls_every(HOUR, 5, NOON), NOON, results=never, offset=100).state is State.OK
    running = [a_run(NOON, status=RunStatus.RUNNING, completed_at=None), *calls_every(HOUR, 5, NOON - HOUR)]
    assert scheduled(running, NOON, results=never).state is State.OK
    # It is not the first one any more, once a result has grown old.
    again = replace(never, never=1_199, stale=1)
    assert scheduled(calls_every(HOUR, 5, NOON), NOON, results=again, offset=100).state is State.PROBLEM


def test_stocks_may_be_as_old_as_the_last_call_while_none_is_due() -> None:
    runs = calls_every(DAY, 5, NOON, stocks=1_300)
    assert scheduled(runs, NOON + DAY + MINUTE, results=replace(ALL_FRESH, stale=1_300)).state is State.OK


def test_old_stocks_are_not_reported_beside_missing_or_paused_calls() -> None:
    old = replace(ALL_FRESH, stale=1_300)
    runs = calls_every(HOUR, 5, NOON, stocks=1_300)
    assert scheduled(runs, NOON + 2 * DAY, results=old).found == "No call for 2 d, usually every 60 min"
    assert scheduled(runs, NOON + DAY, results=old, paused=Pause("reload", NOON)).found == "Paused: reload"
    assert "from the last" not in scheduled(calls_every(6 * HOUR, 5, NOON), NOON, results=old).found
