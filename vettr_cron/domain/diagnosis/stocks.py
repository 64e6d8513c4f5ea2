"""Whether there are stocks to refresh, and whether the calls come often enough to keep them fresh."""

import math
from dataclasses import dataclass
from datetime import timedelta

from vettr_cron.domain.calls import FRESH, JITTER, LEEWAY
from vettr_cron.domain.diagnosis.check import Check, Finding, judged, problem, warning
from vettr_cron.domain.diagnosis.servers import TOLERATED_CLOCK
from vettr_cron.domain.job_state import JobState, ago, failure, missing_calls, span
from vettr_cron.domain.timestamps import logged_time

OLD = FRESH + JITTER
"""A result older than this is old: the interval of a daily call, and how late such a call may be."""
MANY_FAILING_PERCENT = 5
MANY_OLD_PERCENT, MOST_OLD_PERCENT = 5, 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Tickers:
    """How many stocks there are, and how many have tickers longer than `longest`, the most that red_flag_history holds.

    `longest` is None if any length fits. `not_upper_case` are those that the platform does not find.
    """

    total: int
    too_long: int
    longest: int | None
    not_upper_case: int = 0


def universe(tickers: Tickers, unreadable: str | None) -> Check:
    """Whether there are stocks, and whether their results fit; `unreadable` is why the jobs cannot read them."""
    findings = _universe_findings(tickers)
    if unreadable is not None:
        fix = "Every call fails until the jobs can read their inputs: fix what the database reports."
        findings.append(problem(unreadable, fix))
    return judged("universe", f"{tickers.total} stocks", findings)


def _universe_findings(tickers: Tickers) -> list[Finding]:
    if tickers.total == 0:
        fix = "Run `flask --app wsgi stocks import FOLDER`, or point DATABASE_URL at the platform's database."
        return [problem("There are no stocks", fix)]
    return [*_long_tickers(tickers), *_unseen_tickers(tickers)]


def _unseen_tickers(tickers: Tickers) -> list[Finding]:
    if tickers.not_upper_case == 0:
        return []
    found = (
        f"{tickers.not_upper_case} of {tickers.total} stocks have tickers that are not in upper case: the platform "
        "finds neither them nor their results"
    )
    return [warning(found, "Write these tickers in upper case where the stocks come from.")]


def _long_tickers(tickers: Tickers) -> list[Finding]:
    if tickers.too_long == 0:
        return []
    found = (
        f"{tickers.too_long} of {tickers.total} stocks have tickers longer than the {tickers.longest} characters "
        "that red_flag_history.stock_ticker takes: their red flags will fail"
    )
    return [warning(found, "Ask the platform's owner to make that column varchar(20), as stocks.ticker is.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """How many stocks have a result older than OLD, how many have none, and how many failed last time."""

    stale: int
    never: int
    failing: int


def schedule(state: JobState, results: Results, cursor_ttl: timedelta) -> Check:
    """Whether a job's calls come, come often enough, succeed, and keep the stocks fresh."""
    name, fine = f"schedule-{state.name}", _on_time(state, results.failing)
    if state.total_stocks == 0:
        return judged(name, "There is nothing to refresh", [])
    failures = [
        *_hang(state),
        *_overlong_lease(state),
        *_future_run(state),
        *_foreign_cursor(state),
        *_failed_run(state),
        *_failing_stocks(state, results.failing),
    ]
    if state.paused:
        reason = state.paused.reason or "no reason given"
        fix = f"Resume it: `flask --app wsgi cron resume --job {state.name}`."
        return judged(name, fine, [warning(f"Paused: {reason}", fix), *failures])
    # If calls do not come, or not often enough, it goes without saying that results are old.
    too_few = [*_missing_calls(state), *_slow_cycle(state, cursor_ttl)]
    return judged(name, fine, [*too_few, *failures, *([] if too_few else _old_results(state, results))])


def _on_time(state: JobState, failing: int) -> str:
    pace = state.pace
    if pace.last_call is None:
        return "Never called"
    often = "too few calls to tell how often" if pace.every is None else f"usually every {span(pace.every)}"
    some = f"; {failing} stocks fail (`cron failures`)" if failing else ""
    return f"Last call {span(state.as_of - pace.last_call)} ago, {often}{some}"


def _missing_calls(state: JobState) -> list[Finding]:
    if state.pace.last_call is None:
        fix = f"Have a scheduler call /v1/cron/{state.name}, or run `flask --app wsgi cron {state.name}`."
        return [warning("The job was never called", fix)]
    if not state.pace.late:
        return []
    fix = "Check that the scheduler is on, and calls the right URL with the right secret."
    return [problem(missing_calls(state), fix)]


def _slow_cycle(state: JobState, cursor_ttl: timedelta) -> list[Finding]:
    pace = state.pace
    if pace.every is None or pace.stocks_per_call is None:
        return []
    if pace.stocks_per_call == 0:
        fix = f"See why: `flask --app wsgi cron history --job {state.name}`."
        return [problem("Calls come, but most of them process no stock", fix)]
    calls = math.ceil(state.total_stocks / pace.stocks_per_call)
    how = f"{calls} calls, one every {span(pace.every)}"
    often = "Call at least once a day." if calls == 1 else f"Call every {span(FRESH / (calls + 1))}"
    fix = often if calls == 1 else f"{often}, or let each call take all stocks: CRON_CHUNKS_PER_CALL=all."
    if calls > 1 and pace.every + LEEWAY > cursor_ttl:
        expiry = f"the cursor expires after {span(cursor_ttl)} (CRON_CURSOR_TTL_SECONDS)"
        return [problem(f"A cycle never ends: it takes {how}, and {expiry}", fix)]
    # Between two refreshes of a stock lies a whole cycle, including the wait for the first call of the next one.
    if calls * pace.every > OLD:
        return [problem(f"Stocks are refreshed only every {span(calls * pace.every)}: a cycle takes {how}", fix)]
    return []


def _old_results(state: JobState, results: Results) -> list[Finding]:
    """Old results although calls come; those of failing stocks count only if most results are old."""
    if state.pace.last_call and state.as_of - state.pace.last_call > FRESH:
        return []  # no call was due since, as on a weekend
    in_first_cycle = results.stale == 0 and (state.offset > 0 or state.running is not None)
    old = results.stale + results.never
    unexplained = old - results.failing
    most = old * 100 >= MOST_OLD_PERCENT * state.total_stocks
    if in_first_cycle or not (most or unexplained * 100 >= MANY_OLD_PERCENT * state.total_stocks):
        return []
    kind = "stale" if results.stale >= results.never else "never"
    fix = (
        f"See which: `flask --app wsgi cron coverage --job {state.name} --stocks {kind}`. If their "
        f"number does not fall, check in `cron history --job {state.name}` whether cycles complete."
    )
    found = f"{old} of {state.total_stocks} stocks have no result from the last {span(OLD)}"
    return [(problem if most else warning)(found, fix)]


def _hang(state: JobState) -> list[Finding]:
    if state.seconds_since_progress is None or not state.may_hang:
        return []
    fix = (
        "See in its log what it waits for. If it hangs, its lease runs out and a later call takes over; its process "
        "must be ended by hand."
    )
    return [warning(f"A call is running whose last progress was {ago(state.seconds_since_progress)}", fix)]


def _overlong_lease(state: JobState) -> list[Finding]:
    beyond = timedelta(seconds=state.held.seconds_beyond_term if state.held else 0)
    if beyond <= TOLERATED_CLOCK:
        return []
    fix = (
        "Redis' clock was probably set back. The next call shortens the lease to its term; if its holder is dead, "
        "calls work again once that is over."
    )
    return [warning(f"The lease of the call at work lives {span(beyond)} longer than its term", fix)]


def _future_run(state: JobState) -> list[Finding]:
    if state.future_run is None:
        return []
    fix = (
        "The clock of the machine that made it was ahead: let NTP set it. Until that time, the run counts neither as "
        "the last one nor for the pace of the calls."
    )
    when = logged_time(state.future_run.started_at)
    return [warning(f"A run began in the future, at {when}: {state.future_run.id}", fix)]


def _foreign_cursor(state: JobState) -> list[Finding]:
    if not state.is_foreign:
        return []
    fix = (
        "If two installations share this Redis, give each a Redis database of its own (the number at the end of "
        "REDIS_URL); if DATABASE_URL has changed, the next call makes the cursor its own."
    )
    return [warning("The cursor was last moved through another database's stocks", fix)]


def _failed_run(state: JobState) -> list[Finding]:
    if state.last_run is None or not state.has_failed:
        return []
    return [problem(failure(state.last_run), f"See it in full: `flask --app wsgi cron run {state.last_run.id}`.")]


def _failing_stocks(state: JobState, failing: int) -> list[Finding]:
    if failing * 100 <= MANY_FAILING_PERCENT * state.total_stocks:
        return []
    fix = f"See why: `flask --app wsgi cron failures --job {state.name}`."
    return [warning(f"{failing} of {state.total_stocks} stocks failed last time", fix)]
