"""flask --app wsgi db ...: Flask-Migrate's commands; they and Alembic are imported only when called."""

from typing import Any

import click
from sqlalchemy.exc import DBAPIError

from vettr_cron.cli.errors import CommandGroup
from vettr_cron.cli.output import as_lines
from vettr_cron.database.errors import translated
from vettr_cron.domain.errors import CronError, ServiceUnavailable
from vettr_cron.domain.printable import printable
from vettr_cron.logs import flush_logs, log_unavailable, words_of


class MigrationCommands(click.Command):
    """A placeholder for Flask-Migrate's group until it is called; no other command needs it."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """The context of the real group, with which click continues."""
        from flask_migrate.cli import db as group  # type: ignore[import-not-found]  # this module has no types

        own = {"help": group.help, "params": group.params, "callback": group.callback}
        context: click.Context = _Migrations("db", group.commands, **own).make_context(info_name, args, parent, **extra)
        return context


class _Migrations(CommandGroup):
    """Flask-Migrate's commands; failures of the database are reported as messages."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with translated():
                return super().invoke(ctx)
        except CronError as error:
            if isinstance(error, ServiceUnavailable):
                log_unavailable(error)
            flush_logs()
            raise click.ClickException(as_lines(error.lines)) from None
        except DBAPIError as error:
            flush_logs()
            raise click.ClickException(f"The database refuses to be migrated: {printable(words_of(error))}") from None


db = MigrationCommands("db", help="Bring the database to the newest migration: `db upgrade`.")
