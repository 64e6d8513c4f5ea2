"""Runs the migrations: each upgrade in one transaction, one upgrade at a time."""

import click
from alembic import context
from alembic.util import CommandError
from flask import current_app
from sqlalchemy import Connection, text

from vettr_cron.domain.diagnosis.tables import tables
from vettr_cron.domain.printable import printable
from vettr_cron.extensions import db
from vettr_cron.registry import services
from vettr_cron.repositories import table_columns
from vettr_cron.services.doctor.probes import needed_tables

# Any number will do as long as it never changes: it names the lock under which releases take turns.
ADVISORY_LOCK = 7_038_275_114


def is_known(name: str | None, kind: str, _parents: object) -> bool:
    # The platform's database contains tables that are not ours.
    return kind != "table" or name in db.metadata.tables


def unknown_revision() -> str | None:
    """The database's revision if this release does not know it, because a newer release has upgraded the database.

    After a rollback, the older release runs its upgrade too, and this must not keep it from starting.
    """
    migration = context.get_context()
    if getattr(migration.opts["fn"], "__name__", "") != "upgrade":
        return None
    known = {script.revision for script in context.script.walk_revisions()}
    return next((revision for revision in migration.get_current_heads() if revision not in known), None)


def warn_of_tables(connection: Connection) -> None:
    """Tell which existing tables are not as this release needs them: migrations leave the platform's alone."""
    migration = context.get_context()
    upgraded = getattr(migration.opts["fn"], "__name__", "") == "upgrade"
    if not upgraded or set(migration.get_current_heads()) != set(context.script.get_heads()):
        return
    needed = needed_tables(list(services().jobs.values()))
    check = tables(needed, table_columns.found(connection, needed))
    if check.fix:
        click.echo(f"Warning: {printable(check.found)}. {check.fix}", err=True)


def run_online() -> None:
    engine = db.engine
    options = {"sqlite_begin": "BEGIN IMMEDIATE"}
    if engine.dialect.name == "postgresql":
        # Which tables exist must be looked up only once the lock is held, whatever the role's default level.
        options = {"isolation_level": "READ COMMITTED"}
    with engine.connect().execution_options(**options) as connection:
        context.configure(
            connection=connection,
            target_metadata=db.metadata,
            include_name=is_known,
            # The platform's database has a version table of the platform's own.
            version_table="cron_alembic_version",
            transactional_ddl=True,
            **current_app.extensions["migrate"].configure_args,
        )
        with context.begin_transaction():
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
            newer = unknown_revision()
            if newer is None:
                context.run_migrations()
                warn_of_tables(connection)
            else:
                click.echo(f"A newer release has migrated the database, to {printable(newer)}; nothing was done")


if context.is_offline_mode():
    raise CommandError("these migrations create only what is missing, so they need a database; --sql cannot show them")
run_online()
