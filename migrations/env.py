"""Runs the migrations: each upgrade in one transaction, one upgrade at a time."""

import click
from alembic import context
from alembic.util import CommandError
from flask import current_app
from sqlalchemy import text

from vettr_cron.domain.printable import printable
from vettr_cron.extensions import db

# Any number will do, so long as it stays: it names the lock under which releases take turns.
ADVISORY_LOCK = 7_038_275_114


def is_known(name: str | None, kind: str, _parents: object) -> bool:
    # The platform's database holds tables that are none of ours.
    return kind != "table" or name in db.metadata.tables


def unknown_revision() -> str | None:
    """The revision that an upgrade finds and this release does not know: that of a newer release.

    A release that is rolled back runs its upgrade too, and must not be kept from starting.
    """
    migration = context.get_context()
    if getattr(migration.opts["fn"], "__name__", "") != "upgrade":
        return None
    known = {script.revision for script in context.script.walk_revisions()}
    return next((revision for revision in migration.get_current_heads() if revision not in known), None)


def run_online() -> None:
    engine = db.engine
    options = {"sqlite_begin": "BEGIN IMMEDIATE"}
    if engine.dialect.name == "postgresql":
        # What is there is looked up only once the lock is held, whatever level the role has by default.
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
            else:
                click.echo(
                    f"The database is at {printable(newer)}, which a newer release has migrated it to; nothing was done"
                )


if context.is_offline_mode():
    raise CommandError("these migrations only make what is missing, so they need the database; --sql cannot show them")
run_online()
