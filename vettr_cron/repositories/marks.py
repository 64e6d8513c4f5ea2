"""What the service notes about this database, by name."""

from sqlalchemy import Connection, select

from vettr_cron.models.tables import cron_marks
from vettr_cron.repositories.bulk import upsert


def find(connection: Connection, name: str) -> str | None:
    """What is noted under this name; None if nothing is."""
    return connection.execute(select(cron_marks.c.value).where(cron_marks.c.name == name)).scalar_one_or_none()


def put(connection: Connection, name: str, value: str) -> None:
    """Note a value under this name, in place of the one before."""
    upsert(connection, cron_marks, [{"name": name, "value": value}], ("name",))
