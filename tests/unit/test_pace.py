"""What status says in words: from how calls came lately to what to do."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from tests.unit.runs import HOUR, MINUTE, NOON, a_run, calls_every
from vettr_cron.domain.calls import calls_of
from vettr_cron.domain.job_state import JobState, span
from vettr_cron.domain.pace import pace
from vettr_cron.domain.run import Pause, Run, RunStatus


def said(runs: Sequence[Run], now: datetime, *, offset: int = 0, total: int = 1_300, **values: object) -> str:
    call_expected = not (values.get("running") or values.get("paused"))
    known = {
        "name": "scores",
        "run_name": "refresh-scores",
        "as_of": now,
        "offset": offset,
        "total_stocks": total,
        "last_run": runs[0] if runs else None,
        "pace": pace(calls_of(runs), offset, total, now, call_expected=call_expected),
    }
    return JobState(**known | values).summary  # type: ignore[arg-type]  # all of them are there


def test_two_calls_are_too_few_to_speak_of_a_pace() -> None:
    found = pace(calls_of(calls_every(HOUR, 2, NOON)), 200, 1_300, NOON)
    assert (found.every, found.calls_left, found.late) == (None, None, False)
    assert (found.last_call, found.stocks_per_second) == (NOON, 100)


def test_after_two_calls_only_old_stocks_show_that_calls_have_ceased() -> None:
    runs = calls_every(10 * MINUTE, 2, NOON)
    assert "scheduler" not in said(runs, NOON + 25 * HOUR)
    assert said(runs, NOON + 26 * HOUR).endswith(" No call for 26 h: is the scheduler on?")


@pytest.mark.parametrize("total", [700, 650, 1])
def test_no_calls_are_left_where_stocks_were_removed_behind_the_cursor(total: int) -> None:
    runs = calls_every(HOUR, 5, NOON)
    found = pace(calls_of(runs), 700, total, NOON)
    assert (found.calls_left, found.done_at) == (0, NOON + HOUR)
    words = said(runs, NOON, offset=700, total=total)
    ends = "the next call ends this cycle, or starts a new one."
    assert words.startswith(f"Between two calls: 700 of {total} stocks are done; {ends}")
    assert "At this pace" not in words


def test_calls_left_and_the_end_follow_from_the_calls_seen() -> None:
    found = pace(calls_of(calls_every(30 * MINUTE, 9, NOON)), 900, 1_300, NOON + MINUTE)
    assert (found.every, found.stocks_per_call, found.calls_left) == (30 * MINUTE, 100, 4)
    assert found.done_at == NOON + 2 * HOUR
    words = said(calls_every(30 * MINUTE, 9, NOON), NOON + MINUTE, offset=900)
    assert "900 of 1300 stocks are done. At this pace: 4 more calls, done at about 2026-11-23 14:00 UTC." in words


def test_a_slow_schedule_gets_advice() -> None:
    words = said(calls_every(6 * HOUR, 5, NOON), NOON + HOUR, offset=500)
    assert (
        "At the usual pace, a cycle takes 3 d; to finish one within 6 h, call every 28 min "
        "or run more chunks per call (CRON_CHUNKS_PER_CALL=all)." in words
    )
    assert "At the usual pace, a cycle takes" not in said(calls_every(6 * HOUR, 5, NOON, stocks=1_300), NOON + HOUR)


@pytest.mark.parametrize(("silent_for", "told"), [(2 * HOUR, False), (2 * HOUR + 6 * MINUTE, True), (9 * HOUR, True)])
def test_a_gap_in_the_calls_is_reported(silent_for: timedelta, told: bool) -> None:
    words = said(calls_every(HOUR, 5, NOON), NOON + silent_for, offset=500)
    assert ("is the scheduler on?" in words) == told
    if silent_for == 9 * HOUR:
        assert "No call for 9 h, usually every 60 min: is the scheduler on?" in words
        assert "At this pace" not in words


def test_the_last_failure_is_told_with_its_run() -> None:
    failed = a_run(NOON, status=RunStatus.FAILED, error_message="interrupted")
    assert f"The last run failed: interrupted; see runs/{failed.id}." in said([failed], NOON)


def test_a_failure_without_a_message_is_reported() -> None:
    failed = a_run(NOON, status=RunStatus.FAILED, error_message=None)
    assert f"The last run failed without an error message; see runs/{failed.id}." in said([failed], NOON)


def test_a_pause_is_all_that_is_reported() -> None:
    words = said(calls_every(HOUR, 5, NOON), NOON + 9 * HOUR, paused=Pause("prices are reloaded", NOON))
    assert words == "Paused since 2026-11-23 12:00 UTC: prices are reloaded. Use resume to continue."


def test_before_the_first_call_it_says_how_to_make_one() -> None:
    assert said([], NOON) == "It has never run; call /v1/cron/scores, or run the command `cron scores`."
    assert said([], NOON, total=0).startswith("There are no stocks")


def test_a_run_under_way_is_reported_instead_of_a_gap() -> None:
    runs = calls_every(HOUR, 5, NOON)
    assert not pace(calls_of(runs), 500, 1_300, NOON + 9 * HOUR, call_expected=False).late
    words = said(runs, NOON + 9 * HOUR, offset=500, running=runs[0])
    assert words.startswith("Running: 500 of 1300 stocks are done.")
    assert "scheduler" not in words


def test_calls_that_take_nothing_leave_no_end_to_tell() -> None:
    found = pace(calls_of(calls_every(HOUR, 5, NOON, stocks=0)), 0, 1_300, NOON)
    assert (found.calls_left, found.done_at) == (None, None)


@pytest.mark.parametrize(("hours", "advised"), [(6, False), (7, True)])
def test_a_cycle_of_two_calls_is_slow_where_more_than_6_hours_lie_between_them(hours: int, advised: bool) -> None:
    words = said(calls_every(hours * HOUR, 6, NOON, stocks=650), NOON + MINUTE)
    assert ("run more chunks per call" in words) == advised


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        *((0, "0 s"), (30, "30 s"), (59, "59 s"), (60, "1 min"), (90, "2 min"), (7_199, "120 min")),
        *((7_200, "2 h"), (172_799, "48 h"), (172_800, "2 d")),
    ],
)
def test_a_length_of_time_in_words(seconds: int, words: str) -> None:
    assert span(timedelta(seconds=seconds)) == words
