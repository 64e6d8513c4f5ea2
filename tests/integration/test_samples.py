"""Calls take samples of how fresh the results are: at a cycle's end, and otherwise every 15 minutes."""

from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.integration.bare_stocks import add_stocks
from tests.integration.commands import DONE, printed_json, run
from tests.integration.sampled import QUARTER, add_sample, ago, make_older, samples
from tests.integration.third_job import FILING_AGES
from tests.jobs import THE_TWO
from tests.world import World
from vettr_cron.jobs.scores import ScoreResult
from vettr_cron.repositories import samples as repository
from vettr_cron.repositories import states
from vettr_cron.repositories.states import Counts
from vettr_cron.services.clock import utc_now


def test_a_sample_counts_as_coverage_does(world: World) -> None:
    add_stocks(world, 12, unscorable=2)
    world.data("scores?chunk_size=8")
    (sample,) = samples(world)
    counts = world.data("coverage?job=scores")["jobs"]["scores"]
    named = ("total", "fresh", "stale", "never", "failing")
    assert [sample[name] for name in named] == [counts[name] for name in named] == [12, 6, 0, 6, 2]
    assert sample["oldest"].isoformat(timespec="milliseconds") + "Z" == counts["oldest"]
    assert timedelta() <= utc_now() - sample["taken_at"] < timedelta(minutes=1)


def test_the_end_of_a_cycle_is_sampled_however_new_the_last_sample_is(world: World) -> None:
    add_stocks(world, 12)
    for calls, expected in ((1, 1), (2, 1), (3, 2), (4, 2), (6, 3)):
        while len(world.table("cron_job_runs")) < calls:
            world.data("scores?chunk_size=5")
        assert len(samples(world)) == expected
    assert samples(world, "red-flags") == []


def test_otherwise_a_quarter_of_an_hour_lies_between_two_samples(world: World) -> None:
    add_stocks(world, 12)
    add_sample(world, utc_now() - QUARTER + timedelta(minutes=1))
    world.data("scores?chunk_size=2")
    assert len(samples(world)) == 1
    make_older(world, timedelta(minutes=1))
    world.data("scores?chunk_size=2")
    world.data("scores?chunk_size=2")
    assert len(samples(world)) == 2


def test_calls_for_certain_stocks_and_commands_take_samples_too(world: World) -> None:
    add_stocks(world, 12)
    world.data("scores?tickers=T00003")
    assert [sample["never"] for sample in samples(world)] == [11]
    make_older(world, QUARTER)
    assert run(world, "cron", "scores", "--chunk-size", "2").exit_code == DONE
    assert [sample["never"] for sample in samples(world)] == [11, 9]


def test_an_empty_universe_is_sampled(world: World) -> None:
    world.data("scores")
    (sample,) = samples(world)
    assert (sample["total"], sample["oldest"]) == (0, None)


def test_a_sample_from_the_future_keeps_none_from_being_taken(world: World) -> None:
    add_stocks(world, 12)
    add_sample(world, utc_now() + timedelta(hours=1))
    world.data("scores?chunk_size=2")
    world.data("scores?chunk_size=2")
    assert len(samples(world)) == 2


def test_of_two_callers_who_find_it_due_one_takes_it(world: World) -> None:
    """The second is a caller that has lost its lease, and does not know it yet."""
    counts, now = Counts(10, 10, 0, 0, 0, utc_now()), utc_now()
    for at in (now, now + timedelta(milliseconds=1), now + timedelta(minutes=14)):
        with world.write() as connection:
            repository.add(connection, "scores", at, counts, {"0": 10}, (at - QUARTER, at + timedelta(minutes=1)))
    assert [sample["taken_at"] for sample in samples(world)] == [now]
    with world.write() as connection:
        repository.add(connection, "red-flags", now, counts, {}, (now - QUARTER, now))
        repository.add(connection, "scores", now + timedelta(milliseconds=1), counts, {}, None)
    assert (len(samples(world)), len(samples(world, "red-flags"))) == (2, 1)


def test_a_call_that_is_skipped_or_paused_takes_none(world: World) -> None:
    add_stocks(world, 12)
    world.services.pause.pause([THE_TWO["scores"]], None)
    assert world.data("scores")["stop_reason"] == "paused"
    assert samples(world) == []


@pytest.mark.parametrize(
    ("score", "band"), [(0, "0"), (9, "0"), (10, "10"), (55, "50"), (89, "80"), (90, "90"), (99, "90"), (100, "90")]
)
def test_scores_are_counted_by_tens(score: int, band: str) -> None:
    result = ScoreResult({}, {}, {"vetr_score": score}, "")
    assert THE_TWO["scores"].kinds(result) == [band]


def test_the_scores_of_all_stocks_are_counted(world: World) -> None:
    """Of a stock that fails now its last score, of one that is gone none."""
    add_stocks(world, 14, unscorable=2)
    for number, stock in enumerate(world.table("stocks")):
        world.add("financial_data", {"stock_id": stock["id"], "cash": 10.0 * number, "monthly_burn": 5.0})
    world.data("scores?chunks=all&chunk_size=5")
    world.execute("DELETE FROM financial_data WHERE stock_id = (SELECT id FROM stocks WHERE ticker = 'T00010')")
    world.execute("DELETE FROM financial_data WHERE stock_id = (SELECT id FROM stocks WHERE ticker = 'T00013')")
    world.execute("DELETE FROM stocks WHERE ticker = 'T00013'")
    world.execute("UPDATE stocks SET price = :p WHERE ticker = 'T00012'", p=float("inf"))
    world.data("scores?chunks=all&chunk_size=5")
    last = samples(world)[-1]
    scores = [stock["vetr_score"] for stock in world.table("stocks") if stock["vetr_score"] is not None]
    assert last["distribution"] == Counter(str(score // 10 * 10) for score in scores)
    assert len(last["distribution"]) > 1
    assert (last["total"], last["failing"], len(scores)) == (13, 3, 11)


def test_only_current_flags_are_counted(world: World) -> None:
    add_stocks(world, 12)
    world.data("red-flags?chunks=all&chunk_size=5")
    world.data("red-flags?tickers=T00003")
    make_older(world, QUARTER, "red-flags")
    world.data("red-flags?chunks=2&chunk_size=5")
    assert len(world.table("red_flag_history")) == 5 * (12 + 1 + 10)
    last = samples(world, "red-flags")[-1]["distribution"]
    newest: dict[tuple[str, str], Mapping[str, object]] = {}
    for flag in sorted(world.table("red_flag_history"), key=lambda flag: flag["detected_at"]):
        newest[flag["stock_ticker"], flag["flag_type"]] = flag
    severities = [flag["severity"] for flag in newest.values()]
    assert last == Counter(severities)
    assert len(last) > 1
    assert sum(last.values()) == 5 * 12


def test_a_job_whose_results_count_as_nothing_is_sampled_all_the_same(migrated_url: str, redis_url: str) -> None:
    plain = replace(THE_TWO["scores"], kinds=FILING_AGES.kinds)
    with closing(World.with_jobs({"scores": plain}, migrated_url, redis_url)) as world:
        add_stocks(world, 2)
        world.data("scores")
        (sample,) = samples(world)
        assert (sample["fresh"], sample["distribution"]) == (2, {})


NO_WORDS: list[Any] = ["word", [""], ["two words"], ["tab\tbed"], ["\u00fc"], ["nul\0"], [5], None]


def test_a_result_whose_kinds_cannot_be_told_fails_its_stock_alone(migrated_url: str, redis_url: str) -> None:
    returned = {f"T{number:05}": kinds for number, kinds in enumerate([["none"], *NO_WORDS])}

    def kinds(result: ScoreResult) -> Any:
        return returned[result.overall["stock_ticker"]]

    jobs = {"scores": replace(THE_TWO["scores"], kinds=kinds)}
    with closing(World.with_jobs(jobs, migrated_url, redis_url)) as world:
        add_stocks(world, len(returned) + 1)
        world.call("scores?chunk_size=2&chunks=all")
        last = samples(world)[-1]
        assert (last["failing"], last["distribution"]) == (len(NO_WORDS) + 1, {"none": 1})
        failing = {stock["ticker"] for stock in world.data("failures?job=scores")["scores"]["stocks"]}
        assert failing == {f"T{number:05}" for number in range(1, len(returned) + 1)}


def test_results_that_count_as_the_same_are_one_group_in_whatever_order(migrated_url: str, redis_url: str) -> None:
    def kinds(result: ScoreResult) -> list[str]:
        return ["b", "a"] if result.overall["stock_ticker"] < "T00002" else ["a", "b"]

    jobs = {"scores": replace(THE_TWO["scores"], kinds=kinds)}
    with closing(World.with_jobs(jobs, migrated_url, redis_url)) as world:
        add_stocks(world, 4)
        world.data("scores")
        assert {state["result_kinds"] for state in world.table("cron_stock_states")} == {"a b"}
        assert samples(world)[-1]["distribution"] == {"a": 4, "b": 4}


def test_results_of_several_kinds_and_ages_are_counted_as_coverage_does(world: World) -> None:
    add_stocks(world, 7)
    world.data("scores?tickers=T00000,T00001,T00002,T00003,T00004,T00005")
    now = utc_now()
    for number, kinds in enumerate(["a", "b", "a b", None, "b", "a"]):
        values = {"at": now - number * timedelta(hours=1), "kinds": kinds, "ticker": f"T{number:05}"}
        world.execute(
            "UPDATE cron_stock_states SET last_refreshed_at = :at, result_kinds = :kinds WHERE ticker = :ticker",
            **values,
        )
    since = now - timedelta(hours=2)
    with world.services.database.reading(10.0) as connection:
        counts, distribution = states.counts_and_kinds(connection, "scores", since)
        assert counts == states.counts(connection, "scores", since)
    assert counts._replace(oldest=None) == Counts(7, 3, 3, 1, 0, None)
    assert counts.oldest == now - timedelta(hours=5)
    assert distribution == {"a": 3, "b": 3}


def warnings(capsys: pytest.CaptureFixture[str]) -> list[str]:
    lines = [line for line in capsys.readouterr().err.splitlines() if "sample_not_taken" in line]
    assert [line for line in lines if "[warning" not in line or "job=refresh-scores" not in line] == []
    return lines


def test_a_sample_that_cannot_be_taken_fails_no_call(
    migrated_url: str, redis_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(World.make(migrated_url, redis_url)) as world:
        add_stocks(world, 12)
        world.execute("DROP TABLE cron_samples")
        result = world.data("scores?chunks=all&chunk_size=4")
    assert (result["status"], result["succeeded"], result["stop_reason"]) == ("completed", 12, "cycle_complete")
    lines = warnings(capsys)
    assert len(lines) == 2  # after the first chunk, and at the end of the cycle
    assert all("db upgrade" in line for line in lines)


def test_a_sample_that_takes_long_is_left_behind(capsys: pytest.CaptureFixture[str], postgres_world: World) -> None:
    """Another transaction holds the table for longer than a call waits."""
    add_stocks(postgres_world, 12)
    with closing(World.make(postgres_world.database_url, postgres_world.redis_url)) as other, other.write() as holder:
        holder.exec_driver_sql("LOCK TABLE cron_samples")
        result = postgres_world.data("scores?chunks=all")
    assert (result["status"], result["stop_reason"]) == ("completed", "cycle_complete")
    assert 1_500 < result["duration_ms"] < 5_000
    assert len(warnings(capsys)) == 1


def test_a_call_with_little_time_waits_no_longer_than_that(
    capsys: pytest.CaptureFixture[str], postgres_world: World
) -> None:
    add_stocks(postgres_world, 12)
    with closing(World.make(postgres_world.database_url, postgres_world.redis_url)) as other, other.write() as holder:
        holder.exec_driver_sql("LOCK TABLE cron_samples")
        words = ("cron", "scores", "--chunk-size", "1", "--chunks", "all", "--time-budget", "1")
        result = printed_json(postgres_world, *words)
    assert (result["status"], result["stop_reason"]) == ("completed", "time_budget")
    assert result["duration_ms"] < 1_500
    assert len(warnings(capsys)) == 1


@pytest.mark.parametrize("job", list(THE_TWO))
def test_a_long_call_takes_samples_on_its_way(world: World, job: str) -> None:
    add_stocks(world, 12)
    add_sample(world, ago(minutes=14, seconds=59.5), job)
    world.data(f"{job}?chunks=all&chunk_size=1")
    found = samples(world, job)
    assert found[-1]["never"] == 0
    assert len(found) in (2, 3)  # it depends on whether half a second has passed before the end
