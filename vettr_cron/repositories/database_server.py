"""What the database says about itself: can it be written, how many connections does it allow, what time is it there."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, Table, select, text

from vettr_cron.models.tables import (
    cron_calls,
    cron_job_runs,
    cron_marks,
    cron_pauses,
    cron_samples,
    cron_stock_states,
    red_flag_history,
    stocks,
    vetr_score_snapshots,
)

Right = tuple[Table, str]
"""A table, and what must be allowed to do with its rows: SELECT, INSERT or UPDATE."""

_OWN = (cron_job_runs, cron_stock_states, cron_pauses, cron_marks, cron_calls, cron_samples)
OWN_RIGHTS: Collection[Right] = (
    (stocks, "SELECT"),
    *((table, right) for table in _OWN for right in ("SELECT", "INSERT", "UPDATE")),
)
"""What the service itself needs, whatever its jobs are."""
_CLEANED_UP = (cron_job_runs, cron_calls, cron_samples, red_flag_history, vetr_score_snapshots)

_CLOCK = text("SELECT clock_timestamp() AT TIME ZONE 'utc'")
_JOURNAL_MODE = text("PRAGMA journal_mode")
_READ_ONLY = text("SELECT current_setting('transaction_read_only') = 'on'")
# A missing table lacks no rights: the migrations will create it. A right on one column is enough here.
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
# The last connections are reserved for superusers and, from PostgreSQL 16 on, for members of a role; -1 is no limit.
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
    """One round trip, which returns the server's time in UTC; None for SQLite, whose clock is this machine's."""
    if is_postgresql(connection):
        now: datetime = connection.execute(_CLOCK).scalar_one()
        return now
    connection.execute(select(1))
    return None


def journal_mode(connection: Connection) -> str:
    """SQLite's journal mode, in lower case."""
    return str(connection.execute(_JOURNAL_MODE).scalar_one()).lower()


def is_read_only(connection: Connection) -> bool:
    """Whether even a writing transaction may only read, as on a standby server."""
    return bool(connection.execute(_READ_ONLY).scalar_one())


def forbidden(connection: Connection, needed: Collection[Right]) -> list[str]:
    """The tables on which this user lacks one of these rights."""
    names, rights = [table.name for table, _ in needed], [right for _, right in needed]
    return list(connection.execute(_FORBIDDEN, {"names": names, "rights": rights}).scalars())


def not_to_delete_from(connection: Connection) -> list[str]:
    """The tables from which a cleanup removes rows and this user may not."""
    names = [table.name for table in _CLEANED_UP]
    return list(connection.execute(_NOT_TO_DELETE_FROM, {"names": names}).scalars())


def hidden(connection: Connection, needed: Collection[Right]) -> list[str]:
    """Of the tables in `needed`, those whose rows a policy may hide from this user."""
    names = list({table.name for table, _ in needed})
    return list(connection.execute(_HIDDEN, {"names": names}).scalars())


def allowed_connections(connection: Connection) -> int | None:
    """How many connections this user may have to this database at once, with all its processes."""
    limit: int | None = connection.execute(_ALLOWED).scalar_one_or_none()
    return limit
