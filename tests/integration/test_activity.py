"""GET /v1/cron/activity: what did calls do, and how fresh were the results?"""

import time
from collections.abc import Iterable
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.integration.bare_stocks import add_stocks
from tests.integration.meddling import at_stock, refresh
from tests.integration.past_runs import add_call, add_calls
from tests.integration.replies import data_of, invalid_parameters_of
from tests.integration.sampled import QUARTER, add_sample
from tests.integration.statements import recorded_statements
from tests.jobs import THE_TWO
from tests.world import World
from vettr_cron.domain.timestamps import iso_milliseconds
from vettr_cron.redis_store.leases import Lease, Leases
from vettr_cron.services.clock import utc_now
from vettr_cron.services.monitor.activity import MOST_MISSED, JobActivity, ReadActivity

NOON = datetime(2026, 11, 23, 12)  # a Monday
SECOND, MINUTE, HOUR, DAY = (timedelta(**{unit: 1}) for unit in ("seconds", "minutes", "hours", "days"))
SIZE = 10 * MINUTE  # of a bucket of one day
MOMENT = timedelta(milliseconds=1)  # all times that the service writes are whole ones
HOURLY = "0 * * * *"
MOST_STATEMENTS_A_JOB, MOST_STATEMENTS_FOR_ALL = 5, 5


def found_at(world: World, now: datetime = NOON, days: int = 1) -> dict[str, JobActivity]:
    """What is told of each job, by its name, when it is `now`."""
    services = world.services
    leases = Leases(world.redis, services.settings.cron_lease_seconds)
    reader = ReadActivity(services.database, leases, services.jobs, services.settings, lambda: now)
    found = reader.read(list(services.jobs.values()), days).jobs
    return {job.name: found[job.key] for job in services.jobs.values()}


def add(world: World, at: datetime, seconds: float | None = 1, **values: Any) -> UUID:
    """A completed call that took so many seconds."""
    end = None if seconds is None else at + seconds * SECOND
    return add_call(world, **{"started_at": at, "ended_at": end, "status": "completed", **values})


def scheduled(world: World, expression: str = HOURLY, **values: Any) -> World:
    """The same service with a schedule."""
    return World.make(world.database_url, world.redis_url, cron_schedule=expression, **values)


def missed(world: World, now: datetime = NOON, days: int = 1, **values: Any) -> list[datetime]:
    with closing(scheduled(world, **values)) as on_schedule:
        return list(found_at(on_schedule, now, days)["scores"].missed)


def hours(*numbers: int) -> list[datetime]:
    return [NOON.replace(hour=number) for number in numbers]


def test_an_empty_database_has_none(world: World) -> None:
    found = data_of(world.call("activity"))
    assert found.keys() == {"since", "until", "bucket_seconds", "jobs"}
    nothing: dict[str, Any] = {"calls": [], "missed": [], "samples": [], "now": None, "week_ago": None}
    assert found["jobs"] == {"scores": nothing, "red_flags": nothing}
    assert data_of(world.call("activity?job=scores"))["jobs"].keys() == {"scores"}


@pytest.mark.parametrize("days", [1, 31])
def test_the_reply_says_which_time_it_is_about(world: World, days: int) -> None:
    found = data_of(world.call(f"activity?days={days}"))
    since, until = (datetime.fromisoformat(found[name][:-1]) for name in ("since", "until"))
    size = timedelta(seconds=found["bucket_seconds"])
    assert days * DAY <= utc_now() - since <= days * DAY + size + MINUTE
    assert utc_now() < until
    assert (until - since) // size <= 240


def test_real_calls_of_both_jobs_are_summed(world: World) -> None:
    add_stocks(world, 5, unscorable=1)
    world.data("refresh-all?chunk_size=3")
    world.data("red-flags?tickers=T00004")
    found = data_of(world.call("activity"))["jobs"]
    sums = {key: [sum(row[name] for row in job["calls"]) for name in NUMBERS] for key, job in found.items()}
    assert sums == {"scores": [1, 1, 0, 0, 0, 0, 3, 1], "red_flags": [2, 2, 0, 0, 0, 1, 4, 0]}
    for job, name in (("scores", "scores"), ("red_flags", "red-flags")):
        calls = world.data(f"calls?job={name}")["calls"]
        rows = found[job]["calls"]
        assert (rows[0]["first_at"], rows[-1]["last_end"]) == (calls[-1]["started_at"], calls[0]["ended_at"])
        assert sum(row["busy_seconds"] for row in rows) == pytest.approx(sum(map(seconds, calls)), abs=0.0005)
        assert max(row["longest_seconds"] for row in rows) == pytest.approx(max(map(seconds, calls)), abs=0.0005)
        (sample,) = found[job]["samples"]
        assert (sample["total"], found[job]["now"]) == (5, sample)
    assert sum(found["scores"]["now"]["kinds"].values()) == 2


NUMBERS = ("calls", "completed", "failed", "skipped", "running", "by_hand", "stocks_processed", "stocks_failed")


def seconds(call: dict[str, Any]) -> float:
    start, end = (datetime.fromisoformat(call[name][:-1]) for name in ("started_at", "ended_at"))
    return (end - start).total_seconds()


def test_a_bucket_has_its_beginning_and_not_its_end(world: World) -> None:
    edge = NOON - HOUR
    last = edge + SIZE - MOMENT
    for at in (edge - MOMENT, edge, last, edge + SIZE):
        add(world, at, stocks_processed=100, failed=2)
    first, middle, after = found_at(world)["scores"].calls
    assert [each.at for each in (first, middle, after)] == [edge - SIZE, edge, edge + SIZE]
    assert [each.calls for each in (first, middle, after)] == [1, 2, 1]
    assert (middle.first_at, middle.last_end) == (edge, last + SECOND)
    assert (middle.stocks_processed, middle.stocks_failed, middle.completed) == (200, 4, 2)
    assert (middle.busy_seconds, middle.longest_seconds) == (2, 1)


def test_what_began_before_the_first_bucket_is_left_out(world: World) -> None:
    add(world, NOON - DAY)
    add(world, NOON - DAY - MOMENT)
    (only,) = found_at(world)["scores"].calls
    assert (only.at, only.calls) == (NOON - DAY, 1)
    assert sum(row.calls for row in found_at(world, days=2)["scores"].calls) == 2


def test_each_kind_of_call_is_counted(world: World) -> None:
    at = NOON - HOUR
    for number, status in enumerate(["completed", "completed", "failed", "skipped", "skipped", "skipped"]):
        add(world, at + number * SECOND, number, status=status)
    add(world, at + 7 * SECOND, along_cursor=False)
    add(world, at, job="red-flags")
    found = found_at(world)
    (row,) = found["scores"].calls
    assert [getattr(row, name) for name in NUMBERS[:6]] == [7, 3, 1, 3, 0, 1]
    assert (row.busy_seconds, row.longest_seconds, row.last_end) == (16, 5, at + 10 * SECOND)
    assert [each.calls for each in found["red-flags"].calls] == [1]


def test_a_clock_that_was_set_back_makes_no_call_shorter_than_nothing(world: World) -> None:
    add(world, NOON - HOUR, -30)
    add(world, NOON - HOUR, 2)
    (row,) = found_at(world)["scores"].calls
    assert (row.busy_seconds, row.longest_seconds) == (2, 2)


def test_a_call_at_work_is_running_and_its_bucket_has_no_end_yet(world: World) -> None:
    add_stocks(world, 3)
    began = utc_now()
    world.data("scores?tickers=T00001")
    seen: list[Any] = []
    refresh(world, at_stock(THE_TWO["scores"], 2, lambda: seen.append(found_at(world, began)["scores"])))
    *_, row = seen[0].calls
    assert (sum(each.running for each in seen[0].calls), row.last_end) == (1, None)
    after = found_at(world, began)["scores"].calls
    assert (sum(row.running for row in after), sum(row.completed for row in after)) == (0, 2)
    assert after[-1].last_end


def test_a_dead_call_has_failed(world: World) -> None:
    add(world, NOON - HOUR, None, status="running")
    add(world, NOON - HOUR + SECOND, 1)
    (row,) = found_at(world)["scores"].calls
    assert (row.calls, row.running, row.failed, row.completed) == (2, 0, 1, 1)
    assert (row.last_end, row.busy_seconds) == (NOON - HOUR + 2 * SECOND, 1)
    add(world, NOON, None, status="running", job="red-flags")
    assert found_at(world)["red-flags"].calls[0].last_end is None  # nobody knows when it died
    at_work = add(world, NOON, None, status="running")
    assert isinstance(Leases(world.redis, 30).acquire("scores", str(at_work)), Lease)
    dead, alive = found_at(world)["scores"].calls
    assert ((dead.running, dead.failed), (alive.running, alive.failed)) == ((0, 1), (1, 0))


def test_what_is_from_the_future_is_left_out(world: World) -> None:
    for ahead in (MINUTE, MINUTE + timedelta(milliseconds=1), 9 * MINUTE, DAY):
        add(world, NOON + ahead)
        add_sample(world, NOON + ahead)
    found = found_at(world)["scores"]
    assert [(row.at, row.calls) for row in found.calls] == [(NOON, 1)]
    assert [sample.at for sample in found.samples] == [NOON + MINUTE]
    assert found.now == found.samples[0]


def test_the_last_sample_of_each_bucket_is_told(world: World) -> None:
    edge = NOON - HOUR
    for at in (edge, edge + SIZE - MOMENT, edge + SIZE):
        add_sample(world, at, never=1, failing=2, oldest=None, distribution={"60": 7})
    add_sample(world, edge + MINUTE, job="red-flags", distribution=None)
    found = found_at(world)
    assert [sample.at for sample in found["scores"].samples] == [edge + SIZE - MOMENT, edge + SIZE]
    assert found["scores"].samples[0][1:] == (10, 10, 0, 1, 2, None, {"60": 7})
    assert [(sample.at, sample.kinds) for sample in found["red-flags"].samples] == [(edge + MINUTE, {})]


def test_now_is_the_newest_sample_and_week_ago_the_newest_that_is_a_week_older(world: World) -> None:
    newest = NOON - 40 * DAY
    for ago in (0, 1, 6.99, 7.5, 8):
        add_sample(world, newest - ago * DAY)
    add_sample(world, NOON, job="red-flags")
    found = found_at(world)
    scores, flags = found["scores"], found["red-flags"]
    assert (scores.samples, scores.now and scores.now.at) == ((), newest)
    assert scores.week_ago is not None
    assert scores.week_ago.at == newest - 7.5 * DAY
    assert (flags.now and flags.now.at, flags.week_ago) == (NOON, None)
    add_sample(world, newest - 7 * DAY)
    exact = found_at(world)["scores"].week_ago
    assert exact is not None
    assert exact.at == newest - 7 * DAY


def test_expected_times_without_a_call_are_missed(world: World) -> None:
    for hour in (3, 4, 7, 9):
        add(world, NOON.replace(hour=hour, minute=5))
    add(world, NOON.replace(hour=6), along_cursor=False)
    add(world, NOON.replace(hour=5), job="red-flags")
    assert missed(world) == hours(5, 6, 8, 10, 11)
    assert found_at(world)["scores"].missed == ()  # without a schedule nothing is
    assert missed(world, NOON.replace(hour=10, minute=15)) == hours(5, 6, 8)  # within the grace, it may still come
    assert missed(world, NOON.replace(hour=10, minute=15, second=1)) == hours(5, 6, 8, 10)


def test_a_skipped_or_failed_call_came(world: World) -> None:
    add(world, NOON.replace(hour=8))
    add(world, NOON.replace(hour=9), status="skipped")
    add(world, NOON.replace(hour=10), status="failed")
    assert missed(world) == hours(11)


def test_nothing_is_missed_before_the_first_call_nor_during_the_last_pause(world: World) -> None:
    add(world, NOON.replace(hour=4))
    world.execute("INSERT INTO cron_marks (name, value) VALUES ('resumed_scores', '2026-11-23T08:30:00')")
    assert missed(world) == hours(5, 6, 7, 8, 9, 10, 11)  # when that pause began is not known
    world.execute("INSERT INTO cron_marks (name, value) VALUES ('paused_scores', '2026-11-23T06:30:00')")
    assert missed(world) == hours(5, 6, 9, 10, 11)
    world.execute("UPDATE cron_marks SET value = '2027-11-23T08:30:00' WHERE name = 'resumed_scores'")
    assert missed(world) == hours(5, 6)
    with closing(scheduled(world)) as on_schedule:
        assert found_at(on_schedule)["red-flags"].missed == ()  # it was never called


def test_while_the_job_is_paused_nothing_is_missed(world: World) -> None:
    add(world, NOON.replace(hour=4))
    world.data("pause?job=scores", method="POST")
    for paused_at, expected in ((NOON.replace(hour=4, minute=30), []), (NOON.replace(hour=6, minute=30), hours(5, 6))):
        world.execute("UPDATE cron_pauses SET paused_at = :at", at=paused_at)
        assert missed(world) == expected


def test_missed_calls_are_those_of_the_days_asked_for_and_of_the_jobs_own_schedule(world: World) -> None:
    add(world, NOON - 3 * DAY)
    assert missed(world, days=2)[0] == NOON - 2 * DAY
    assert len(missed(world, days=31)) == 3 * 24 - 1
    assert missed(world, days=31, cron_schedules={"scores": "30 11 * * *"}) == [
        NOON - HOUR / 2 - number * DAY for number in (2, 1, 0)
    ]
    assert missed(world, cron_schedules={"scores": "off"}) == []


def test_of_very_many_missed_calls_the_newest_are_told(world: World) -> None:
    add(world, NOON - 40 * DAY)
    found = missed(world, days=31, expression="* * * * *")
    assert (len(found), found[-1], found[0]) == (MOST_MISSED, NOON - 16 * MINUTE, NOON - (15 + MOST_MISSED) * MINUTE)


def test_a_call_that_was_due_every_minute_is_looked_for_only_so_far_back(world: World) -> None:
    add_calls(world, 3_100, MINUTE, ago=utc_now() - NOON)
    began = time.perf_counter()
    assert missed(world, days=31, expression="* * * * *") == []
    print(f"31 days of minutes: {(time.perf_counter() - began) * 1000:.0f} ms")
    world.execute("DELETE FROM cron_calls WHERE started_at > :since", since=str(NOON - 2 * DAY))
    assert len(missed(world, days=31, expression="* * * * *")) == MOST_MISSED


def test_while_nothing_happens_the_reply_is_304(world: World) -> None:
    world.data("scores")
    first = world.call("activity?days=31")
    known = {"If-None-Match": first.headers["ETag"]}
    again = world.call("activity?days=31", headers=known)
    assert (again.status_code, again.get_data(), again.headers["ETag"]) == (304, b"", first.headers["ETag"])
    assert world.call("activity?days=30", headers=known).status_code == 200
    world.data("scores")
    assert world.call("activity?days=31", headers=known).status_code == 200


def test_a_few_statements_answer_for_any_number_of_days(world: World) -> None:
    add_filled_days(world, 10)
    with closing(scheduled(world)) as on_schedule:
        counts = []
        for days in (1, 31):
            with recorded_statements(on_schedule) as statements:
                found_at(on_schedule, days=days)
            counts.append(len(statements))
    assert counts[0] == counts[1] <= MOST_STATEMENTS_FOR_ALL + MOST_STATEMENTS_A_JOB * len(THE_TWO)


@pytest.mark.parametrize(
    ("query", "name"),
    [
        *((f"days={days}", "days") for days in ("0", "32", "-1", "1.5", "x", "", "30d")),
        ("job=x", "job"),
        ("limit=5", "limit"),
    ],
)
def test_a_bad_parameter_is_named(sqlite_world: World, query: str, name: str) -> None:
    assert invalid_parameters_of(sqlite_world.call(f"activity?{query}")).keys() == {name}


def test_only_callers_with_the_secret_are_answered_and_only_to_get(sqlite_world: World) -> None:
    assert sqlite_world.client.get("/v1/cron/activity", headers={"If-None-Match": "*"}).status_code == 401
    assert sqlite_world.call("activity", method="POST").status_code == 405


def test_a_month_among_others_is_answered_quickly(world: World) -> None:
    now = utc_now()
    add_filled_days(world, 60, now)
    with closing(scheduled(world, "*/15 * * * *")) as on_schedule:
        began = time.perf_counter()
        found = on_schedule.data("activity?days=31")
        took = time.perf_counter() - began
    print(f"31 days of two jobs: {took * 1000:.0f} ms")
    for job in found["jobs"].values():
        assert sum(row["calls"] for row in job["calls"]) == pytest.approx(31 * 96, abs=18)
        assert job["now"]["at"] == iso_milliseconds(now)
    assert took < 10  # also where other work slows everything down


def add_filled_days(world: World, days: int, until: datetime = NOON) -> None:
    """A call and a sample of each job every 15 minutes."""
    moments = [until - number * QUARTER for number in range(days * 96)]
    for job in THE_TWO:
        world.add("cron_calls", *calls_of(job, moments))
        counts = {"total": 9, "fresh": 9, "stale": 0, "never": 0, "failing": 0}
        world.add("cron_samples", *({"job": job, "taken_at": at, "oldest": at, **counts} for at in moments))


def calls_of(job: str, moments: Iterable[datetime]) -> list[dict[str, Any]]:
    done = {"along_cursor": True, "caller": "http", "status": "completed", "is_complete": False}
    counts = {"chunks_run": 1, "stocks_processed": 100, "succeeded": 100, "failed": 0}
    return [{"id": uuid4(), "job": job, "started_at": at, "ended_at": at + SECOND, **done, **counts} for at in moments]
