"""flask --app wsgi db ...: Flask-Migrate's commands, which are imported with Alembic when they are called."""

from typing import Any

import click


class MigrationCommands(click.Command):
    """Stands for Flask-Migrate's group until somebody calls it; no other command needs it."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """The context of the group itself, with which click goes on."""
        from flask_migrate.cli import db as group  # type: ignore[import-not-found]  # no types of this module are given

        context: click.Context = group.make_context(info_name, args, parent, **extra)
        return context


db = MigrationCommands("db", help="Bring the database to the newest migration: `db upgrade`.")
