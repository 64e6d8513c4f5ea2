"""The commands: the same use cases as over HTTP, on a terminal."""

from collections.abc import Iterable

from flask import Flask

from vettr_cron.cli import cleanup, doctor, objective, operate, overview, scheduler, worker
from vettr_cron.cli.cron import cron, job_command
from vettr_cron.cli.db import db
from vettr_cron.cli.errors import CommandGroup
from vettr_cron.cli.stocks import stocks
from vettr_cron.jobs.job import Job

COMMANDS = (
    overview,
    cleanup,
    operate,
    objective,
    doctor,
    scheduler,
    worker,
)  # imported so that their commands are in the group


def register_commands(app: Flask, jobs: Iterable[Job]) -> None:
    """Attach the command groups to `flask --app wsgi`, with a command for each of these jobs.

    Raises ValueError if a job has the name of another command.
    """
    of_jobs = {job.name: job_command(job) for job in jobs}
    for name in of_jobs.keys() & cron.commands.keys():
        raise ValueError(f"a job cannot be named {name!r}: a command has that name")
    app.cli.add_command(
        CommandGroup(cron.name, help=cron.help, epilog=cron.epilog, commands={**cron.commands, **of_jobs})
    )
    app.cli.add_command(db)
    app.cli.add_command(stocks)
