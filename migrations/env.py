"""Runs the migrations: each upgrade in one transaction, one upgrade at a time."""

from alembic import context
from flask import current_app
from sqlalchemy import text

from vettr_cron.extensions import db

# Any number will do, so long as it stays: it names the lock under which releases take turns.
ADVISORY_LOCK = 7_038_275_114


def is_known(name: str | None, kind: str, _parents: object) -> bool:
    # The platform's database holds tables that are none of ours.
    return kind != "table" or name in db.metadata.tables


def configure(**options: object) -> None:
    # The platform's database has a version table of the platform's own.
    context.configure(
        target_metadata=db.metadata,
        include_name=is_known,
        version_table="cron_alembic_version",
        transactional_ddl=True,
        **options,
    )


def run_online() -> None:
    with db.engine.connect().execution_options(sqlite_begin="IMMEDIATE") as connection:
        configure(connection=connection, **current_app.extensions["migrate"].configure_args)
        with context.begin_transaction():
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
            context.run_migrations()


if context.is_offline_mode():
    configure(url=db.engine.url, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    run_online()
