"""Which columns of other tables refer to a table's rows by id."""

from sqlalchemy import ColumnElement, Connection, Table, column, inspect, table, text

from vettr_cron.domain.errors import DatabaseUnavailable

# SQLAlchemy's inspector sees only the schemas that it is given, the catalog has all. A foreign key of a partitioned
# table counts once, not once per partition; one that refers to a partition or child of our table counts too.
_FOREIGN_KEYS = text(
    "WITH RECURSIVE referred AS ("
    " SELECT CAST(CAST(:name AS regclass) AS oid) AS id"
    " UNION SELECT inhrelid FROM pg_inherits JOIN referred ON inhparent = referred.id)"
    " SELECT nspname, relname, referring.attname, row_security_active(pg_class.oid)"
    " FROM referred JOIN pg_constraint ON confrelid = referred.id AND contype = 'f' AND conparentid = 0"
    " JOIN pg_class ON pg_class.oid = conrelid JOIN pg_namespace ON pg_namespace.oid = relnamespace"
    " CROSS JOIN LATERAL unnest(conkey, confkey) AS pair (own, foreign_one)"
    " JOIN pg_attribute AS referring ON referring.attrelid = conrelid AND referring.attnum = own"
    " JOIN pg_attribute AS named ON named.attrelid = confrelid AND named.attnum = foreign_one"
    " WHERE named.attname = 'id'"
)


def referring(connection: Connection, referred: Table) -> list[ColumnElement[object]]:
    """The columns that refer to a row of this table by its id, in any schema, each from an aliased table.

    Raises DatabaseUnavailable if there may be referring rows that this user cannot see.
    """
    found = _on_postgresql if connection.dialect.name == "postgresql" else _on_sqlite
    return [_column(*names) for names in found(connection, referred)]


def _column(schema: str | None, name: str, referring: str) -> ColumnElement[object]:
    # An alias, in case the table has the same name in another schema, or refers to itself.
    return table(name, column(referring), schema=schema).alias().c[referring]


def _on_postgresql(connection: Connection, referred: Table) -> list[tuple[str | None, str, str]]:
    keys = []
    for schema, name, referring, is_filtered in connection.execute(_FOREIGN_KEYS, {"name": referred.name}):
        if is_filtered:
            raise DatabaseUnavailable(f"Row security may hide rows of {schema}.{name} from the user in DATABASE_URL")
        keys.append((schema, name, referring))
    return keys


def _on_sqlite(connection: Connection, referred: Table) -> list[tuple[str | None, str, str]]:
    return [
        (schema, name, referring)
        for (schema, name), keys in inspect(connection).get_multi_foreign_keys().items()
        for key in keys
        if key["referred_table"].lower() == referred.name
        for referring, named in zip(key["constrained_columns"], key["referred_columns"], strict=True)
        if named.lower() == "id"
    ]
