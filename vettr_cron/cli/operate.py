"""flask --app wsgi cron coverage, failures, run, pause, resume: the operator's commands."""

from datetime import timedelta
from uuid import UUID

import click

from vettr_cron.cli.cron import cron
from vettr_cron.cli.errors import report_errors
from vettr_cron.cli.output import show
from vettr_cron.cli.parameters import JobType, TextType, finite, json_option
from vettr_cron.cli.text_tables import coverage_table, history_table, reasons_table, stocks_table
from vettr_cron.config import MAXIMUM_DAYS
from vettr_cron.registry import services
from vettr_cron.services.monitor.coverage import Freshness, Listing
from vettr_cron.services.operate.pause import MAXIMUM_REASON
from vettr_cron.shapes import monitor
from vettr_cron.shapes.operate import pauses

job_option = click.option("--job", type=JobType(), help="Only this job. [default: all]")
after_option = click.option(
    "--after", type=TextType(), metavar="TICKER", help="Only stocks after this one: the next page."
)
reason_option = click.option(
    "--reason", type=TextType(), help="Only stocks that failed last time for this reason, as in last_reason."
)
limit_option = click.option(
    "--limit", type=click.IntRange(1, 1_000), default=100, show_default=True, help="How many stocks to list per job."
)


@cron.command()
@job_option
@click.option(
    "--max-age",
    type=click.FloatRange(0, MAXIMUM_DAYS * 24, min_open=True),
    callback=finite,
    help="How old the result of a fresh stock may be, in hours. [default: CRON_FRESH_WITHIN]",
)
@click.option(
    "--stocks",
    type=click.Choice([state.value for state in Freshness]),
    help="List the stocks in this state; requires --job.",
)
@reason_option
@limit_option
@after_option
@json_option
@report_errors
def coverage(
    job: str | None,
    max_age: float | None,
    stocks: str | None,
    reason: str | None,
    limit: int,
    after: str | None,
    as_json: bool,
) -> None:
    """Show how many stocks are fresh, stale or never refreshed, and which."""
    if stocks and not job:
        raise click.UsageError("--stocks requires --job: it lists the stocks of one job")
    if reason and not stocks:
        raise click.UsageError("--reason requires --stocks: it narrows the list")
    listing = Listing(freshness=Freshness(stocks), limit=limit, after=after, reason=reason) if stocks else None
    within = timedelta(hours=max_age) if max_age else services().settings.cron_fresh_within
    found = services().coverage.read(services().jobs_named(job), within, listing)
    listed = ["", *stocks_table([found.page])] if found.page else []
    show(monitor.coverage(found, services().jobs), as_json, [*coverage_table(found), *listed])


@cron.command()
@job_option
@reason_option
@limit_option
@after_option
@json_option
@report_errors
def failures(job: str | None, reason: str | None, limit: int, after: str | None, as_json: bool) -> None:
    """List the stocks that failed last time: since when, how often, and why."""
    jobs = services().jobs_named(job)
    pages = {each.key: services().coverage.failures(each, limit, after, reason) for each in jobs}
    lines = [*reasons_table(list(pages.values())), *stocks_table(list(pages.values()))]
    show(monitor.failures(pages, services().jobs), as_json, lines)


@cron.command()
@click.argument("run_id", type=click.UUID, metavar="ID")
@json_option
@report_errors
def run(run_id: UUID, as_json: bool) -> None:
    """Show one run in full, with every stock that failed in it."""
    found = services().history.one(run_id)
    lines = [*history_table([found]), *(f"{failure.ticker}: {failure.error}" for failure in found.failures or ())]
    show(monitor.Run.of(found), as_json, lines)


def _short(_context: click.Context, _parameter: click.Parameter, text: str | None) -> str | None:
    if text is not None and len(text) > MAXIMUM_REASON:
        raise click.BadParameter(f"use at most {MAXIMUM_REASON} characters; this text has {len(text)}")
    return text


@cron.command()
@job_option
@click.option(
    "--reason",
    type=TextType(),
    callback=_short,
    help=f"Why the job is paused; at most {MAXIMUM_REASON} characters.",
)
@json_option
@report_errors
def pause(job: str | None, reason: str | None, as_json: bool) -> None:
    """Pause one job or all: calls are skipped, and a running call stops before its next chunk."""
    paused = services().pause.pause(services().jobs_named(job), reason)
    show(pauses(paused), as_json, [f"Paused: {', '.join(paused)}"])


@cron.command()
@job_option
@json_option
@report_errors
def resume(job: str | None, as_json: bool) -> None:
    """Resume one job or all."""
    paused = services().pause.resume(services().jobs_named(job))
    show(pauses(paused), as_json, [f"Still paused: {', '.join(paused)}" if paused else "Nothing is paused."])
