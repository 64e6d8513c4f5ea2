"""A connection to a database, and a step of its migrations."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection

from tests.integration.expected_tables import OWN
from tests.world import make_settings
from vettr_cron.app import create_app
from vettr_cron.extensions import db

NO_REDIS = "redis://127.0.0.1:1"
OWN_TABLES = {"cron_alembic_version", "cron_made_tables", *OWN}


@contextmanager
def database_connection(url: str) -> Iterator[Connection]:
    """A transaction on the database, in an application's context."""
    app = create_app(make_settings(url, NO_REDIS))
    with app.app_context():
        with db.engine.begin() as connection:
            yield connection
        db.engine.dispose()


def migrate(url: str, step: Any) -> None:
    with create_app(make_settings(url, NO_REDIS)).app_context():
        step()
        db.engine.dispose()
