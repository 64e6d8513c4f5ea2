"""Whether there are stocks to refresh, and whether the calls come often enough to keep them fresh."""

import math
from dataclasses import dataclass
from datetime import timedelta

from vettr_cron.domain.calls import FRESH, JITTER, LEEWAY
from vettr_cron.domain.diagnosis.check import Check, Trouble, judged, problem, warning
from vettr_cron.domain.job_state import JobState, failure, silence, span

OLD = FRESH + JITTER
"""From which age on a result is old: the age that a daily call leaves, and what such a call may come late."""
MANY_FAILING_PERCENT = 5
MANY_OLD_PERCENT, MOST_OLD_PERCENT = 5, 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Tickers:
    """How many stocks there are, and how many whose tickers red_flag_history, which takes `longest`, cannot hold."""

    total: int
    too_long: int
    longest: int | None


def universe(tickers: Tickers, unreadable: str | None) -> Check:
    """Whether there is anything to do, whether it can be read (or why not), and all of it be written down."""
    troubles = _universe_troubles(tickers)
    if unreadable is not None:
        mend = "No call works until the jobs can read their inputs: see to what the database says."
        troubles.append(problem(unreadable, mend))
    return judged("universe", f"{tickers.total} stocks", troubles)


def _universe_troubles(tickers: Tickers) -> list[Trouble]:
    if tickers.total == 0:
        mend = "Run `flask --app wsgi stocks import FOLDER`, or let DATABASE_URL lead to the platform's database."
        return [problem("There are no stocks", mend)]
    if tickers.too_long == 0:
        return []
    found = (
        f"{tickers.too_long} of {tickers.total} stocks have tickers longer than the {tickers.longest} characters "
        "that red_flag_history.stock_ticker takes: their red flags will fail"
    )
    return [warning(found, "Ask the platform's owner to make that column varchar(20), as stocks.ticker is.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """Of how many stocks the last result is older than OLD, how many have none, and how many failed last time."""

    stale: int
    never: int
    failing: int


def schedule(state: JobState, results: Results, cursor_ttl: timedelta) -> Check:
    """Whether a job's calls come, come often enough, succeed, and keep the stocks fresh."""
    name, fine = f"schedule-{state.name}", _in_time(state, results.failing)
    if state.total_stocks == 0:
        return judged(name, "There is nothing to refresh", [])
    failures = [*_failed(state), *_failing(state, results.failing)]
    if state.paused:
        reason = state.paused.reason or "no reason was given"
        mend = f"Let it go on: `flask --app wsgi cron resume --job {state.name}`."
        return judged(name, fine, [warning(f"Paused: {reason}", mend), *failures])
    # Where calls do not come, or not often enough, it is no news that stocks are old.
    too_few = [*_silence(state), *_slowness(state, cursor_ttl)]
    return judged(name, fine, [*too_few, *failures, *([] if too_few else _oldness(state, results))])


def _in_time(state: JobState, failing: int) -> str:
    pace = state.pace
    if pace.last_call is None:
        return "Never called"
    often = "too few calls to tell how often" if pace.every is None else f"usually every {span(pace.every)}"
    some = f"; {failing} stocks fail (`cron failures`)" if failing else ""
    return f"Last call {span(state.as_of - pace.last_call)} ago, {often}{some}"


def _silence(state: JobState) -> list[Trouble]:
    if state.pace.last_call is None:
        mend = f"Let a scheduler call /v1/cron/{state.name}, or run `flask --app wsgi cron {state.name}`."
        return [warning("It was never called", mend)]
    if not state.pace.late:
        return []
    mend = "See that the scheduler is on, and calls the right URL with the right secret."
    return [problem(silence(state), mend)]


def _slowness(state: JobState, cursor_ttl: timedelta) -> list[Trouble]:
    pace = state.pace
    if pace.every is None or pace.stocks_per_call is None:
        return []
    if pace.stocks_per_call == 0:
        mend = f"See why: `flask --app wsgi cron history --job {state.name}`."
        return [problem("Calls come, but most of them get no stock done", mend)]
    calls = math.ceil(state.total_stocks / pace.stocks_per_call)
    how = f"{calls} calls, one every {span(pace.every)}"
    often = "Call at least once a day." if calls == 1 else f"Call every {span(FRESH / (calls + 1))}"
    mend = often if calls == 1 else f"{often}, or let each call take all stocks: CRON_CHUNKS_PER_CALL=all."
    if calls > 1 and pace.every + LEEWAY > cursor_ttl:
        forgotten = f"the cursor is forgotten after {span(cursor_ttl)} (CRON_CURSOR_TTL_SECONDS)"
        return [problem(f"A cycle never ends: it takes {how}, and {forgotten}", mend)]
    # From one refresh of a stock to the next lies a whole cycle, with the wait for the first call of the next one.
    if calls * pace.every > OLD:
        return [problem(f"Stocks are refreshed only every {span(calls * pace.every)}: a cycle takes {how}", mend)]
    return []


def _oldness(state: JobState, results: Results) -> list[Trouble]:
    """Old results although calls come: of stocks that fail only where they are the most."""
    if state.pace.last_call and state.as_of - state.pace.last_call > FRESH:
        return []  # no call was due since, as on a weekend
    in_first_cycle = results.stale == 0 and (state.offset > 0 or state.running is not None)
    old = results.stale + results.never
    untold = old - results.failing
    most = old * 100 >= MOST_OLD_PERCENT * state.total_stocks
    if in_first_cycle or not (most or untold * 100 >= MANY_OLD_PERCENT * state.total_stocks):
        return []
    kind = "stale" if results.stale >= results.never else "never"
    mend = (
        f"See which: `flask --app wsgi cron coverage --job {state.name} --stocks {kind}`. If they do not grow "
        f"fewer, see in `cron history --job {state.name}` whether cycles come to their end."
    )
    found = f"{old} of {state.total_stocks} stocks have no result of the last {span(OLD)}"
    return [(problem if most else warning)(found, mend)]


def _failed(state: JobState) -> list[Trouble]:
    if state.last_run is None or not state.has_failed:
        return []
    return [problem(failure(state.last_run), f"See it whole: `flask --app wsgi cron run {state.last_run.id}`.")]


def _failing(state: JobState, failing: int) -> list[Trouble]:
    if failing * 100 <= MANY_FAILING_PERCENT * state.total_stocks:
        return []
    mend = f"See why: `flask --app wsgi cron failures --job {state.name}`."
    return [warning(f"{failing} of {state.total_stocks} stocks failed last time", mend)]
