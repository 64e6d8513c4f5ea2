"""Whether there are stocks to refresh, and whether the calls come often enough to keep them fresh."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from vettr_cron.domain.diagnosis.check import Check, Trouble, judged, problem, warning
from vettr_cron.domain.pace import LEEWAY, Situation, span

FRESH = timedelta(hours=24)  # what `coverage` asks for when it is not told otherwise
JITTER = timedelta(hours=1)  # a daily call is a daily call although schedulers are not on the minute
MANY_FAILING_PERCENT = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Tickers:
    """How many stocks there are, and how many whose tickers red_flag_history, which takes `longest`, cannot hold."""

    total: int
    too_long: int
    longest: int | None


def universe(tickers: Tickers) -> Check:
    """Whether there is anything to do, and whether all of it can be written down."""
    return judged("universe", f"{tickers.total} stocks", _universe_troubles(tickers))


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


def schedule(situation: Situation, failing: int, cursor_ttl: timedelta, now: datetime) -> Check:
    """Whether a job's calls come, come often enough, and succeed; `failing` is how many stocks failed last time."""
    name, fine = f"schedule-{situation.job}", _in_time(situation, failing, now)
    if situation.total == 0:
        return judged(name, "There is nothing to refresh", [])
    if situation.paused:
        reason = situation.paused.reason or "no reason was given"
        mend = f"Let it go on: `flask --app wsgi cron resume --job {situation.job}`."
        return judged(name, fine, [warning(f"Paused: {reason}", mend), *_failing(situation, failing)])
    return judged(
        name, fine, [*_silence(situation, now), *_slowness(situation, cursor_ttl), *_failing(situation, failing)]
    )


def _in_time(situation: Situation, failing: int, now: datetime) -> str:
    pace = situation.pace
    if pace.last_call is None:
        return "Never called"
    often = "too few calls to tell how often" if pace.every is None else f"usually every {span(pace.every)}"
    some = f"; {failing} stocks fail (`cron failures`)" if failing else ""
    return f"Last call {span(now - pace.last_call)} ago, {often}{some}"


def _silence(situation: Situation, now: datetime) -> list[Trouble]:
    pace = situation.pace
    if pace.last_call is None:
        mend = f"Let a scheduler call /v1/cron/{situation.job}, or run `flask --app wsgi cron {situation.job}`."
        return [warning("It was never called", mend)]
    since = now - pace.last_call
    rare = pace.every is None and since > FRESH + JITTER
    if situation.running or not (pace.late or rare):
        return []
    usual = f", usually every {span(pace.every)}" if pace.every else ""
    mend = "See that the scheduler is on, and calls the right URL with the right secret."
    return [problem(f"No call for {span(since)}{usual}", mend)]


def _slowness(situation: Situation, cursor_ttl: timedelta) -> list[Trouble]:
    pace = situation.pace
    if pace.every is None or not pace.stocks_per_call:
        return []
    calls = math.ceil(situation.total / pace.stocks_per_call)
    how = f"{calls} calls, one every {span(pace.every)}"
    often = "Call at least once a day." if calls == 1 else f"Call every {span(FRESH / (calls + 1))}"
    mend = often if calls == 1 else f"{often}, or let each call take all stocks: CRON_CHUNKS_PER_CALL=all."
    if calls > 1 and pace.every + LEEWAY > cursor_ttl:
        forgotten = f"the cursor is forgotten after {span(cursor_ttl)} (CRON_CURSOR_TTL_SECONDS)"
        return [problem(f"A cycle never ends: it takes {how}, and {forgotten}", mend)]
    # From one refresh of a stock to the next lies a whole cycle, with the wait for the first call of the next one.
    if calls * pace.every > FRESH + JITTER:
        return [problem(f"Stocks are refreshed only every {span(calls * pace.every)}: a cycle takes {how}", mend)]
    return []


def _failing(situation: Situation, failing: int) -> list[Trouble]:
    if failing * 100 <= MANY_FAILING_PERCENT * situation.total:
        return []
    mend = f"See why: `flask --app wsgi cron failures --job {situation.job}`."
    return [warning(f"{failing} of {situation.total} stocks failed last time", mend)]
