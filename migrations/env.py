"""Runs the migrations: each upgrade in one transaction, one upgrade at a time."""

from alembic import context
from alembic.util import CommandError
from flask import current_app
from sqlalchemy import text

from vettr_cron.extensions import db

# Any number will do, so long as it stays: it names the lock under which releases take turns.
ADVISORY_LOCK = 7_038_275_114


def is_known(name: str | None, kind: str, _parents: object) -> bool:
    # The platform's database holds tables that are none of ours.
    return kind != "table" or name in db.metadata.tables


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
            context.run_migrations()


if context.is_offline_mode():
    raise CommandError("these migrations only make what is missing, so they need the database; --sql cannot show them")
run_online()
