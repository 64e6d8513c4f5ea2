"""flask --app wsgi cron cleanup: remove old runs, calls, samples, red flags and snapshots."""

import click

from vettr_cron.cli.cron import FAILED, check_quiet, cron
from vettr_cron.cli.errors import report_errors
from vettr_cron.cli.output import show
from vettr_cron.cli.parameters import json_option, quiet_option, time_budget_option
from vettr_cron.cli.signals import stop_on_signals
from vettr_cron.cli.text_tables import columns
from vettr_cron.config import MAXIMUM_DAYS
from vettr_cron.domain.timestamps import iso_milliseconds
from vettr_cron.registry import services
from vettr_cron.services.operate.cleanup import CleanupRequest, CleanupResult, KeepDays
from vettr_cron.shapes.operate import cleanup_done

_DAYS = click.IntRange(1, MAXIMUM_DAYS)


@cron.command()
@click.option("--runs-days", type=_DAYS, help="How many days of runs to keep. [default: CRON_KEEP_RUNS_DAYS]")
@click.option("--calls-days", type=_DAYS, help="How many days of calls and samples. [default: CRON_KEEP_CALLS_DAYS]")
@click.option("--red-flags-days", type=_DAYS, help="How many days of red flags. [default: CRON_KEEP_RED_FLAGS_DAYS]")
@click.option("--snapshots-days", type=_DAYS, help="How many days of snapshots. [default: CRON_KEEP_SNAPSHOTS_DAYS]")
@click.option("--dry-run", is_flag=True, help="Count what would be removed, and remove nothing.")
@time_budget_option
@json_option
@quiet_option
@report_errors
def cleanup(
    runs_days: int | None,
    calls_days: int | None,
    red_flags_days: int | None,
    snapshots_days: int | None,
    dry_run: bool,
    time_budget: float | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Remove old rows, but no acknowledged flag, no job's newest run, and nothing that the last refresh wrote."""
    check_quiet(quiet, dry_run)
    settings = services().settings
    request = CleanupRequest(
        keep=KeepDays.asked(settings, runs_days, calls_days, red_flags_days, snapshots_days),
        dry_run=dry_run,
        time_budget=time_budget or settings.cron_time_budget_seconds,
    )
    with stop_on_signals(services().shutdown):
        result = services().cleanup.run(request)
    if not quiet or result.error is not None:
        show(cleanup_done(result), as_json, _text(result))
    if result.error is not None:
        raise SystemExit(FAILED)


def _text(result: CleanupResult) -> list[str]:
    head = ("", "older than", "would remove" if result.dry_run else "removed")
    rows = [
        (name.replace("_", " "), iso_milliseconds(result.older_than[name]), result.removed[name])
        for name in result.removed
    ]
    lines = columns([head, *rows])
    lines += [text for text in (result.warning, result.error) if text]
    if not result.is_complete:
        lines.append("There may be more." if result.dry_run else "There may be more; the next call continues.")
    return lines
