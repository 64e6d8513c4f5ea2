"""PostgreSQL: transactions that we begin ourselves, binary results on request, and timestamps out of range."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg import DataError
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.pq import Format
from sqlalchemy import Connection, Engine, event

_INFINITIES = {2**63 - 1: "infinity", -(2**63): "-infinity"}
_GREGORIAN_CYCLE = 146_097 * 86_400_000_000


def prepare(engine: Engine) -> None:
    """Attach what each new connection, transaction and statement needs. Call it once per engine."""
    event.listen(engine, "connect", _prepare_connection)
    event.listen(engine, "begin", _begin_transaction)
    event.listen(engine, "do_execute", _execute_in_binary)


def _begin_transaction(connection: Connection) -> None:
    begin = connection.get_execution_options().get("postgresql_begin")
    if begin is not None:  # otherwise the driver begins the transaction, as for migrations
        connection.exec_driver_sql(begin)


def _prepare_connection(connection: Any, _record: object) -> None:
    for form, as_text in ((Format.TEXT, bytes.decode), (Format.BINARY, _out_of_range_text)):
        loader = connection.adapters.get_loader(connection.adapters.types["timestamp"].oid, form)
        lenient = _lenient(loader, form, as_text)
        connection.adapters.register_loader("timestamp", lenient)
        if form is Format.BINARY:  # then both types are sent alike
            connection.adapters.register_loader("timestamptz", lenient)
        else:
            zoned = connection.adapters.get_loader(connection.adapters.types["timestamptz"].oid, form)
            connection.adapters.register_loader("timestamptz", _in_utc(_lenient(zoned, form, as_text)))
        numeric = connection.adapters.get_loader(connection.adapters.types["numeric"].oid, form)
        connection.adapters.register_loader("numeric", _as_float(numeric, form))


def _lenient(strict: type[Loader], form: Format, as_text: Callable[[bytes], str]) -> type[Loader]:
    class LenientTimestampLoader(Loader):
        """`infinity` and years beyond 9999 come back as text, so that they fail their own stock alone."""

        format = form

        def __init__(self, oid: int, context: Any = None) -> None:
            super().__init__(oid, context)
            self._parse = strict(oid, context).load

        def load(self, data: Buffer) -> Any:
            try:
                return self._parse(data)
            except DataError:
                return as_text(bytes(data))

    return LenientTimestampLoader


def _in_utc(lenient: type[Loader]) -> type[Loader]:
    class NaiveLoader(lenient):  # type: ignore[misc,valid-type]
        """A time with a time zone, as all times are here: in UTC, and without a time zone."""

        def load(self, data: Buffer) -> Any:
            found = super().load(data)
            return found.astimezone(UTC).replace(tzinfo=None) if isinstance(found, datetime) else found

    return NaiveLoader


def _as_float(exact: type[Loader], form: Format) -> type[Loader]:
    class FloatLoader(Loader):
        """The rules compute with floats, as the columns that they read should hold."""

        format = form

        def __init__(self, oid: int, context: Any = None) -> None:
            super().__init__(oid, context)
            self._parse = exact(oid, context).load

        def load(self, data: Buffer) -> float:
            return float(self._parse(data))

    return FloatLoader


def _out_of_range_text(microseconds: bytes) -> str:
    """PostgreSQL's text for a timestamp outside Python's range: 64 bits, counted from the year 2000."""
    since_2000 = int.from_bytes(microseconds, "big", signed=True)
    if since_2000 in _INFINITIES:
        return _INFINITIES[since_2000]
    cycles, rest = divmod(since_2000, _GREGORIAN_CYCLE)  # of 400 years, after which the calendar repeats
    moment = datetime(2000, 1, 1) + timedelta(microseconds=rest)
    year = moment.year + 400 * cycles
    text = f"{moment:-%m-%d %H:%M:%S.%f}".rstrip("0").rstrip(".")
    return f"{year:04}{text}" if year > 0 else f"{1 - year:04}{text} BC"


def _execute_in_binary(cursor: Any, statement: str, parameters: Any, context: Any) -> bool:
    """Fetch the results of a statement with the option `binary` in binary format, which avoids parsing numbers."""
    if not context.execution_options.get("binary"):
        return False
    cursor.execute(statement, parameters, binary=True)
    return True
