"""Many rows in one statement: on PostgreSQL from one array per column, on SQLite through the driver's executemany."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Table, bindparam, delete, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, IntegrityError

from vettr_cron.database.sqlstate import condition, is_about_data, message, sqlstate
from vettr_cron.domain.errors import Problem, RowsRefused
from vettr_cron.models.types import Row
from vettr_cron.repositories import postgres_params, sqlite_params

Replacements = Callable[[Any], Row]
"""What the columns of an existing row are set to, given `excluded`, the row that was to be inserted."""

TOO_LONG = "too long"  # the kind of problem
_TOO_LONG = "22001"
_ABOUT_KEYS = ("23503", "23505")
_CHECK_OPTION = "44000"  # of a view
_CHECKS_NEW_ROWS = "ExecWithCheckOptions"  # the function of the server's source in which policies refuse a row
_SHOWN = 60
_KEYS_AT_ONCE = 5_000  # SQLite allows 32 766 parameters per statement


def upsert(
    connection: Connection,
    table: Table,
    rows: Sequence[Row],
    key: Sequence[str] = ("id",),
    replacements: Replacements | None = None,
    shared: Row | None = None,
    verify: str | None = None,
    columns: Sequence[str] = (),
) -> Sequence[Row]:
    """Insert rows that all have the same columns; if a key exists already, every other column of its row is replaced.

    `columns` are those that are written, if not all. `replacements` gives the new values, from the columns of the new
    row, where they are not simply these. `shared` are columns with the same value in all rows, which is then sent only
    once. Returns those rows that do not exist afterwards, because a trigger or a policy may silently drop them;
    `verify` is a column whose value distinguishes the new row from an older one with the same key. Raises RowsRefused,
    with a message for a person, if the database refuses the rows because of their contents.
    """
    if not rows:
        return ()
    names, shared = tuple(columns or rows[0]), shared or {}
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
    # Rows that a trigger redirects to another table, such as a partition, are not counted either, although they exist.
    if written >= len(rows):
        return ()
    known = [*key, verify] if verify else key
    return _missing(connection, table, key, known, [{**row, **shared} for row in rows])


def _missing(
    connection: Connection, table: Table, key: Sequence[str], known: Sequence[str], rows: Sequence[Row]
) -> list[Row]:
    found = rows_matching(connection, table, key, rows, known)
    there = {_comparable(row[name] for name in known) for row in found}
    return [row for row in rows if _comparable(row[name] for name in known) not in there]


def _comparable(values: Iterable[Any]) -> tuple[Any, ...]:
    """Values that are equal if the database's values are: an id may be given as its digits."""
    return tuple(value.hex if isinstance(value, UUID) else value for value in values)


def not_kept(table: Table) -> Problem:
    """The problem of a row that does not exist after it was written."""
    error = f"{table.name}: the database accepted the row but did not keep it; check its triggers and row security"
    return Problem(error, f"{table.name} not kept")


def rows_matching(
    connection: Connection, table: Table, names: Sequence[str], rows: Sequence[Row], wanted: Sequence[str] | None = None
) -> list[Row]:
    """The existing rows that agree with one of these in the columns `names`; all their columns, or those wanted."""
    wanted = tuple(wanted or table.c.keys())
    if connection.dialect.name == "postgresql":
        statement = _postgresql_matching(table, tuple(names), wanted)
        found = connection.execute(statement, postgres_params.parameters(table, names, rows))
        return [dict(row) for row in found.mappings()]
    pieces = (rows[start : start + _KEYS_AT_ONCE] for start in range(0, len(rows), _KEYS_AT_ONCE))
    return [row for piece in pieces for row in sqlite_params.matching(connection, table, names, piece, wanted)]


def delete_rows(connection: Connection, table: Table, ids: Collection[UUID]) -> None:
    """Delete the rows with these ids. Raises RowsRefused."""
    with refusals(table):
        connection.execute(delete(table).where(table.c.id.in_(ids)))


def set_column(connection: Connection, table: Table, name: str, rows: Sequence[Row]) -> Sequence[Row]:
    """Write one column of the rows with these ids, where it differs. Rows: {"id", name}. Raises RowsRefused.

    Returns those that exist and have another value afterwards; a row that was deleted meanwhile does not count.
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
    found = {row["id"]: row[name] for row in rows_matching(connection, table, ("id",), rows, ("id", name))}
    return [row for row in rows if found.get(row["id"], row[name]) != row[name]]


def defer_constraints(connection: Connection) -> None:
    """Defer constraints to the end of the transaction again, after `check_constraints`."""
    if connection.dialect.name == "postgresql":
        connection.execute(_DEFER)


def check_constraints(connection: Connection) -> None:
    """Check now what the database would check at the commit, when the stock could not be named. Raises RowsRefused.

    SQLite has no such statement.
    """
    if connection.dialect.name == "postgresql":
        with refusals():
            connection.execute(_CHECK)


_DEFER = text("SET CONSTRAINTS ALL DEFERRED")
_CHECK = text("SET CONSTRAINTS ALL IMMEDIATE")


# Built once: building a statement takes as long as running it.
@cache
def _postgresql_upsert(
    table: Table,
    names: tuple[str, ...],
    shared: tuple[str, ...],
    key: tuple[str, ...],
    replacements: Replacements | None,
) -> Any:
    values = postgres_params.values_from_rows(table, names)
    same = [bindparam(name, type_=table.c[name].type) for name in shared]
    insert = postgresql.insert(table).from_select([*names, *shared], select(*values.values(), *same))
    return _on_conflict_replace(insert, key, (*names, *shared), replacements).execution_options(preserve_rowcount=True)


@cache
def _sqlite_upsert(
    table: Table, names: tuple[str, ...], key: tuple[str, ...], replacements: Replacements | None
) -> Any:
    return _on_conflict_replace(sqlite.insert(table), key, names, replacements)


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


def _on_conflict_replace(
    insert: Any, key: Sequence[str], names: Sequence[str], replacements: Replacements | None = None
) -> Any:
    """The insert, which in an existing row replaces every column of `names` except those that identify the row."""
    # A row keeps its id: other tables may refer to it.
    replaced = {name: insert.excluded[name] for name in names if name not in {*key, "id", "stock_id"}}
    if replacements:
        replaced = replacements(insert.excluded)
    if not replaced:
        return insert.on_conflict_do_nothing(index_elements=list(key))
    return insert.on_conflict_do_update(index_elements=list(key), set_=replaced)


@contextmanager
def refusals(table: Table | None = None, rows: Sequence[Row] = ()) -> Iterator[None]:
    """Raise what the database says about rows in this block as RowsRefused, with a message for a person."""
    try:
        yield
    except DBAPIError as error:
        if not _is_refusal(error):
            raise
        raise RowsRefused(*_explain(table, rows, error)) from error


def _is_refusal(error: DBAPIError) -> bool:
    by_policy = getattr(getattr(error.orig, "diag", None), "source_function", None) == _CHECKS_NEW_ROWS
    # SQLite has a class of its own for broken constraints, and for what its triggers raise.
    by_sqlite = not sqlstate(error) and isinstance(error, IntegrityError)
    return is_about_data(error) or sqlstate(error) == _CHECK_OPTION or by_policy or by_sqlite


def _explain(table: Table | None, rows: Sequence[Row], error: DBAPIError) -> Problem:
    diagnosis = getattr(error.orig, "diag", None)
    said = message(error)
    limit = re.search(r"\((\d+)\)", said) if sqlstate(error) == _TOO_LONG else None
    too_long = table is not None and limit and _longer_than(table, rows, int(limit[1]))
    if too_long:
        return too_long
    detail = getattr(diagnosis, "message_detail", None)
    # Only the detail about keys is short and names columns and values.
    named = f" ({detail})" if detail and sqlstate(error) in _ABOUT_KEYS else ""
    name = getattr(diagnosis, "table_name", None) or (table.name if table is not None else None)
    part = getattr(diagnosis, "column_name", None) or getattr(diagnosis, "constraint_name", None)
    place = ".".join(each for each in (name, part) if each) or "rows"
    return Problem(
        f"{f'{name}: ' if name else ''}the database refuses the row: {said}{named}", f"{place} {condition(error)}"
    )


def _longer_than(table: Table, rows: Sequence[Row], limit: int) -> Problem | None:
    """The text that a column shorter than in our model may have refused: of the candidates, the shortest column's."""
    lengths = {column.name: getattr(column.type, "length", None) for column in table.columns}
    texts = ((lengths.get(name), name, value) for row in rows for name, value in row.items())
    refused = [text for text in texts if text[0] and isinstance(text[2], str) and len(text[2]) > limit]
    if not refused:
        return None
    _, name, value = min(refused)
    return Problem(f"{table.name}.{name} {length_problem(value, limit)}", f"{table.name}.{name} {TOO_LONG}")


def length_problem(text: str, limit: int) -> str:
    """The message for a text that is too long for its column."""
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
    return f"takes at most {limit} characters; {shown!r} has {len(text)}"
