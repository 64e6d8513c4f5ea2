"""The tables' columns and keys: as this release needs them, and as the database has them."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, Column, Connection, Date, DateTime, Float, Integer, Table, Uuid, text
from sqlalchemy.sql.visitors import iterate
from sqlalchemy.types import TypeEngine

from vettr_cron.domain.diagnosis.tables import FoundColumn, FoundTable, NeededTable
from vettr_cron.domain.vetr_score import DailyPrices
from vettr_cron.models.tables import (
    cron_calls,
    cron_job_runs,
    cron_marks,
    cron_pauses,
    cron_samples,
    cron_stock_states,
    stock_daily_prices,
    stocks,
)
from vettr_cron.repositories import red_flag_inputs, score_inputs
from vettr_cron.repositories.universe import Scope

_OWN = (cron_job_runs, cron_stock_states, cron_pauses, cron_marks, cron_calls, cron_samples)
_SORTED = (stocks.c.ticker, stock_daily_prices.c.ticker)
_KINDS: Sequence[tuple[type[TypeEngine[Any]], str]] = (
    (Uuid, "uuid"),
    (BigInteger, "bigint"),
    (Integer, "integer"),
    (Float, "double precision"),
    (DateTime, "timestamp"),
    (Date, "date"),
    (JSON, "json"),
    (Boolean, "boolean"),
)
# A domain counts as the type that it is made of. What a view shows has no keys, and may not be null.
_COLUMNS = text(
    "SELECT needed.name AS table_name, nspname, attname,"
    " CASE type.typtype WHEN 'e' THEN 'enum' ELSE format_type(type.oid, NULL) END AS type,"
    " attnotnull AND NOT atthasdef AND attidentity = '' AS is_required,"
    " attgenerated <> '' OR attidentity = 'a' AS is_generated"
    " FROM unnest(CAST(:names AS text[])) AS needed (name)"
    " JOIN pg_class ON pg_class.oid = to_regclass(needed.name)"
    " JOIN pg_namespace ON pg_namespace.oid = relnamespace"
    " JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped"
    " JOIN pg_type AS declared ON declared.oid = atttypid"
    " JOIN pg_type AS type ON type.oid = CASE declared.typtype WHEN 'd' THEN declared.typbasetype ELSE atttypid END"
    " ORDER BY 1, attnum"
)
_KEYS = text(
    "SELECT needed.name AS table_name, array_agg(attname) AS columns"
    " FROM unnest(CAST(:names AS text[])) AS needed (name)"
    " JOIN pg_index ON indrelid = to_regclass(needed.name)"
    " JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY (indkey)"
    " WHERE indisunique AND indisvalid AND indimmediate AND indpred IS NULL AND indexprs IS NULL"
    " GROUP BY 1, indexrelid"
)


def needed(reads: Collection[Table], inserts: Collection[Table]) -> list[NeededTable]:
    """What calls need that read these tables, and insert rows into those; and what the service itself needs."""
    written = list(dict.fromkeys([*inserts, *_OWN]))
    only_read = [table for table in dict.fromkeys(reads) if table not in written]
    return [
        *(_needed(table, list(table.c), is_written=True) for table in written),
        *(_needed(table, _used(table), is_written=False) for table in only_read),
    ]


def _needed(table: Table, columns: Collection[Column[Any]], *, is_written: bool) -> NeededTable:
    kinds = {column.name: _kind(column) for column in columns}
    key = [column.name for column in table.primary_key]
    return NeededTable(name=table.name, columns=kinds, key=key, is_written=is_written)


def _kind(column: Column[Any]) -> str:
    texts = "sorted text" if column in _SORTED else "text"
    return next((kind for known, kind in _KINDS if isinstance(column.type, known)), texts)


def _used(table: Table) -> list[Column[Any]]:
    """The columns that statements for a chunk name; all of a table that only other jobs read."""
    queries = (score_inputs.chunk_query(Scope.FIRST), red_flag_inputs.chunk_query(Scope.FIRST))
    named = {part for query in queries for part in iterate(query) if isinstance(part, Column)}
    named |= {stocks.c.vetr_score, *(stock_daily_prices.c[name] for name in DailyPrices._fields)}
    return [column for column in table.c if column in named] or list(table.c)


def found(connection: Connection, tables: Sequence[NeededTable]) -> Mapping[str, FoundTable]:
    """Those of the tables that are there, as they are."""
    names = [table.name for table in tables]
    if connection.dialect.name != "postgresql":
        there = {name: _in_sqlite(connection, name) for name in names}
        return {name: table for name, table in there.items() if table.columns}
    columns: dict[str, dict[str, FoundColumn]] = {}
    schemas: dict[str, str] = {}
    for row in connection.execute(_COLUMNS, {"names": names}):
        schemas[row.table_name] = row.nspname
        columns.setdefault(row.table_name, {})[row.attname] = FoundColumn(
            type=row.type, is_required=row.is_required, is_generated=row.is_generated
        )
    keys: dict[str, list[Sequence[str]]] = {name: [] for name in names}
    for row in connection.execute(_KEYS, {"names": names}):
        keys[row.table_name].append(row.columns)
    return {name: FoundTable(schema=schemas[name], columns=columns[name], keys=keys[name]) for name in columns}


def _in_sqlite(connection: Connection, name: str) -> FoundTable:
    columns, primary = {}, []
    for row in connection.execute(text(f"PRAGMA table_xinfo({name})")):
        required = bool(row.notnull) and row.dflt_value is None and not row.pk
        columns[row.name] = FoundColumn(type=None, is_required=required, is_generated=row.hidden > 1)
        primary += [row.name] if row.pk else []
    unique = [row.name for row in connection.execute(text(f"PRAGMA index_list({name})")) if row.unique]
    keys = [[row.name for row in connection.execute(text(f"PRAGMA index_info({index})"))] for index in unique]
    return FoundTable(schema="main", columns=columns, keys=[primary, *keys])
