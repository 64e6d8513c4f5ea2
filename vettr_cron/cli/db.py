"""flask --app wsgi db ...: Flask-Migrate's commands, which are imported with Alembic when they are called."""

from typing import Any

import click

from vettr_cron.cli.errors import CommandGroup
from vettr_cron.cli.output import as_lines
from vettr_cron.database.errors import translated
from vettr_cron.domain.errors import CronError


class MigrationCommands(click.Command):
    """Stands for Flask-Migrate's group until somebody calls it; no other command needs it."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """The context of the group itself, with which click goes on."""
        from flask_migrate.cli import db as group  # type: ignore[import-not-found]  # no types of this module are given

        own = {"help": group.help, "params": group.params, "callback": group.callback}
        context: click.Context = _Migrations("db", group.commands, **own).make_context(info_name, args, parent, **extra)
        return context


class _Migrations(CommandGroup):
    """Flask-Migrate's commands; what the database cannot do is told in words."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with translated():
                return super().invoke(ctx)
        except CronError as error:
            raise click.ClickException(as_lines(error.lines)) from None


db = MigrationCommands("db", help="Bring the database to the newest migration: `db upgrade`.")
