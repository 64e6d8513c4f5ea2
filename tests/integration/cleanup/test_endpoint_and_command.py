"""GET and POST /v1/cron/cleanup, and the command."""

from datetime import datetime

import pytest

from tests.integration.bare_stocks import everything
from tests.integration.cleanup.removals import COUNTS, KEEP_NAMES, add_old_of_each
from tests.integration.commands import DONE, WRONG_USAGE, printed_json, run
from tests.integration.replies import data_of, invalid_parameters_of
from tests.world import World
from vettr_cron.services.clock import utc_now


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_both_methods_remove_by_the_settings_or_as_asked(world: World, method: str) -> None:
    add_old_of_each(world, utc_now())
    kept = data_of(world.call("cleanup?runs_days=1000&red_flags_days=1000&snapshots_days=1000", method=method))
    assert [kept[name] for name in COUNTS] == [0, 0, 0]
    counted = data_of(world.call("cleanup?dry_run=1", method=method))
    assert ([counted[name] for name in COUNTS], counted["dry_run"]) == ([3, 3, 3], True)
    done = data_of(world.call("cleanup", method=method))
    assert ([done[name] for name in COUNTS], done["dry_run"], done["is_complete"]) == ([3, 3, 3], False, True)
    ages = [utc_now() - datetime.fromisoformat(done["older_than"][name][:-1]) for name in KEEP_NAMES]
    assert [age.days for age in ages] == [35, 100, 200]


def test_the_variables_say_how_long_rows_are_kept(migrated_sqlite_url: str, redis_url: str) -> None:
    world = World.make(
        migrated_sqlite_url,
        redis_url,
        cron_keep_runs_days=299,
        cron_keep_red_flags_days=301,
        cron_keep_snapshots_days=303,
    )
    add_old_of_each(world, utc_now())
    data = world.data("cleanup")
    world.close()
    # Rows of 300, 301 and 302 days, and the time since.
    assert [data[name] for name in COUNTS] == [3, 2, 0]


@pytest.mark.parametrize("name", ["runs_days", "calls_days", "red_flags_days", "snapshots_days"])
@pytest.mark.parametrize("value", ["0", "-1", "36501", "1.5", "1e1", "x", ""])
def test_a_bad_number_of_days_is_named_and_removes_nothing(sqlite_world: World, name: str, value: str) -> None:
    add_old_of_each(sqlite_world, utc_now(), count=1)
    before = everything(sqlite_world)
    problems = invalid_parameters_of(sqlite_world.call(f"cleanup?{name}={value}"))
    assert problems.keys() == {name}
    assert "a whole number of days from 1 to 36500" in problems[name]
    assert everything(sqlite_world) == before


@pytest.mark.parametrize(("query", "name"), [("dry_run=yes", "dry_run"), ("days=7", "days")])
def test_any_other_bad_parameter_is_named(sqlite_world: World, query: str, name: str) -> None:
    assert invalid_parameters_of(sqlite_world.call(f"cleanup?{query}")).keys() == {name}


def test_head_and_strangers_are_refused_and_remove_nothing(sqlite_world: World) -> None:
    add_old_of_each(sqlite_world, utc_now())
    before = everything(sqlite_world)
    assert sqlite_world.call("cleanup", method="HEAD").status_code == 405
    for method in ("GET", "POST"):
        assert sqlite_world.client.open("/v1/cron/cleanup", method=method).status_code == 401
    assert everything(sqlite_world) == before


def test_the_command_counts_and_removes(world: World) -> None:
    add_old_of_each(world, utc_now())
    before = everything(world)
    counted = run(world, "cron", "cleanup", "--dry-run")
    assert (counted.exit_code, "would remove" in counted.stdout) == (DONE, True)
    assert everything(world) == before
    assert run(world, "cron", "cleanup", "--runs-days", "0").exit_code == WRONG_USAGE
    data = printed_json(world, "cron", "cleanup", "--runs-days", "1000")
    assert [data[name] for name in COUNTS] == [0, 3, 3]
    assert "removed" in run(world, "cron", "cleanup").stdout
    assert len(world.table("cron_job_runs")) == 1
