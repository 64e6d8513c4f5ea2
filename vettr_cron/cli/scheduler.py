"""flask --app wsgi cron scheduler: call the jobs at their times, where the host has nothing that does."""

from collections.abc import Mapping, Sequence
from functools import partial

import click

from vettr_cron.cli.cron import cron
from vettr_cron.cli.errors import report_errors
from vettr_cron.cli.output import as_lines
from vettr_cron.cli.parameters import ChunksType
from vettr_cron.cli.progress import progress_output, spare_readers
from vettr_cron.cli.signals import stop_on_signals
from vettr_cron.domain.logged_call import Caller
from vettr_cron.domain.run import JobResult
from vettr_cron.domain.timestamps import iso_milliseconds
from vettr_cron.logs import flush_logs
from vettr_cron.registry import services
from vettr_cron.schedule import Schedule
from vettr_cron.services.refresh.all_jobs import AllResults, refresh_all
from vettr_cron.services.refresh.request import Request
from vettr_cron.services.scheduler import NextCall, Scheduler


@cron.command()
@click.option("--chunks", type=ChunksType(), help="How many chunks each call runs. [default: CRON_CHUNKS_PER_CALL]")
@report_errors
def scheduler(chunks: int | str | None) -> None:
    """Advance the jobs at the times of CRON_SCHEDULE, until stopped: for a host without a scheduler.

    What did not come while nothing ran is called once, at the start.
    """
    own = services()
    timetables = {name: own.settings.schedule_of(job.key) for name, job in own.jobs.items()}
    scheduled = {name: timetable for name, timetable in timetables.items() if timetable}
    if not scheduled:
        raise click.UsageError("no job has a schedule; set CRON_SCHEDULE to when to call them, such as 0 */6 * * *")
    spare_readers()
    try:
        with stop_on_signals(own.shutdown), progress_output() as output:
            for step in _scheduler(scheduled, chunks).run():
                click.echo(as_lines(_lines(step)), file=output)
    finally:
        flush_logs()


def _scheduler(timetables: Mapping[str, Schedule], chunks: int | str | None) -> Scheduler:
    own = services()
    request = Request.asked(
        own.settings,
        chunk_size=None,
        chunks=chunks,
        only_failed=False,
        tickers=None,
        time_budget=own.settings.cron_time_budget_seconds,
        caller=Caller.COMMAND,
    )
    return Scheduler(
        {name: own.jobs[name] for name in timetables},
        timetables,
        status=own.status,
        call=partial(refresh_all, own.refresh, request=request),
        hang_up=own.close_connections,
        shutdown=own.shutdown,
    )


def _lines(step: AllResults | NextCall) -> Sequence[str]:
    if isinstance(step, AllResults):
        return [_line(result) for result in step.results.values()]
    what = f"{step.error}; trying again" if step.error else "next call"
    return [f"{what}: {iso_milliseconds(step.at)}, {', '.join(job.run_name for job in step.jobs)}"]


def _line(result: JobResult) -> str:
    paused = f"paused: {result.pause.reason or 'no reason'}" if result.pause else None
    did = f"{result.stocks_processed} stocks, {result.failed} failed, {result.duration_ms} ms"
    head = f"{iso_milliseconds(result.completed_at)} {result.job}: {result.status.value} ({result.stop_reason.value})"
    return "; ".join(text for text in (f"{head}, {did}", result.warning, result.error, paused) if text)
