"""Whether the tables are as this release needs them: their columns, types and keys, whoever made them."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from vettr_cron.domain.diagnosis.check import Check, Finding, judged, problem, warning

_TEXTS = {"text", "character varying"}
_NUMBERS = {"double precision", "real", "numeric", "bigint", "integer", "smallint"}
_TIMES = {"timestamp without time zone", "timestamp with time zone"}
_READABLE: Mapping[str, Collection[str]] = {
    "uuid": {"uuid"},
    "text": {*_TEXTS, "character", "citext", "enum"},
    "sorted text": _TEXTS,  # a type that sorts or compares in its own way would skip stocks
    "double precision": _NUMBERS,
    "bigint": _NUMBERS,
    "integer": _NUMBERS,
    "timestamp": _TIMES,
    "date": {"date", *_TIMES},
    "json": {"jsonb", "json", *_TEXTS},
    "boolean": {"boolean"},
}
_WRITABLE: Mapping[str, Collection[str]] = {
    **_READABLE,
    "text": {*_TEXTS, "citext"},
    "double precision": {"double precision"},
    "json": {"jsonb", "json"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NeededTable:
    """A table as this release needs it: the kinds of the columns that calls use, and what rows are inserted by."""

    name: str
    columns: Mapping[str, str]
    key: Sequence[str]
    is_written: bool  # whether calls insert rows


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundColumn:
    """A column as it is; SQLite's columns hold values of any type, so theirs is None."""

    type: str | None
    is_required: bool  # NOT NULL, without a default
    is_generated: bool  # an insert must leave it out


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundTable:
    """A table as it is. `keys` are the sets of columns of which each is unique."""

    schema: str
    columns: Mapping[str, FoundColumn]
    keys: Collection[Sequence[str]]


def tables(needed: Sequence[NeededTable], found: Mapping[str, FoundTable]) -> Check:
    """Whether calls can read and write the tables; each column that is not as needed is named."""
    findings = [finding for table in needed for finding in _findings(table, found.get(table.name))]
    return judged("tables", "The tables are as this release needs them", [*findings, *_schemas(found)])


def _findings(needed: NeededTable, found: FoundTable | None) -> Iterator[Finding]:
    fix = "Change the table to what docs/contract/platform-schema.md says; `db upgrade` leaves existing tables alone."
    if found is None:
        yield problem(f"{needed.name} is missing", "Run `flask --app wsgi db upgrade`.")
        return
    for name, kind in needed.columns.items():
        column = found.columns.get(name)
        wrong = "is missing" if column is None else _wrong(column, kind, needed.is_written)
        if wrong:
            yield problem(f"{needed.name}.{name} {wrong}", fix)
    if not needed.is_written:
        return
    for name, column in found.columns.items():
        if name not in needed.columns and column.is_required:
            fix_it = "Give the column a default, or let it be null: this release does not know it."
            yield problem(f"{needed.name}.{name} must not be null and has no default", fix_it)
    if set(needed.key) not in map(set, found.keys):
        yield problem(f"{needed.name} has no unique key on {', '.join(needed.key)}", fix)


def _wrong(column: FoundColumn, kind: str, is_written: bool) -> str | None:
    allowed = (_WRITABLE if is_written else _READABLE)[kind]
    if column.type is not None and column.type not in allowed:
        return f"is of type {column.type}, and must be {kind.removeprefix('sorted ')}"
    return "is generated, and must be writable" if is_written and column.is_generated else None


def _schemas(found: Mapping[str, FoundTable]) -> Iterator[Finding]:
    by_schema = defaultdict(list)
    for name, table in found.items():
        by_schema[table.schema].append(name)
    if len(by_schema) > 1:
        told = "; ".join(f"{schema}: {', '.join(names)}" for schema, names in sorted(by_schema.items()))
        fix = "Check that the search_path of the user in DATABASE_URL leads to the tables that are meant."
        yield warning(f"The tables are in different schemas ({told})", fix)
