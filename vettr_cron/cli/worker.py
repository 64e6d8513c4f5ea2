"""flask --app wsgi cron worker: does groups of stocks for calls, with CRON_ENGINE=celery."""

import os
import sys

import click

from vettr_cron.cli.cron import cron
from vettr_cron.cli.errors import report_errors
from vettr_cron.logs import flush_logs
from vettr_cron.registry import services


@cron.command()
@click.option("--processes", type=click.IntRange(1, 1_000), help="How many groups at once. [default: one per core]")
@report_errors
def worker(processes: int | None) -> None:
    """Do groups of stocks for calls, until stopped: with CRON_ENGINE=celery, on as many machines as you like."""
    own = services()
    if own.settings.cron_engine != "celery":
        raise click.UsageError("CRON_ENGINE is threads, with which calls need no workers; set CRON_ENGINE=celery")
    # Celery reads it when it is imported: SIGTERM then hands back what cannot be done in time.
    os.environ["REMAP_SIGTERM"] = "SIGQUIT"
    from vettr_cron.celery_engine.broker import celery_app
    from vettr_cron.celery_engine.worker import run_worker

    try:
        status = run_worker(
            celery_app(own.settings, own.jobs),
            own.database,
            own.redis,
            own.jobs,
            threads=own.settings.cron_workers,
            processes=processes or _cores(),
        )
    finally:
        flush_logs()
    sys.exit(status)


def _cores() -> int:
    """The cores that this process may use; not every system says."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
