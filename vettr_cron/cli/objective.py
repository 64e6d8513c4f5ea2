"""flask --app wsgi cron objective: for which share of the time every stock was fresh."""

import math
from collections.abc import Sequence

import click

from vettr_cron.cli.cron import cron
from vettr_cron.cli.errors import report_errors
from vettr_cron.cli.operate import job_option
from vettr_cron.cli.output import show
from vettr_cron.cli.parameters import json_option
from vettr_cron.cli.text_tables import columns
from vettr_cron.domain.job_state import span
from vettr_cron.domain.timestamps import iso_milliseconds
from vettr_cron.registry import services
from vettr_cron.services.monitor.objective import DEFAULT_DAYS, MOST_DAYS, Objectives
from vettr_cron.shapes import objective as shapes

SPANS_SHOWN = 10  # of each job


@cron.command()
@click.option(
    "--days",
    type=click.IntRange(1, MOST_DAYS),
    default=DEFAULT_DAYS,
    show_default=True,
    help="How many days back to look.",
)
@job_option
@json_option
@report_errors
def objective(days: int, job: str | None, as_json: bool) -> None:
    """Show for which share of the last days every stock was fresh, and when not."""
    found = services().objective.read(services().jobs_named(job), days)
    show(shapes.objective(found, services().jobs), as_json, _text(found))


def _text(found: Objectives) -> list[str]:
    rows: list[Sequence[object]] = [("job", "every stock fresh", "counted time", "samples since")]
    spans: list[Sequence[object]] = [("job", "not fresh from", "to", "for")]
    for key, job in found.jobs.items():
        since = iso_milliseconds(job.since) if job.since else "never"
        rows.append((key, _percent(job.found.share), span(job.found.counted), since))
        spans += [
            (key, iso_milliseconds(each.start), iso_milliseconds(each.end), span(each.end - each.start))
            for each in job.found.not_fresh[:SPANS_SHOWN]
        ]
    more = [
        f"{key}: and {len(job.found.not_fresh) - SPANS_SHOWN} earlier times"
        for key, job in found.jobs.items()
        if len(job.found.not_fresh) > SPANS_SHOWN
    ]
    return [*columns(rows), *(["", *columns(spans), *more] if len(spans) > 1 else [])]


def _percent(share: float | None) -> str:
    # Rounded down: only what was always fresh is 100 %.
    return "unknown" if share is None else f"{math.floor(round(share * 10_000, 6)) / 100:.2f} %"
