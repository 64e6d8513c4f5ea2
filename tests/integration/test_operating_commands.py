"""The commands for whoever runs the service: the same answers as over HTTP, and plain tables."""

from uuid import uuid4

import pytest

from tests.integration.bare_stocks import add_stocks, everything
from tests.integration.commands import DONE, FAILED, SKIPPED, WRONG_USAGE, printed_json, run
from tests.world import World
from vettr_cron.services.operate.pause import MAXIMUM_REASON


@pytest.mark.parametrize(
    ("words", "path"),
    [
        (["failures"], "failures"),
        (["failures", "--job", "scores", "--limit", "1"], "failures?job=scores&limit=1"),
        (["scores", "--dry-run"], "scores?dry_run=1"),
        (["refresh-all", "--dry-run", "--only", "failed"], "refresh-all?dry_run=1&only=failed"),
        (["red-flags", "--dry-run", "--tickers", "T00001,T00003"], "red-flags?dry_run=1&tickers=T00001,T00003"),
    ],
)
def test_they_print_the_same_json_as_over_http(sqlite_world: World, words: list[str], path: str) -> None:
    add_stocks(sqlite_world, 12, unscorable=2)
    sqlite_world.data("refresh-all?chunk_size=5")
    assert printed_json(sqlite_world, "cron", *words) == sqlite_world.data(path)


def test_coverage_and_one_run_are_those_of_http(sqlite_world: World) -> None:
    add_stocks(sqlite_world, 12, unscorable=2)
    result = sqlite_world.data("scores?chunk_size=5")
    shown = printed_json(sqlite_world, "cron", "coverage", "--max-age", "24")
    assert shown["jobs"] == sqlite_world.data("coverage?max_age=24h")["jobs"]
    listed = printed_json(sqlite_world, "cron", "coverage", "--job", "scores", "--stocks", "never", "--limit", "3")
    assert listed["page"] == sqlite_world.data("coverage?job=scores&stocks=never&limit=3")["page"]
    path = f"runs/{result['run_id']}"
    assert printed_json(sqlite_world, "cron", "run", result["run_id"]) == sqlite_world.data(path)


def test_tables_are_plain_and_say_what_there_is(sqlite_world: World) -> None:
    tickers = add_stocks(sqlite_world, 12, unscorable=2)
    result = sqlite_world.data("scores?chunk_size=5")
    head, scores, flags = run(sqlite_world, "cron", "coverage").stdout.splitlines()
    assert head.split() == ["job", "total", "fresh", "stale", "never", "failing", "oldest"]
    assert scores.split()[:6] == ["scores", "12", "3", "0", "9", "2"]
    assert flags.split()[:6] == ["red_flags", "12", "0", "0", "12", "0"]
    failures = run(sqlite_world, "cron", "failures", "--limit", "1").stdout
    assert tickers[0] in failures
    assert "stocks.price is Infinity" in failures
    assert f"more: --after {tickers[0]}" in failures
    assert "There are no such stocks." in run(sqlite_world, "cron", "failures", "--job", "red-flags").stdout
    assert "12  T00000  T00011" in run(sqlite_world, "cron", "red-flags", "--dry-run").stdout
    assert "stocks.price is Infinity" in run(sqlite_world, "cron", "run", result["run_id"]).stdout


def test_a_pause_is_told_and_ends_with_another_status(sqlite_world: World) -> None:
    add_stocks(sqlite_world, 3)
    assert run(sqlite_world, "cron", "pause", "--job", "scores", "--reason", "reload").stdout == "Paused: scores\n"
    before = everything(sqlite_world)
    skipped = run(sqlite_world, "cron", "scores")
    assert (skipped.exit_code, "refresh-scores: paused: reload" in skipped.stdout) == (SKIPPED, True)
    assert everything(sqlite_world) == before
    assert "refresh-scores: Paused since" in run(sqlite_world, "cron", "status").stdout
    assert "it is paused" in run(sqlite_world, "cron", "scores", "--dry-run").stdout
    assert run(sqlite_world, "cron", "resume").stdout == "Nothing is paused.\n"
    assert run(sqlite_world, "cron", "scores").exit_code == DONE


def test_a_reason_is_as_long_as_over_http_at_most(sqlite_world: World) -> None:
    longest = "x" * MAXIMUM_REASON
    assert sqlite_world.data(f"pause?reason={longest}", method="POST")["paused"]["scores"]["reason"] == longest
    assert printed_json(sqlite_world, "cron", "pause", "--reason", longest)["paused"]["scores"]["reason"] == longest
    assert sqlite_world.call(f"pause?reason={longest}x", method="POST").status_code == 422
    refused = run(sqlite_world, "cron", "pause", "--reason", f"{longest}x")
    assert refused.exit_code == WRONG_USAGE
    said = "Invalid value for '--reason': use at most 500 characters; this text has 501"
    assert said in refused.stderr
    assert sqlite_world.data("status")["jobs"]["scores"]["paused"]["reason"] == longest


def test_stocks_that_are_asked_for_are_done_outside_the_cycle(sqlite_world: World) -> None:
    tickers = add_stocks(sqlite_world, 12, unscorable=1)
    sqlite_world.data("scores?chunk_size=5")
    done = printed_json(sqlite_world, "cron", "scores", "--tickers", f"{tickers[9]}, {tickers[2]}")
    assert (done["stop_reason"], done["succeeded"]) == ("stocks_done", 2)
    again = printed_json(sqlite_world, "cron", "scores", "--only", "failed")
    assert (again["stop_reason"], again["failed"]) == ("stocks_done", 1)
    assert sqlite_world.redis.get("cron:scores:offset") == "5"


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["scores", "--tickers", ","], WRONG_USAGE),
        (["scores", "--only", "stale"], WRONG_USAGE),
        (["scores", "--only", "failed", "--tickers", "A"], WRONG_USAGE),
        (["coverage", "--stocks", "fresh"], WRONG_USAGE),
        (["coverage", "--max-age", "0"], WRONG_USAGE),
        (["coverage", "--max-age", "1e300"], WRONG_USAGE),
        (["coverage", "--max-age", "nan"], WRONG_USAGE),
        (["run", "1"], WRONG_USAGE),
        (["run", str(uuid4())], FAILED),
        (["scores", "--tickers", "NONE"], FAILED),
    ],
)
def test_an_invalid_selection_is_reported_and_does_nothing(sqlite_world: World, words: list[str], status: int) -> None:
    add_stocks(sqlite_world, 3)
    before = everything(sqlite_world)
    result = run(sqlite_world, "cron", *words)
    assert result.exit_code == status
    assert result.stderr
    assert "Traceback" not in result.output
    assert everything(sqlite_world) == before


@pytest.mark.parametrize("words", [["pause", "--reason"], ["failures", "--after"], ["scores", "--tickers"]])
def test_a_text_of_bytes_that_are_not_utf_8_is_refused_by_name(sqlite_world: World, words: list[str]) -> None:
    add_stocks(sqlite_world, 3)
    before = everything(sqlite_world)
    refused = run(sqlite_world, "cron", *words, b"caf\xe9".decode(errors="surrogateescape"))
    assert refused.exit_code == WRONG_USAGE
    assert f"'{words[1]}': the text must be valid UTF-8" in refused.stderr
    assert everything(sqlite_world) == before
