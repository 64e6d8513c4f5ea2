"""Many rows in one statement: on PostgreSQL from an array a column, on SQLite through the driver's executemany."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Table, bindparam, delete, or_, select, text, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from vettr_cron.domain.errors import RowsRefused
from vettr_cron.models.types import Row
from vettr_cron.repositories import postgres_params, sqlite_params

Replacements = Callable[[Any], Row]
"""What the columns of a row that is there are set to, from `excluded`, the row that was to be inserted."""

_TOO_LONG = "22001"
_ABOUT_KEYS = ("23503", "23505")
_REFUSES_A_ROW = ("21000", "44000", "P0001")  # two rows for one, a view's check option, a trigger's own words
_CHECKS_NEW_ROWS = "ExecWithCheckOptions"  # the function of the server's source that policies refuse a row in
_SHOWN = 60
_KEYS_AT_ONCE = 5_000  # SQLite takes 32 766 parameters a statement


def upsert(
    connection: Connection,
    table: Table,
    rows: Sequence[Row],
    key: Sequence[str] = ("id",),
    replacements: Replacements | None = None,
    shared: Row | None = None,
    told_by: str | None = None,
) -> Sequence[Row]:
    """Insert rows that all have the same columns; a row whose key is there already gets every other column replaced.

    `replacements` says what with, from the columns of the new row, where that is not simply the new value. `shared`
    are columns that have the same value in all rows, which so travels only once. Gives those of the rows that are not
    there afterwards, as a trigger or a policy may drop them without a word; `told_by` is a column whose value
    tells the new row from one that was there before.
    Raises RowsRefused, in words for a person, when the database refuses the rows for what is in them.
    """
    if not rows:
        return ()
    names, shared = tuple(rows[0]), shared or {}
    if connection.dialect.name == "postgresql":
        statement = _postgresql_upsert(table, names, tuple(shared), tuple(key), replacements)
        with refusals(table, rows):
            written = connection.execute(statement, postgres_params.parameters(table, names, rows) | shared).rowcount
    else:
        everything = (*names, *shared)
        statement = _sqlite_upsert(table, everything, tuple(key), replacements)
        kinds = {name: table.c[name].type for name in everything}
        with refusals(table, rows):
            written = sqlite_params.execute(connection, statement, kinds, rows, shared)
    # Rows that a trigger redirects to another table, as that of a partition, are not counted either, and yet there.
    if written >= len(rows):
        return ()
    known = [*key, told_by] if told_by else key
    return _not_there(connection, table, key, known, [{**row, **shared} for row in rows])


def _not_there(
    connection: Connection, table: Table, key: Sequence[str], known: Sequence[str], rows: Sequence[Row]
) -> list[Row]:
    found = matching(connection, table, key, rows, known)
    there = {_comparable(row._mapping[name] for name in known) for row in found}
    return [row for row in rows if _comparable(row[name] for name in known) not in there]


def _comparable(values: Iterable[Any]) -> tuple[Any, ...]:
    """Values that are equal where the database's are: an id may come as its digits."""
    return tuple(value.hex if isinstance(value, UUID) else value for value in values)


def not_kept(table: Table) -> str:
    """What to say of a row that is not there after it was written."""
    return f"{table.name}: the database accepted the row but did not keep it; check its triggers and row security"


def matching(
    connection: Connection, table: Table, names: Sequence[str], rows: Sequence[Row], wanted: Sequence[str] | None = None
) -> list[Any]:
    """The rows that are there with the values that one of these rows has in the columns of these names.

    Of their columns those that are wanted, or all.
    """
    wanted = tuple(wanted or table.c.keys())
    if connection.dialect.name == "postgresql":
        statement = _postgresql_matching(table, tuple(names), wanted)
        return list(connection.execute(statement, postgres_params.parameters(table, names, rows)))
    chosen = select(*(table.c[name] for name in wanted))
    columns = [table.c[name] for name in names]
    found: list[Any] = []
    for start in range(0, len(rows), _KEYS_AT_ONCE):
        keys = [tuple(row[name] for name in names) for row in rows[start : start + _KEYS_AT_ONCE]]
        among = columns[0].in_([key[0] for key in keys]) if len(names) == 1 else tuple_(*columns).in_(keys)
        found.extend(connection.execute(chosen.where(among)))
    return found


def delete_moved(
    connection: Connection, table: Table, rows: Sequence[Row], same: Sequence[str], moved: Sequence[str]
) -> None:
    """Delete what agrees with one of these rows in the columns `same`, and not in the columns `moved`."""
    if not rows:
        return
    names = [*same, *moved]
    values: Any
    given: Any
    if connection.dialect.name == "postgresql":
        values, given = postgres_params.values_from_rows(table, names), postgres_params.parameters(table, names, rows)
    else:
        values = {name: bindparam(f"row_{name}", type_=table.c[name].type) for name in names}
        given = [{f"row_{name}": row[name] for name in names} for row in rows]
    differ = or_(*(table.c[name].is_distinct_from(values[name]) for name in moved))
    agree = (table.c[name] == values[name] for name in same)
    with refusals(table, rows):
        connection.execute(delete(table).where(*agree, differ), given)


def set_column(connection: Connection, table: Table, name: str, rows: Sequence[Row]) -> Sequence[Row]:
    """Write one column of the rows with these ids, where it differs. Rows: {"id", name}. Raises RowsRefused.

    Gives those that are there and have another value afterwards; a row that is gone meanwhile is no loss.
    """
    if not rows:
        return ()
    if connection.dialect.name == "postgresql":
        given = postgres_params.parameters(table, ("id", name), rows)
        with refusals(table, rows):
            connection.execute(_postgresql_column_update(table, name), given)
        differing = set(connection.execute(_postgresql_differing(table, name), given).scalars())
        return [row for row in rows if row["id"] in differing]
    renamed = [{"row_id": row["id"], "value": row[name]} for row in rows]
    kinds = {"row_id": table.c.id.type, "value": table.c[name].type}
    with refusals(table, rows):
        sqlite_params.execute(connection, _sqlite_column_update(table, name), kinds, renamed)
    found = dict(matching(connection, table, ("id",), rows, ("id", name)))
    return [row for row in rows if found.get(row["id"], row[name]) != row[name]]


def defer_constraints(connection: Connection) -> None:
    """Let what may be checked at the end of the transaction be checked there again, after `check_constraints`."""
    if connection.dialect.name == "postgresql":
        connection.execute(_DEFER)


def check_constraints(connection: Connection) -> None:
    """Have the database check now what it would check at the commit, when no stock could be told. Raises RowsRefused.

    SQLite has no such statement.
    """
    if connection.dialect.name == "postgresql":
        with refusals():
            connection.execute(_CHECK)


_DEFER = text("SET CONSTRAINTS ALL DEFERRED")
_CHECK = text("SET CONSTRAINTS ALL IMMEDIATE")


# Built once: it takes as long to describe a statement as to run it.
@cache
def _postgresql_upsert(
    table: Table,
    names: tuple[str, ...],
    shared: tuple[str, ...],
    key: tuple[str, ...],
    replacements: Replacements | None,
) -> Any:
    values = postgres_params.values_from_rows(table, names)
    everyones = [bindparam(name, type_=table.c[name].type) for name in shared]
    insert = postgresql.insert(table).from_select([*names, *shared], select(*values.values(), *everyones))
    return _or_replace(insert, key, (*names, *shared), replacements).execution_options(preserve_rowcount=True)


@cache
def _sqlite_upsert(
    table: Table, names: tuple[str, ...], key: tuple[str, ...], replacements: Replacements | None
) -> Any:
    return _or_replace(sqlite.insert(table), key, names, replacements)


@cache
def _postgresql_matching(table: Table, names: tuple[str, ...], wanted: tuple[str, ...]) -> Any:
    values = postgres_params.values_from_rows(table, names)
    agree = (table.c[name] == values[name] for name in names)
    return select(*(table.c[name] for name in wanted)).where(*agree)


@cache
def _postgresql_column_update(table: Table, name: str) -> Any:
    values = postgres_params.values_from_rows(table, ("id", name))
    differs = table.c[name].is_distinct_from(values[name])
    return update(table).where(table.c.id == values["id"], differs).values({name: values[name]})


@cache
def _postgresql_differing(table: Table, name: str) -> Any:
    values = postgres_params.values_from_rows(table, ("id", name))
    return select(table.c.id).where(table.c.id == values["id"], table.c[name].is_distinct_from(values[name]))


@cache
def _sqlite_column_update(table: Table, name: str) -> Any:
    target, value = table.c[name], bindparam("value", type_=table.c[name].type)
    differs = target.is_distinct_from(value)
    return update(table).where(table.c.id == bindparam("row_id"), differs).values({name: value})


def _or_replace(insert: Any, key: Sequence[str], names: Sequence[str], replacements: Replacements | None = None) -> Any:
    """The insert, which on a row that is there replaces every column of `names` but those that say which row it is."""
    # A row keeps its id: other tables may hang on it.
    replaced = {name: insert.excluded[name] for name in names if name not in {*key, "id", "stock_id"}}
    if replacements:
        replaced = replacements(insert.excluded)
    if not replaced:
        return insert.on_conflict_do_nothing(index_elements=list(key))
    return insert.on_conflict_do_update(index_elements=list(key), set_=replaced)


@contextmanager
def refusals(table: Table | None = None, rows: Sequence[Row] = ()) -> Iterator[None]:
    """What the database says of rows in this block comes out as RowsRefused, in words for a person."""
    try:
        yield
    except DBAPIError as error:
        if not _is_refusal(error):
            raise
        raise RowsRefused(_explain(table, rows, error)) from error


def _is_refusal(error: DBAPIError) -> bool:
    sqlstate = _sqlstate(error)
    # Without one it is SQLite's, or the driver's own word about a value: a text with a zero byte, or a too big one.
    if not sqlstate:
        return isinstance(error, IntegrityError | DataError)
    by_policy = getattr(getattr(error.orig, "diag", None), "source_function", None) == _CHECKS_NEW_ROWS
    return sqlstate.startswith(("22", "23")) or sqlstate in _REFUSES_A_ROW or by_policy


def _explain(table: Table | None, rows: Sequence[Row], error: DBAPIError) -> str:
    diagnosis = getattr(error.orig, "diag", None)
    message = str(getattr(diagnosis, "message_primary", None) or error.orig)
    limit = re.search(r"\((\d+)\)", message) if _sqlstate(error) == _TOO_LONG else None
    too_long = table is not None and limit and _longer_than(table, rows, int(limit[1]))
    if too_long:
        return too_long
    detail = getattr(diagnosis, "message_detail", None)
    # Of the details only the one about keys is short, and names columns and values.
    named = f" ({detail})" if detail and _sqlstate(error) in _ABOUT_KEYS else ""
    name = getattr(diagnosis, "table_name", None) or (table.name if table is not None else None)
    return f"{f'{name}: ' if name else ''}the database refuses the row: {message}{named}"


def _longer_than(table: Table, rows: Sequence[Row], limit: int) -> str | None:
    """The text that a column shorter than ours can have refused: of our own columns, one of the shortest."""
    lengths = {column.name: getattr(column.type, "length", None) for column in table.columns}
    texts = ((lengths.get(name), name, value) for row in rows for name, value in row.items())
    refused = [text for text in texts if text[0] and isinstance(text[2], str) and len(text[2]) > limit]
    if not refused:
        return None
    _, name, value = min(refused)
    return f"{table.name}.{name} {length_problem(value, limit)}"


def length_problem(text: str, limit: int) -> str:
    """What to say of a text that is too long for its column, however long it is."""
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
    return f"takes at most {limit} characters; {shown!r} has {len(text)}"


def _sqlstate(error: DBAPIError) -> str:
    return getattr(error.orig, "sqlstate", None) or ""
