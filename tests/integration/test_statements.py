"""How many statements and round trips a chunk takes: as many for 300 stocks as for 100."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import event

from tests.world import World

MOST_STATEMENTS_A_CHUNK = 25


@contextmanager
def recorded_statements(world: World) -> Iterator[list[str]]:
    """Every statement that reaches the driver, BEGIN and COMMIT apart."""
    statements: list[str] = []

    def record(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        statements.append(statement)

    engine = world.services.database.engine
    event.listen(engine, "before_cursor_execute", record)
    event.listen(engine, "savepoint", lambda *_more: statements.append("SAVEPOINT"))
    event.listen(engine, "release_savepoint", lambda *_more: statements.append("RELEASE"))
    yield statements
    event.remove(engine, "before_cursor_execute", record)


@pytest.mark.parametrize("job", ["scores", "red-flags"])
def test_a_chunk_takes_few_statements_however_large_it_is(postgres_world: World, job: str) -> None:
    postgres_world.generate(400)
    counts = []
    for size in (100, 300):
        with recorded_statements(postgres_world) as statements:
            assert postgres_world.data(f"{job}?chunk_size={size}")["succeeded"] == size
        counts.append(len(statements))
    assert counts[0] == counts[1] <= MOST_STATEMENTS_A_CHUNK
