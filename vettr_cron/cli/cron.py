"""flask --app wsgi cron ...: advance jobs, see their state, reset them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import click
from flask.cli import with_appcontext
from pydantic import BaseModel

from vettr_cron.cli.errors import CommandGroup, report_errors
from vettr_cron.cli.output import show
from vettr_cron.cli.parameters import (
    ChunksType,
    JobType,
    MomentType,
    TextType,
    TickersType,
    json_option,
    quiet_option,
    time_budget_option,
)
from vettr_cron.cli.progress import watcher
from vettr_cron.cli.signals import stop_on_signals
from vettr_cron.cli.text_tables import calls_table, history_table, preview_table, result_table, status_table
from vettr_cron.domain.logged_call import Caller, LoggedStatus
from vettr_cron.domain.run import CallStatus, JobResult, RunStatus
from vettr_cron.jobs.job import Job
from vettr_cron.registry import services
from vettr_cron.services.monitor.calls import CallFilter
from vettr_cron.services.monitor.history import RunFilter
from vettr_cron.services.refresh.all_jobs import refresh_all
from vettr_cron.services.refresh.request import Request
from vettr_cron.shapes import calls as call_shapes
from vettr_cron.shapes import monitor, operate, refresh
from vettr_cron.work_settings import MAXIMUM_CHUNK_SIZE

FAILED, SKIPPED = 1, 75  # 75 is EX_TEMPFAIL in sysexits.h: try again later

EXIT_STATUS = (
    f"Exit status: 0 done, {FAILED} failed, 2 wrong usage, {SKIPPED} skipped, because another call is running: "
    "the next one goes on from there."
)

cron = CommandGroup("cron", help="Refresh scores and red flags, and monitor the jobs.", epilog=EXIT_STATUS)


def _work_options(command: Any) -> Any:
    for option in (
        click.option("--dry-run", is_flag=True, help="Only show which stocks the call would take."),
        click.option(
            "--tickers", type=TickersType(), metavar="A,B,C", help="Only these stocks; the cursor does not move."
        ),
        click.option(
            "--only",
            type=click.Choice(["failed"]),
            help="Only the stocks that failed last time; the cursor does not move.",
        ),
        click.option(
            "--on-conflict",
            type=click.Choice(["error", "skip"]),
            default="error",
            show_default=True,
            help=f"A call that is skipped ends with {SKIPPED} (error), or with 0 (skip).",
        ),
        json_option,
        quiet_option,
        time_budget_option,
        click.option("--chunks", type=ChunksType(), help="How many chunks to run. [default: CRON_CHUNKS_PER_CALL]"),
        click.option(
            "--chunk-size",
            type=click.IntRange(1, MAXIMUM_CHUNK_SIZE),
            help="Stocks per chunk. [default: CRON_CHUNK_SIZE]",
        ),
    ):
        command = option(command)
    return command


def job_command(job: Job) -> click.Command:
    """The command that advances a job."""

    @click.command(job.name, help=f"Advance {job.run_name} by one call.", epilog=EXIT_STATUS)
    @with_appcontext
    @_work_options
    @report_errors
    def advance(as_json: bool, quiet: bool, dry_run: bool, on_conflict: str, **asked: Any) -> None:
        request = _request(**asked)
        check_quiet(quiet, dry_run)
        if dry_run:
            preview = services().preview.read(job, request)
            show(refresh.job_preview(preview), as_json, preview_table([preview]))
            return
        with stop_on_signals(services().shutdown), watcher(request, show=not as_json, quiet=quiet) as progress_of:
            result = services().refresh.run(job, request, progress_of(job))
        _show(request, [result], refresh.job_result(result), as_json, quiet)
        _exit_with([result], on_conflict)

    return advance


@cron.command("refresh-all", epilog=EXIT_STATUS)
@_work_options
@report_errors
def advance_all(as_json: bool, quiet: bool, dry_run: bool, on_conflict: str, **asked: Any) -> None:
    """Advance every job by one call, one after the other."""
    request = _request(**asked)
    check_quiet(quiet, dry_run)
    if dry_run:
        previews = {job.key: services().preview.read(job, request) for job in services().jobs.values()}
        shown = refresh.all_previews(previews, services().jobs)
        show(shown, as_json, preview_table(list(previews.values())))
        return
    with stop_on_signals(services().shutdown), watcher(request, show=not as_json, quiet=quiet) as progress_of:
        everything = refresh_all(services().refresh, services().jobs, request, progress_of)
    results = list(everything.results.values())
    _show(request, results, refresh.all_results(everything, services().jobs), as_json, quiet)
    _exit_with(results, on_conflict)


@cron.command()
@json_option
@report_errors
def status(as_json: bool) -> None:
    """Show each job's progress, current run, last run and last success."""
    now = services().status.read()
    show(monitor.status(now, services().jobs), as_json, status_table(now))


@cron.command()
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True, help="How many runs to list.")
@click.option("--job", type=TextType(), help="Only this job's runs; it may be any name in the run log.")
@click.option(
    "--status",
    "run_status",
    type=click.Choice([state.value for state in RunStatus]),
    help="Only runs with this status.",
)
@click.option("--since", type=MomentType(), help="Only runs that began then or later.")
@click.option("--until", type=MomentType(), help="Only runs that began before then.")
@click.option("--before", type=click.UUID, metavar="ID", help="Only runs older than this one: the next page.")
@json_option
@report_errors
def history(
    limit: int,
    job: str | None,
    run_status: str | None,
    since: datetime | None,
    until: datetime | None,
    before: UUID | None,
    as_json: bool,
) -> None:
    """List the newest runs, newest first."""
    state = RunStatus(run_status) if run_status else None
    wanted = RunFilter(job=job, status=state, since=since, until=until, before=before)
    runs = services().history.read(limit, wanted)
    show(monitor.history(runs), as_json, history_table(runs))


@cron.command()
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True, help="How many calls to list.")
@click.option("--job", type=JobType(), help="Only this job's calls. [default: all]")
@click.option(
    "--status",
    "call_status",
    type=click.Choice([state.value for state in LoggedStatus]),
    help="Only calls with this status.",
)
@click.option("--since", type=MomentType(), help="Only calls that began then or later.")
@click.option("--until", type=MomentType(), help="Only calls that began before then.")
@click.option("--before", type=click.UUID, metavar="ID", help="Only calls older than this one: the next page.")
@json_option
@report_errors
def calls(
    limit: int,
    job: str | None,
    call_status: str | None,
    since: datetime | None,
    until: datetime | None,
    before: UUID | None,
    as_json: bool,
) -> None:
    """List the newest calls, newest first: skipped and failed ones too."""
    state = LoggedStatus(call_status) if call_status else None
    page = services().calls.read(limit, CallFilter(job=job, status=state, since=since, until=until, before=before))
    show(call_shapes.calls(page), as_json, calls_table(page))


@cron.command()
@click.option("--job", type=JobType(), help="Only this job's cursor. [default: all]")
@click.option("--yes", is_flag=True, help="Required, as the current cycles are abandoned.")
@json_option
@report_errors
def reset(job: str | None, yes: bool, as_json: bool) -> None:
    """Reset the cursors, so that the next call starts a new cycle."""
    if not yes:
        raise click.UsageError("this abandons the current cycles; confirm with --yes")
    names = services().reset.run(services().jobs_named(job))
    show(operate.reset_done(names), as_json, [f"Cron cursors reset: {', '.join(names)}"])


def _request(
    chunk_size: int | None, chunks: Any, time_budget: float | None, only: str | None, tickers: Sequence[str] | None
) -> Request:
    settings = services().settings
    if only and tickers:
        raise click.UsageError("--only cannot be combined with --tickers")
    return Request.asked(
        settings,
        chunk_size=chunk_size,
        chunks=chunks,
        only_failed=only is not None,
        tickers=tickers,
        time_budget=time_budget or settings.cron_time_budget_seconds,
        caller=Caller.COMMAND,
    )


def check_quiet(quiet: bool, dry_run: bool) -> None:
    """Refuse options that contradict each other. Raises UsageError."""
    if quiet and dry_run:
        raise click.UsageError("--quiet cannot be combined with --dry-run, which only shows something")


def _show(request: Request, results: list[JobResult], shown: BaseModel, as_json: bool, quiet: bool) -> None:
    if quiet and not any(result.status is CallStatus.FAILED for result in results):
        return
    # A process that was asked to stop ends in time, whether or not somebody reads what it says.
    table = result_table(results, in_cycle=request.only is None)
    show(shown, as_json, table, wait=not services().shutdown.asked)


def _exit_with(results: list[JobResult], on_conflict: str) -> None:
    states = {result.status for result in results}
    if CallStatus.FAILED in states:
        raise SystemExit(FAILED)
    if CallStatus.SKIPPED in states and on_conflict == "error":
        raise SystemExit(SKIPPED)
