"""The commands: the same use cases as over HTTP, for a terminal."""

from flask import Flask

from vettr_cron.cli import cleanup, doctor, operate, overview
from vettr_cron.cli.cron import cron
from vettr_cron.cli.db import db
from vettr_cron.cli.stocks import stocks

COMMANDS = (overview, cleanup, operate, doctor)  # imported so that their commands are in the group


def register_commands(app: Flask) -> None:
    """Attach the command groups to `flask --app wsgi`."""
    app.cli.add_command(cron)
    app.cli.add_command(db)
    app.cli.add_command(stocks)
