"""Timestamps that Python has no datetime for come back as PostgreSQL writes them, in whichever form they are sent."""

import pytest
from sqlalchemy import text

from tests.world import World

STRANGE = (
    "infinity",
    "-infinity",
    "10000-01-01 00:00:00",
    "12000-02-29 23:59:59.5",
    "294276-12-31 23:59:59.999999",
    "0044-03-15 12:00:00 BC",
    "0001-12-31 23:59:59.000001 BC",
    "4713-01-01 00:00:00 BC",
)


@pytest.mark.parametrize("binary", [False, True])
def test_a_strange_timestamp_is_the_servers_own_text(postgres_world: World, binary: bool) -> None:
    values = ", ".join(f"('{value}'::timestamp)" for value in STRANGE)
    statement = text(f"SELECT strange, strange::text FROM (VALUES {values}) AS given(strange)")
    with postgres_world.services.database.reading() as connection:
        rows = connection.execute(statement.execution_options(binary=binary)).all()
    assert [row[0] for row in rows] == [row[1] for row in rows] == list(STRANGE)
