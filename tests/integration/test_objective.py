"""GET /v1/cron/objective and the command: for which share of the time was every stock fresh?"""

import time
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.integration.bare_stocks import add_stocks
from tests.integration.commands import DONE, WRONG_USAGE, printed_json, run
from tests.integration.replies import invalid_parameters_of
from tests.integration.sampled import QUARTER, add_sample, ago, samples
from tests.world import World
from vettr_cron.services.clock import utc_now

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
UNKNOWN: dict[str, Any] = {"share": None, "since": None, "fresh_seconds": 0, "counted_seconds": 0, "not_fresh": []}


def parsed(text: str) -> datetime:
    return datetime.fromisoformat(text[:-1])


def near(seconds: float) -> Any:
    """So many seconds, and a few more that have passed since."""
    return pytest.approx(seconds, abs=5)


def test_without_samples_nothing_is_known(world: World) -> None:
    assert world.data("objective") == {
        "days": 30,
        "fresh_within_seconds": 90_000,
        "jobs": {"scores": UNKNOWN, "red_flags": UNKNOWN},
    }


def test_what_calls_have_sampled_counts_from_the_first_sample_on(world: World) -> None:
    add_stocks(world, 3)
    world.data("scores")
    (sample,) = samples(world)
    time.sleep(0.01)
    found = world.data("objective")["jobs"]["scores"]
    assert (found["share"], found["not_fresh"]) == (1, [])
    assert parsed(found["since"]) == sample["taken_at"]
    assert world.data("objective")["jobs"]["red_flags"] == UNKNOWN


def test_the_time_after_a_missed_call_is_not_fresh(world: World) -> None:
    start = ago(days=4)
    for days in (0, 1, 3):
        add_sample(world, start + days * DAY)
    found = world.data("objective?job=scores&days=400")["jobs"]
    assert found.keys() == {"scores"}
    scores = found["scores"]
    assert scores["counted_seconds"] == near(4 * 86_400)
    assert scores["fresh_seconds"] == near((24 + 25 + 24) * 3_600)
    assert scores["share"] == pytest.approx(73 / 96, abs=0.001)
    assert [(parsed(span["start"]), parsed(span["end"])) for span in scores["not_fresh"]] == [
        (start + DAY + 25 * HOUR, start + 3 * DAY)
    ]
    assert parsed(scores["since"]) == start


def test_the_last_sample_before_the_days_asked_for_counts(world: World) -> None:
    add_sample(world, ago(hours=34))
    add_sample(world, ago(days=200), never=1)
    found = world.data("objective?days=1")
    scores = found["jobs"]["scores"]
    assert found["days"] == 1
    assert (scores["counted_seconds"], scores["fresh_seconds"]) == (near(86_400), near(15 * 3_600))
    assert utc_now() - parsed(scores["since"]) > 199 * DAY


def test_samples_from_the_future_are_left_out_until_their_time_has_come(world: World) -> None:
    add_sample(world, ago(hours=10))
    before = world.data("objective")["jobs"]["scores"]
    add_sample(world, utc_now() + timedelta(minutes=5), never=1)
    add_sample(world, utc_now() + timedelta(seconds=30), never=1)
    after = world.data("objective")["jobs"]["scores"]
    assert (after["share"], after["not_fresh"], after["since"]) == (1, [], before["since"])


def test_what_is_fresh_now_is_asked_of_old_samples_too(migrated_url: str, redis_url: str) -> None:
    with closing(World.make(migrated_url, redis_url, cron_fresh_within="6h")) as world:
        add_sample(world, ago(hours=24))
        found = world.data("objective")
        assert found["fresh_within_seconds"] == 21_600
        assert found["jobs"]["scores"]["share"] == pytest.approx(0.25, abs=0.001)


def test_the_command_shows_the_same(world: World) -> None:
    add_sample(world, ago(hours=50))
    shown = run(world, "cron", "objective", "--days", "7")
    assert shown.exit_code == DONE
    assert "50.00 %" in shown.stdout or "49.99 %" in shown.stdout
    assert "unknown" in shown.stdout
    assert "not fresh from" in shown.stdout
    printed = printed_json(world, "cron", "objective", "--days", "7", "--job", "scores")
    asked = world.data("objective?days=7&job=scores")
    assert printed["jobs"]["scores"]["fresh_seconds"] == asked["jobs"]["scores"]["fresh_seconds"]
    assert (printed["days"], printed.keys()) == (7, asked.keys())
    for words in (("--days", "0"), ("--days", "401"), ("--job", "x")):
        assert run(world, "cron", "objective", *words).exit_code == WRONG_USAGE


@pytest.mark.parametrize(
    ("query", "name"),
    [
        *((f"days={days}", "days") for days in ("0", "401", "-1", "1.5", "x", "", "30d")),
        ("job=x", "job"),
        ("limit=5", "limit"),
    ],
)
def test_a_bad_parameter_is_named(sqlite_world: World, query: str, name: str) -> None:
    assert invalid_parameters_of(sqlite_world.call(f"objective?{query}")).keys() == {name}


def test_only_callers_with_the_secret_are_answered_and_only_to_get(sqlite_world: World) -> None:
    assert sqlite_world.client.get("/v1/cron/objective").status_code == 401
    assert sqlite_world.call("objective", method="POST").status_code == 405


def test_400_days_of_samples_are_answered_quickly(world: World) -> None:
    now = utc_now()
    rows = [
        {"job": job, "taken_at": (at := now - number * QUARTER), "total": 9, "fresh": 9, "stale": 0, "never": 0}
        | {"failing": 0, "oldest": at - HOUR}
        for job in ("scores", "red-flags")
        for number in range(38_400)
    ]
    world.add("cron_samples", *rows)
    began = time.perf_counter()
    found = world.data("objective?days=400")
    took = time.perf_counter() - began
    print(f"two jobs with 38 400 samples each: {took * 1000:.0f} ms")
    assert {job["share"] for job in found["jobs"].values()} == {1}
    assert took < 10  # also where other work slows everything down
