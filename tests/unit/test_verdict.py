"""How a job fares, and how all of them do, in one sentence."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from tests.unit.past_calls import HOUR, NOON, a_run, calls_every, on, state_after
from vettr_cron.domain.diagnosis.check import State
from vettr_cron.domain.diagnosis.schedule import Results, schedule
from vettr_cron.domain.job_state import JobState
from vettr_cron.domain.lease import Held
from vettr_cron.domain.logged_call import LoggedCall
from vettr_cron.domain.run import Pause, RunStatus
from vettr_cron.domain.verdict import Verdict, overall, verdict
from vettr_cron.schedule import Schedule

ALL_FRESH = Results(within=25 * HOUR, stale=0, never=0, failing=0)
HOURLY = on("0 * * * *")
CALLS = calls_every(HOUR, 30, NOON, stocks=1_300)
FRESH = Verdict(State.OK, "All 1300 stocks are fresh")
SEE_WHY = "See why: `flask --app wsgi cron failures --job scores`."


def state(calls: Sequence[LoggedCall] = CALLS, timetable: Schedule | None = HOURLY, **values: Any) -> JobState:
    return state_after(calls, NOON + HOUR / 6, timetable, **values)


def sentence(state: JobState, **results: Any) -> str:
    found = verdict(state, replace(ALL_FRESH, **results))
    assert found.state is State.OK
    return found.sentence


def test_all_is_well_and_it_is_said_when_the_next_call_is_expected() -> None:
    found = verdict(state(), ALL_FRESH)
    assert (found.state, found.fix) == (State.OK, None)
    assert found.sentence == "All 1300 stocks are fresh; the next call is expected at 2026-11-23 13:00 UTC"


def test_without_a_schedule_all_is_well_too() -> None:
    assert sentence(state(timetable=None)) == "All 1300 stocks are fresh"
    assert sentence(state(timetable=None, total_stocks=1)) == "The only stock is fresh"


def test_a_few_stocks_that_are_old_or_fail_are_told() -> None:
    without = state(timetable=None)
    assert sentence(without, stale=3) == "3 of 1300 stocks have no result from the last 25 h"
    assert sentence(without, never=2) == "2 of 1300 stocks have no result yet"
    found = verdict(without, replace(ALL_FRESH, failing=12, stale=1))
    said = "1 of 1300 stocks have no result from the last 25 h; 12 of 1300 stocks failed last time"
    assert (found.state, found.sentence, found.fix) == (State.OK, said, SEE_WHY)


def test_a_running_job_says_how_far_it_is() -> None:
    running = a_run(NOON, status=RunStatus.RUNNING)
    words = "Running, 600 of 1300 stocks are done; all 1300 stocks are fresh"
    assert sentence(state(timetable=None, running=running, offset=600)) == words
    between_two_runs = state(timetable=None, held=Held(None, 30.0, 0, 0), offset=600)
    assert sentence(between_two_runs) == words


def test_without_stocks_there_is_one_thing_to_do() -> None:
    found = verdict(state(total_stocks=0), ALL_FRESH)
    assert found.state is State.PROBLEM
    assert found.sentence == "There are no stocks; import some, or check that this is the right database"
    assert "stocks import" in str(found.fix)


@pytest.mark.parametrize(
    ("job", "results", "words"),
    [
        (state([]), ALL_FRESH, "The job was never called"),
        (state(paused=Pause("reload", NOON)), ALL_FRESH, "Paused: reload"),
        (state(calls_every(HOUR, 5, NOON - 3 * HOUR)), ALL_FRESH, "No call since 2026-11-23 09:00 UTC, though one was"),
        (state(last_run=a_run(NOON, status=RunStatus.FAILED)), ALL_FRESH, "The last run failed"),
        (state(), replace(ALL_FRESH, failing=66), "66 of 1300 stocks failed last time"),
        (state(), replace(ALL_FRESH, stale=1_300), "1300 of 1300 stocks have no result from the last 25 h"),
    ],
)
def test_whatever_is_wrong_is_said_as_the_doctor_says_it(job: JobState, results: Results, words: str) -> None:
    found, check = verdict(job, results), schedule(job, results)
    assert (found.state, found.sentence, found.fix) == (check.state, check.found, check.fix)
    assert found.state is not State.OK
    assert found.sentence.startswith(words)
    assert found.fix


def test_the_worst_job_is_the_verdict_and_is_named() -> None:
    warning, problem = Verdict(State.WARNING, "Paused: x", "Resume it."), Verdict(State.PROBLEM, "No call", "Call.")
    assert overall({"scores": warning, "red-flags": problem}) == replace(problem, found="Red flags: No call")
    assert overall({"scores": warning, "red-flags": FRESH}) == replace(warning, found="Scores: Paused: x")
    assert overall({"scores": problem}) == problem


def test_of_two_that_are_as_bad_the_first_is_told() -> None:
    found = overall({"scores": Verdict(State.PROBLEM, "a", "A."), "red-flags": Verdict(State.PROBLEM, "b", "B.")})
    assert found == Verdict(State.PROBLEM, "Scores: a", "A.")


def test_jobs_that_fare_alike_are_told_together() -> None:
    never = [Verdict(State.WARNING, "The job was never called", f"Call {job}.") for job in ("scores", "red-flags")]
    both = overall(dict(zip(("scores", "red-flags"), never, strict=True)))
    assert both == Verdict(State.WARNING, "The job was never called", "Call scores. Call red-flags.")
    with_a_third = overall({"scores": never[0], "red-flags": never[1], "ratings": FRESH})
    assert with_a_third.sentence == "Scores and red flags: The job was never called"


def test_when_all_jobs_are_well_there_is_one_sentence_with_the_next_call_of_any() -> None:
    later, sooner = replace(FRESH, next_call=NOON + HOUR), replace(FRESH, next_call=NOON)
    words = "All 1300 stocks are fresh; the next call is expected at 2026-11-23 12:00 UTC"
    assert overall({"scores": later, "red-flags": sooner}).sentence == words
    running = Verdict(State.OK, "Running, 600 of 1300 stocks are done; all 1300 stocks are fresh")
    assert overall({"scores": running, "red-flags": FRESH}).sentence == (
        "Scores: Running, 600 of 1300 stocks are done; all 1300 stocks are fresh; Red flags: All 1300 stocks are fresh"
    )
