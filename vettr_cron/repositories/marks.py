"""What the service notes about this database, by name."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, select

from vettr_cron.domain.timestamps import parsed
from vettr_cron.models.tables import cron_marks
from vettr_cron.repositories.bulk import upsert

DATABASE_ID = "database_id"
"""Tells this database from others; made when it is first needed."""
STOCKS_FROM = "stocks_from"
"""The command that made up stocks which are, or were, here."""


def resumed(job: str) -> str:
    """The name under which it is noted when an operator last resumed the job, in ISO 8601."""
    return f"resumed_{job}"


def paused(job: str) -> str:
    """The name under which it is noted when the pause began that this resume ended, in ISO 8601."""
    return f"paused_{job}"


def last_pause(connection: Connection, job: str) -> tuple[datetime, datetime] | None:
    """When the job's last pause that is over began and ended; None if nothing is noted of one."""
    began, ended = (find(connection, name) for name in (paused(job), resumed(job)))
    return (parsed(began), parsed(ended)) if began and ended else None


def resumed_at(connection: Connection, job: str, latest: datetime) -> datetime | None:
    """When an operator last resumed the job; None if nobody did, or a clock that was ahead says so."""
    noted = find(connection, resumed(job))
    when = parsed(noted) if noted else None
    return when if when is not None and when <= latest else None


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
