"""The statements that a service sends to its database, recorded."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import event

from tests.world import World

MOST_STATEMENTS_A_CHUNK = 25


@contextmanager
def recorded_statements(world: World) -> Iterator[list[str]]:
    """Every statement that reaches the driver, savepoints among them, BEGIN and COMMIT apart."""
    statements: list[str] = []

    def record(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        if not statement.startswith("BEGIN"):
            statements.append(statement)

    engine = world.services.database.engine
    event.listen(engine, "before_cursor_execute", record)
    yield statements
    event.remove(engine, "before_cursor_execute", record)
