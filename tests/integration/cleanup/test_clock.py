"""How old a row is follows from the database's clock; a machine's clock that differs is reported."""

import re
from datetime import timedelta

import pytest

from tests.integration.cleanup.database_clock import database_clock
from tests.integration.cleanup.removals import NOW, TABLES, add_old_of_each
from tests.integration.commands import DONE, run
from tests.world import World

CLOCK = "pg_catalog.clock_timestamp()"


def test_rows_that_are_young_by_the_databases_clock_stay(postgres_world: World, redis_url: str) -> None:
    add_old_of_each(postgres_world, NOW - timedelta(days=365))
    with database_clock(postgres_world, redis_url, f"{CLOCK} - interval '700 days'") as world:
        before = {name: len(world.table(name)) for name in TABLES}
        data = world.data("cleanup")
        assert {name: len(world.table(name)) for name in TABLES} == before
    assert data["warning"] == (
        "This machine's clock is 700 days, 0:00:00 ahead of the database's; the cleanup goes by the database's"
    )
    assert data["is_complete"] is True


@pytest.mark.parametrize(
    ("shift", "differs"),
    [
        ("+ interval '50 seconds'", None),
        ("- interval '50 seconds'", None),
        ("+ interval '80 seconds'", r"0:01:[012]\d behind"),
        ("- interval '80 seconds'", r"0:01:[234]\d ahead of"),
        ("+ interval '5 minutes'", r"0:0[45]:\d\d behind"),
        ("- interval '5 minutes'", r"0:05:\d\d ahead of"),
    ],
)
def test_clocks_that_differ_by_more_than_a_minute_are_reported(
    postgres_world: World, redis_url: str, capsys: pytest.CaptureFixture[str], shift: str, differs: str | None
) -> None:
    expected = re.compile(f"This machine's clock is {differs} the database's; the cleanup goes by the database's")
    with database_clock(postgres_world, redis_url, f"{CLOCK} {shift}") as world:
        warning, printed = world.data("cleanup").get("warning"), run(world, "cron", "cleanup")
    assert printed.exit_code == DONE
    if differs is None:
        assert warning is None
        assert "clock" not in printed.output
    else:
        assert expected.fullmatch(warning)
        assert expected.search(printed.stdout)
        assert "clocks_differ" in capsys.readouterr().err


def test_sqlite_has_no_clock_but_this_machines(sqlite_world: World) -> None:
    assert "warning" not in sqlite_world.data("cleanup")
