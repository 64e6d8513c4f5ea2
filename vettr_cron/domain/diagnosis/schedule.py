"""Whether the calls come, come often enough, succeed, and keep the stocks fresh."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

from vettr_cron.domain.diagnosis.check import Check, Finding, State, judged, problem, warning
from vettr_cron.domain.diagnosis.servers import TOLERATED_CLOCK
from vettr_cron.domain.job_state import JobState, ago, clock, failed_call, failure, missing_calls, span
from vettr_cron.domain.timestamps import logged_time

MANY_FAILING_PERCENT = 5
MANY_OLD_PERCENT, MOST_OLD_PERCENT = 5, 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """How many stocks have a result older than `within`, how many have none, and how many failed last time."""

    within: timedelta
    stale: int
    never: int
    failing: int


def expected_calls(jobs: Collection[str], unscheduled: Collection[str]) -> Check:
    """Whether anything says when calls are expected, of those jobs for which nothing does."""
    fix = "Set CRON_SCHEDULE to when your scheduler calls, such as '0 */6 * * *', or to off if nothing calls regularly."
    of_some = f" for {', '.join(unscheduled)}" if len(unscheduled) < len(jobs) else ""
    found = f"CRON_SCHEDULE is not set{of_some}: a call that does not come is not noticed until results are old"
    return judged("schedule", "It is known when calls are expected", [warning(found, fix)] if unscheduled else [])


def schedule(state: JobState, results: Results) -> Check:
    """Whether a job's calls come, come often enough, succeed, and keep the stocks fresh."""
    name, fine = f"schedule-{state.name}", _on_time(state, results.failing)
    if state.total_stocks == 0:
        return judged(name, "There is nothing to refresh", [])
    failures = [
        *_hang(state),
        *_overlong_lease(state),
        *_future_rows(state),
        *_foreign_cursor(state),
        *_failed_run(state),
        *_failing_stocks(state, results.failing),
    ]
    if state.paused:
        reason = state.paused.reason or "no reason given"
        fix = f"Resume it: `flask --app wsgi cron resume --job {state.name}`."
        return judged(name, fine, [warning(f"Paused: {reason}", fix), *failures])
    # If calls do not come, or not often enough, it goes without saying that results are old.
    too_few = [*_missing_calls(state), *_slow_cycle(state, results.within)]
    is_explained = not state.was_called or any(finding.state is State.PROBLEM for finding in too_few)
    return judged(name, fine, [*too_few, *failures, *([] if is_explained else _old_results(state, results))])


def _on_time(state: JobState, failing: int) -> str:
    if state.last_call is None:
        return "No call is logged yet"
    said = f"Last call {span(state.as_of - state.last_call.started_at)} ago"
    if state.next_call:
        said += f", the next one is expected at {clock(state.next_call)}"
    return said + (f"; {failing} stocks fail (`cron failures`)" if failing else "")


def _missing_calls(state: JobState) -> list[Finding]:
    if not state.was_called:
        fix = f"Have a scheduler call /v1/cron/{state.name}, or run `flask --app wsgi cron {state.name}`."
        return [warning("The job was never called" if not state.has_results else "The cycle was never called", fix)]
    missing = missing_calls(state)
    if missing is None:
        return []
    if state.attendance.late:
        return [problem(missing, "Check that the scheduler is on, and calls the right URL with the right secret.")]
    fix = f"See which came: `flask --app wsgi cron calls --job {state.name}`; the scheduler's log has the others."
    return [warning(missing, fix)]


def _slow_cycle(state: JobState, within: timedelta) -> list[Finding]:
    if state.pace.stocks_per_call == 0:
        fix = f"See why: `flask --app wsgi cron calls --job {state.name}`."
        return [problem("Calls come, but process no stock", fix)]
    cycle = state.scheduled_cycle
    if cycle is None:
        return []
    often = f"Call every {span(within / (cycle.calls + 1))}"
    fix = f"{often}, or let each call take all stocks: CRON_CHUNKS_PER_CALL=all."
    if cycle.never_ends:
        found = f"A cycle never ends: it takes {cycle.calls} calls, and the cursor expires after {cycle.most_in_time}"
        return [problem(f"{found} (CRON_CURSOR_TTL_SECONDS)", fix)]
    # Between two refreshes of a stock lies a whole cycle, including the wait for the first call of the next one.
    if cycle.time > within:
        if cycle.calls == 1:
            fix = f"Call more often, or set CRON_FRESH_WITHIN to more than {span(cycle.time)}."
        # A schedule that rests at weekends is meant so, as long as each of its calls takes all stocks.
        kind, calls = (warning, "1 call") if cycle.calls == 1 else (problem, f"{cycle.calls} calls")
        return [kind(f"By the schedule, stocks are refreshed only every {span(cycle.time)}, in {calls}", fix)]
    return []


def _old_results(state: JobState, results: Results) -> list[Finding]:
    """Old results although calls come; those of failing stocks count only if most results are old."""
    in_first_cycle = results.stale == 0 and (state.offset > 0 or state.running is not None)
    old = results.stale + results.never
    unexplained = old - results.failing
    most = old * 100 >= MOST_OLD_PERCENT * state.total_stocks
    if in_first_cycle or not (most or unexplained * 100 >= MANY_OLD_PERCENT * state.total_stocks):
        return []
    kind = "stale" if results.stale >= results.never else "never"
    fix = (
        f"See which: `flask --app wsgi cron coverage --job {state.name} --stocks {kind}`. If their "
        f"number does not fall, check in `cron calls --job {state.name}` whether calls come and cycles complete."
    )
    found = f"{old} of {state.total_stocks} stocks have no result from the last {span(results.within)}"
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


def _future_rows(state: JobState) -> list[Finding]:
    found = []
    if run := state.future_run:
        found.append((f"A run began in the future, at {logged_time(run.started_at)}: {run.id}", "cron_job_runs"))
    if call := state.future_call:
        found.append((f"A call began in the future, at {logged_time(call.started_at)}: {call.id}", "cron_calls"))
    if state.future_sample:
        found.append((f"A sample was taken in the future, at {logged_time(state.future_sample)}", "cron_samples"))
    fix = (
        "The clock of the machine that made it was ahead: let NTP set it. Until that time, it counts neither as the "
        "last one nor for the schedule or the objective. To be rid of it sooner, delete it from {}."
    )
    return [warning(said, fix.format(table)) for said, table in found]


def _foreign_cursor(state: JobState) -> list[Finding]:
    if not state.is_foreign:
        return []
    fix = (
        "If two installations share this Redis, give each a Redis database of its own (the number at the end of "
        "REDIS_URL); if DATABASE_URL has changed, the next call makes the cursor its own."
    )
    return [warning("The cursor was last moved through another database's stocks", fix)]


def _failed_run(state: JobState) -> list[Finding]:
    if state.last_call and state.call_failed:
        fix = f"See the others: `flask --app wsgi cron calls --job {state.name}`; the log has the cause."
        return [problem(failed_call(state.last_call), fix)]
    if state.last_run is None or not state.has_failed:
        return []
    return [problem(failure(state.last_run), f"See it in full: `flask --app wsgi cron run {state.last_run.id}`.")]


def _failing_stocks(state: JobState, failing: int) -> list[Finding]:
    if failing * 100 <= MANY_FAILING_PERCENT * state.total_stocks:
        return []
    return [warning(f"{failing} of {state.total_stocks} stocks failed last time", see_failures(state.name))]


def see_failures(job: str) -> str:
    """How to see why stocks fail."""
    return f"See why: `flask --app wsgi cron failures --job {job}`."
