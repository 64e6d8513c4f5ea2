"""The service of a browser's tests: what it is set to, and how it is emptied for the next test."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.redis_server import PrivateRedis
from tests.world import World
from vettr_cron.extensions import db
from vettr_cron.models.tables import cron_marks
from vettr_cron.repositories.marks import DATABASE_ID

PATIENCE_SECONDS = 30
"""How long the page may take to show something, on a slow machine that has other work as well."""

# One process, so that there is one answer of the overview that may be a second old.
WITHOUT_SECRET = {"APP_ENV": "development", "CRON_SECRET": "", "WEB_CONCURRENCY": "1"}
"""In development, where everybody on this machine is let in."""


def empty(world: World) -> None:
    """Remove all stocks, and all that the service has ever done."""
    world.redis.flushdb()
    with world.write() as connection:
        for table in reversed(db.metadata.sorted_tables):
            if table is not cron_marks:
                connection.execute(table.delete())
        # The processes know the database by its id.
        connection.execute(cron_marks.delete().where(cron_marks.c.name != DATABASE_ID))


@contextmanager
def lasting(migrated_file: Path, folder: Path) -> Iterator[World]:
    """A world for several tests: a copy of the migrated file, and a Redis of its own."""
    path = folder / "vettr.db"
    shutil.copy(migrated_file, path)
    with PrivateRedis().running() as redis:
        world = World.make(f"sqlite:///{path}", redis.url)
        yield world
        world.close()
