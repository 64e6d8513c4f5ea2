"""What the database says of itself: may it be written, how many connections does it allow, what time has it."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, Table, select, text

from vettr_cron.models.tables import (
    cron_job_runs,
    cron_pauses,
    cron_stock_states,
    red_flag_history,
    stocks,
    vetr_score_snapshots,
)

Right = tuple[Table, str]
"""A table, and what must be allowed to do with its rows: SELECT, INSERT or UPDATE."""

_OWN = (cron_job_runs, cron_stock_states, cron_pauses)
OWN_RIGHTS: Collection[Right] = (
    (stocks, "SELECT"),
    *((table, right) for table in _OWN for right in ("SELECT", "INSERT", "UPDATE")),
)
"""What the service itself needs, whatever its jobs are."""
_CLEANED_UP = (cron_job_runs, red_flag_history, vetr_score_snapshots)

_CLOCK = text("SELECT clock_timestamp() AT TIME ZONE 'utc'")
_JOURNAL_MODE = text("PRAGMA journal_mode")
_READ_ONLY = text("SELECT current_setting('transaction_read_only') = 'on'")
# A table that is not there has no rights to lack: the migrations make it. To have a right on a column is enough here.
_FORBIDDEN = text(
    "SELECT DISTINCT name FROM unnest(CAST(:names AS text[]), CAST(:rights AS text[])) AS needed (name, privilege)"
    " WHERE NOT has_any_column_privilege(to_regclass(name), privilege) ORDER BY name"
)
_NOT_TO_DELETE_FROM = text(
    "SELECT name FROM unnest(CAST(:names AS text[])) AS cleaned_up (name)"
    " WHERE NOT has_table_privilege(to_regclass(name), 'DELETE') ORDER BY name"
)
_HIDDEN = text(
    "SELECT name FROM unnest(CAST(:names AS text[])) AS used (name)"
    " WHERE row_security_active(to_regclass(name)) ORDER BY name"
)
# The last connections are kept for superusers and, from PostgreSQL 16 on, for a role's members; -1 is no limit.
_ALLOWED = text(
    "SELECT least("
    " current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int"
    " - coalesce(current_setting('reserved_connections', true)::int, 0),"
    " nullif(rolconnlimit, -1), nullif(datconnlimit, -1))"
    " FROM pg_roles, pg_database WHERE rolname = current_user AND datname = current_database()"
)


def is_postgresql(connection: Connection) -> bool:
    """Whether this is a server, with rights, limits and a clock of its own."""
    return connection.dialect.name == "postgresql"


def answer(connection: Connection) -> datetime | None:
    """One round trip, which brings the server's time in UTC; None from SQLite, whose clock is this machine's."""
    if is_postgresql(connection):
        now: datetime = connection.execute(_CLOCK).scalar_one()
        return now
    connection.execute(select(1))
    return None


def journal_mode(connection: Connection) -> str:
    """How SQLite keeps readers and the writer apart, in lower case."""
    return str(connection.execute(_JOURNAL_MODE).scalar_one()).lower()


def is_read_only(connection: Connection) -> bool:
    """Whether a transaction that was to write may only read, as on a standby server."""
    return bool(connection.execute(_READ_ONLY).scalar_one())


def forbidden(connection: Connection, needed: Collection[Right]) -> list[str]:
    """The tables on which this user lacks one of these rights."""
    names, rights = [table.name for table, _ in needed], [right for _, right in needed]
    return list(connection.execute(_FORBIDDEN, {"names": names, "rights": rights}).scalars())


def not_to_delete_from(connection: Connection) -> list[str]:
    """The tables that a cleanup removes rows from, and this user may not."""
    names = [table.name for table in _CLEANED_UP]
    return list(connection.execute(_NOT_TO_DELETE_FROM, {"names": names}).scalars())


def hidden(connection: Connection, needed: Collection[Right]) -> list[str]:
    """The tables with these rights of which a policy may hide rows from this user."""
    names = list({table.name for table, _ in needed})
    return list(connection.execute(_HIDDEN, {"names": names}).scalars())


def allowed_connections(connection: Connection) -> int | None:
    """How many connections this user may have to this database at once, with all its processes."""
    limit: int | None = connection.execute(_ALLOWED).scalar_one_or_none()
    return limit
