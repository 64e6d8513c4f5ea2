"""The statements that a service sends to its database: recorded, or taken as the moment at which something happens."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import event

from tests.world import World

MOST_STATEMENTS_A_CHUNK = 27  # two of them for the call log: one as a call begins, one as it ends
STATEMENTS_A_SAMPLE = 2  # which a chunk at the end of a cycle adds: what it counts, and its row


@contextmanager
def recorded_statements(world: World) -> Iterator[list[str]]:
    """Every statement that reaches the driver, savepoints among them, what begins and ends a transaction apart."""
    statements: list[str] = []

    def record(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        if not statement.startswith(("BEGIN", "PRAGMA busy_timeout")):
            statements.append(statement)

    engine = world.services.database.engine
    event.listen(engine, "before_cursor_execute", record)
    yield statements
    event.remove(engine, "before_cursor_execute", record)


@contextmanager
def at_statements(
    world: World, *words: str, act: Callable[[], object], only: int | None = None, after: bool = False
) -> Iterator[None]:
    """Act whenever a statement with these words is about to be sent, or `after` it was answered; or at one `only`.

    Statements that the act itself sends do not count.
    """
    acting, number = False, 0

    def listen(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        nonlocal acting, number
        if acting or not all(word in statement for word in words):
            return
        number += 1
        if only in (None, number):
            acting = True
            try:
                act()
            finally:
                acting = False

    moment = "after_cursor_execute" if after else "before_cursor_execute"
    engine = world.services.database.engine
    event.listen(engine, moment, listen)
    try:
        yield
    finally:
        event.remove(engine, moment, listen)
