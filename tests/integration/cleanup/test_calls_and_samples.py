"""Old calls and samples go, but the newest of each job stay."""

from contextlib import closing
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.integration.cleanup.removals import KEEP, MILLISECOND, NOW, clean, ids, in_pieces
from tests.integration.commands import printed_json
from tests.integration.sampled import add_sample, samples
from tests.world import World
from vettr_cron.services.clock import utc_now
from vettr_cron.services.operate.cleanup import CleanupRequest

OLD = NOW - timedelta(days=500)
DAY = timedelta(days=1)


def add_call(world: World, at: datetime, job: str = "scores", status: str = "completed", **values: Any) -> UUID:
    found = uuid4()
    row = {"id": found, "job": job, "status": status, "along_cursor": True, "caller": "http", "started_at": at}
    counts = dict.fromkeys(("chunks_run", "stocks_processed", "succeeded", "failed"), 0)
    world.add("cron_calls", row | counts | {"is_complete": False} | values)
    return found


def test_each_job_keeps_its_newest_call_along_the_cursor_and_its_newest_completed_one(world: World) -> None:
    kept = set()
    for job in ("scores", "red-flags"):
        add_call(world, OLD, job)
        kept.add(add_call(world, OLD + DAY, job))
        add_call(world, OLD + 2 * DAY, job, "failed")
        kept.add(add_call(world, OLD + 3 * DAY, job, "failed"))
        add_call(world, OLD + 4 * DAY, job, along_cursor=False)
    assert clean(world, dry_run=True).removed["calls"] == 6
    assert clean(world).removed["calls"] == 6
    assert ids(world, "cron_calls") == kept


def test_a_call_from_the_future_is_not_the_newest(world: World) -> None:
    add_call(world, OLD)
    kept = {add_call(world, OLD + DAY), add_call(world, NOW + 300 * DAY)}
    assert clean(world).removed["calls"] == 1
    assert ids(world, "cron_calls") == kept


def test_a_call_whose_end_nobody_recorded_goes_once_it_is_old(world: World) -> None:
    add_call(world, OLD, status="running")
    kept = {add_call(world, NOW, status="running"), add_call(world, OLD)}
    assert clean(world).removed["calls"] == 1
    assert ids(world, "cron_calls") == kept


def test_even_one_day_spares_the_call_at_work(world: World) -> None:
    add_call(world, utc_now() - 2 * DAY, status="running")
    kept = {add_call(world, utc_now() - timedelta(hours=23), status="running"), add_call(world, utc_now())}
    assert world.data("cleanup?calls_days=1")["calls_removed"] == 1
    assert ids(world, "cron_calls") == kept


def test_each_job_keeps_its_newest_sample(world: World) -> None:
    for days in range(5):
        add_sample(world, OLD + days * DAY)
        add_sample(world, OLD + days * DAY, "red-flags")
    add_sample(world, NOW)
    assert clean(world, dry_run=True).removed["samples"] == 9
    assert clean(world).removed["samples"] == 9
    assert [row["taken_at"] for row in samples(world)] == [NOW]
    assert [row["taken_at"] for row in samples(world, "red-flags")] == [OLD + 4 * DAY]


def test_a_sample_from_the_future_is_not_the_newest(world: World) -> None:
    for at in (OLD, OLD + DAY, NOW + 300 * DAY):
        add_sample(world, at)
    assert clean(world).removed["samples"] == 1
    assert [row["taken_at"] for row in samples(world)] == [OLD + DAY, NOW + 300 * DAY]


def test_exactly_so_many_days_stays(world: World) -> None:
    """By the clock of this machine, which SQLite has too."""
    boundary = utc_now() - KEEP.calls * DAY
    for at in (boundary - MILLISECOND, boundary + timedelta(minutes=1), NOW):
        add_sample(world, at)
        add_call(world, at)
    removed = clean(world).removed
    assert (removed["samples"], removed["calls"]) == (1, 1)


@pytest.mark.parametrize("most_rows", [1, 2, 7, 100])
def test_samples_go_in_pieces(world: World, most_rows: int) -> None:
    for days in range(8):
        add_sample(world, OLD + days * DAY)
    result = in_pieces(world, most_rows).run(CleanupRequest(keep=KEEP, time_budget=None))
    assert (result.removed["samples"], result.is_complete) == (7, True)


def test_the_setting_the_parameter_and_the_option_say_how_many_days(migrated_url: str, redis_url: str) -> None:
    with closing(World.make(migrated_url, redis_url, cron_keep_calls_days=100)) as world:
        for days in (10, 50, 150, 450, 1):
            add_sample(world, utc_now() - days * DAY)
            add_call(world, utc_now() - days * DAY)
        for words, number in ((("--calls-days", "400"), 1), ((), 1)):
            data = printed_json(world, "cron", "cleanup", *words)
            assert (data["calls_removed"], data["samples_removed"]) == (number, number)
        data = world.data("cleanup?calls_days=20")
        assert (data["calls_removed"], data["samples_removed"]) == (1, 1)
        for name in ("calls", "samples"):
            assert (utc_now() - datetime.fromisoformat(data["older_than"][name][:-1])).days == 20
