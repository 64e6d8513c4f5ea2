"""What the service notes about this database, by name."""

from typing import Any

from sqlalchemy import Connection, delete, select

from vettr_cron.models.tables import cron_marks
from vettr_cron.repositories.bulk import upsert

DATABASE_ID = "database_id"
"""Tells this database from others; made when it is first needed."""
STOCKS_FROM = "stocks_from"
"""The command that made up stocks which are, or were, here."""


def resumed(job: str) -> str:
    """The name under which it is noted when an operator last resumed the job, in ISO 8601."""
    return f"resumed_{job}"


def find(connection: Connection, name: str) -> str | None:
    """What is noted under this name; None if nothing is."""
    return connection.execute(select(cron_marks.c.value).where(cron_marks.c.name == name)).scalar_one_or_none()


def keep(connection: Connection, name: str, value: str) -> str | None:
    """Note a value under this name unless one is noted already. Returns what is noted; None if nothing can be."""
    found = find(connection, name)
    if found is None:
        upsert(connection, cron_marks, [{"name": name, "value": value}], ("name",), _nothing)
        found = find(connection, name)  # another process may have been first
    return found


def _nothing(_new: object) -> dict[str, Any]:
    return {}


def put(connection: Connection, name: str, value: str) -> None:
    """Note a value under this name, in place of the one before."""
    upsert(connection, cron_marks, [{"name": name, "value": value}], ("name",))


def remove(connection: Connection, name: str) -> None:
    """Forget what is noted under this name."""
    connection.execute(delete(cron_marks).where(cron_marks.c.name == name))
