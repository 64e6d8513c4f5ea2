"""A service in which nothing is wrong, and what is printed."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

from tests.integration.bare_stocks import everything
from tests.integration.broken_service import replace_services
from tests.integration.commands import FAILED, run
from tests.integration.doctor.examinations import NAMES, OK, PROBLEM, examined, in_use
from tests.world import World
from vettr_cron.redis_store.embedded import embedded_redis_client


def test_a_service_that_is_in_use_has_nothing_wrong(world: World) -> None:
    in_use(world)
    before = everything(world)
    assert {check["state"] for check in examined(world).values()} == {OK}
    assert everything(world) == before


def test_the_embedded_redis_is_fine(healthy: World, embedded_folder: Path) -> None:
    with closing(embedded_redis_client(embedded_folder, decode_responses=True)) as client:
        replace_services(healthy, doctor=replace(healthy.services.doctor, redis=client))
        assert {check["state"] for check in examined(healthy).values()} == {OK}


def test_plain_output_has_the_remedy_below_the_check(healthy: World) -> None:
    lines = run(healthy, "cron", "doctor").stdout.splitlines()
    assert [line.split()[:2] for line in lines[:-1]] == [[name, OK] for name in NAMES]
    assert lines[-1] == "no problems, no warnings."
    run(healthy, "cron", "pause", "--job", "scores", "--reason", "two\nlines")
    healthy.execute("DELETE FROM cron_alembic_version")
    result = run(healthy, "cron", "doctor")
    assert result.exit_code == FAILED
    lines = result.stdout.splitlines()
    column = lines[0].index("CRON_SECRET is set")
    place = next(number for number, line in enumerate(lines) if line.startswith("migration"))
    assert lines[place][:column].split() == ["migration", PROBLEM]
    assert lines[place + 1] == " " * column + "Run `flask --app wsgi db upgrade`."
    assert any(line[column:] == "Paused: two lines" for line in lines)
    assert (len(lines), lines[-1]) == (len(NAMES) + 3, "1 problem, 1 warning.")
