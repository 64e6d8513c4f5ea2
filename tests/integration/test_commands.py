"""The commands that refresh, and those beside them: what they print, and their exit status."""

from collections.abc import Sequence

import pytest

from tests.integration.bare_stocks import add_stocks, everything
from tests.integration.broken_service import INTERNALS, Broken, replace_services
from tests.integration.commands import DONE, FAILED, SKIPPED, WRONG_USAGE, printed_json, run
from tests.integration.replies import CHUNK_INFO_KEYS, JOB_RESULT_KEYS
from tests.jobs import THE_TWO
from tests.world import World
from vettr_cron.redis_store.leases import Leases


@pytest.mark.parametrize("job", THE_TWO)
def test_a_job_prints_the_same_json_as_over_http(world: World, job: str) -> None:
    add_stocks(world, 7)
    result = printed_json(world, "cron", job, "--chunk-size", "2", "--chunks", "2")
    assert result.keys() == JOB_RESULT_KEYS
    assert result["chunk_info"].keys() == CHUNK_INFO_KEYS
    assert (result["job"], result["stocks_processed"], result["chunks_run"]) == (f"refresh-{job}", 4, 2)
    over_http = world.data(f"{job}?chunk_size=2")
    assert list(over_http) == list(result)
    assert (over_http["cycle_id"], over_http["chunk_info"]["current_offset"]) == (result["cycle_id"], 4)


def test_refresh_all_prints_the_same_json_as_over_http(world: World) -> None:
    add_stocks(world, 3)
    data = printed_json(world, "cron", "refresh-all", "--chunks", "all")
    assert list(data) == ["scores", "red_flags", "total_duration_ms"]
    assert data["scores"].keys() == data["red_flags"].keys() == JOB_RESULT_KEYS
    assert data["scores"]["stop_reason"] == data["red_flags"]["stop_reason"] == "cycle_complete"


@pytest.mark.parametrize("name", ["status", "history", "reset"])
def test_the_other_commands_print_the_same_json_as_over_http(sqlite_world: World, name: str) -> None:
    add_stocks(sqlite_world, 12, unscorable=1)
    sqlite_world.data("refresh-all?chunk_size=5")
    over_http = sqlite_world.data(name)
    assert printed_json(sqlite_world, "cron", name, *(["--yes"] if name == "reset" else [])) == over_http


def test_plain_output_has_lines_for_groups_jobs_and_failures(sqlite_world: World) -> None:
    add_stocks(sqlite_world, 12, unscorable=2)
    result = run(sqlite_world, "cron", "refresh-all")
    assert (result.exit_code, result.stderr) == (DONE, "")
    *groups, head, scores, flags, first, second = result.stdout.splitlines()
    assert groups == ["refresh-scores: 12 of 12", "refresh-red-flags: 12 of 12"]
    assert head.split() == [
        *("job", "status", "because", "stocks", "succeeded", "failed", "chunks", "ms", "stocks/s", "cycle")
    ]
    words = scores.split()
    assert words[:7] == ["refresh-scores", "completed", "cycle_complete", "12", "10", "2", "1"]
    assert words[-1] == "complete"
    assert flags.split()[:6] == ["refresh-red-flags", "completed", "cycle_complete", "12", "12", "0"]
    assert [first, second] == [
        f"refresh-scores: T0000{number}: stocks.price is Infinity; a finite number is needed" for number in (0, 1)
    ]
    assert "\r" not in result.stdout
    assert "\x1b" not in result.stdout


def test_plain_output_says_where_the_cycle_is_and_how_many_more_failed(sqlite_world: World) -> None:
    add_stocks(sqlite_world, 60, unscorable=25)
    result = run(sqlite_world, "cron", "scores", "--chunk-size", "50")
    lines = result.stdout.splitlines()
    assert lines[0] == "refresh-scores: 50 of 60"
    assert lines[2].endswith("50 of 60")
    assert len(lines) == 1 + 2 + 20 + 1
    assert lines[-1] == "refresh-scores: and 5 more failed"


def test_plain_status_and_history_are_a_line_each(sqlite_world: World) -> None:
    assert run(sqlite_world, "cron", "history").stdout == "There are no runs.\n"
    add_stocks(sqlite_world, 10)
    sqlite_world.data("scores?chunk_size=5")
    status = run(sqlite_world, "cron", "status").stdout.splitlines()
    assert status[0].split("  ")[0] == "job"
    assert status[1].split()[:4] == ["refresh-scores", "50", "%", "5"]
    assert "completed" in status[1]
    assert status[2].split()[5:7] == ["none", "since"]
    history = run(sqlite_world, "cron", "history").stdout.splitlines()
    assert len(history) == 2
    assert history[1].split()[1:4] == ["refresh-scores", "completed", "0"]


def test_history_pages_and_goes_by_time(sqlite_world: World) -> None:
    add_stocks(sqlite_world, 2)
    for _ in range(3):
        sqlite_world.data("scores")
    newest, middle, oldest = sqlite_world.data("history")["runs"]
    pages = {"before": newest["id"], "since": middle["started_at"], "until": newest["started_at"]}
    for name, value in pages.items():
        assert printed_json(sqlite_world, "cron", "history", f"--{name}", value) == sqlite_world.data(
            f"history?{name}={value}"
        )
    assert printed_json(sqlite_world, "cron", "history", "--before", middle["id"])["runs"] == [oldest]


def test_history_chooses(sqlite_world: World) -> None:
    add_stocks(sqlite_world, 3)
    for _ in range(3):
        sqlite_world.data("refresh-all")
    for words, count in (
        (["--limit", "4"], 4),
        (["--job", "scores"], 3),
        (["--status", "failed"], 0),
        (["--job", "red-flags", "--status", "completed", "--limit", "2"], 2),
    ):
        assert printed_json(sqlite_world, "cron", "history", *words)["total"] == count


def test_reset_wants_a_yes(sqlite_world: World) -> None:
    add_stocks(sqlite_world, 5)
    sqlite_world.data("refresh-all?chunk_size=2")
    refused = run(sqlite_world, "cron", "reset")
    assert (refused.exit_code, refused.stdout) == (WRONG_USAGE, "")
    assert "--yes" in refused.stderr
    assert sqlite_world.data("status")["scores_offset"] == 2
    done = run(sqlite_world, "cron", "reset", "--job", "scores", "--yes")
    assert (done.exit_code, done.stdout) == (DONE, "Cron cursors reset: scores\n")
    status = sqlite_world.data("status")
    assert (status["scores_offset"], status["red_flags_offset"]) == (0, 2)


@pytest.mark.parametrize("words", [["scores"], ["refresh-all"]])
def test_a_failed_job_is_status_1_and_printed_all_the_same(sqlite_world: World, words: Sequence[str]) -> None:
    add_stocks(sqlite_world, 10, unscorable=10)
    data = printed_json(sqlite_world, "cron", *words, status=FAILED)
    result = data.get("scores", data)
    assert (result["status"], result["failed"]) == ("failed", 10)
    plain = run(sqlite_world, "cron", *words)
    assert (plain.exit_code, plain.stderr) == (FAILED, "")
    assert "10 of 10 stocks failed; 50 % are tolerated" in plain.stdout


def test_a_skipped_job_is_status_75(sqlite_world: World) -> None:
    add_stocks(sqlite_world, 3)
    Leases(sqlite_world.redis, 30).acquire("scores")
    before = everything(sqlite_world)
    data = printed_json(sqlite_world, "cron", "scores", status=SKIPPED)
    assert (data["status"], data["stop_reason"]) == ("skipped", "already_running")
    assert run(sqlite_world, "cron", "scores").exit_code == SKIPPED
    assert run(sqlite_world, "cron", "scores", "--on-conflict", "error").exit_code == SKIPPED
    assert run(sqlite_world, "cron", "scores", "--on-conflict", "skip").exit_code == DONE
    assert everything(sqlite_world) == before
    both = printed_json(sqlite_world, "cron", "refresh-all", status=SKIPPED)
    assert run(sqlite_world, "cron", "refresh-all", "--on-conflict", "skip").exit_code == DONE
    assert (both["scores"]["status"], both["red_flags"]["status"]) == ("skipped", "completed")


def test_a_failed_job_outweighs_a_skipped_one(sqlite_world: World) -> None:
    add_stocks(sqlite_world, 10, unscorable=10)
    Leases(sqlite_world.redis, 30).acquire("red-flags")
    printed_json(sqlite_world, "cron", "refresh-all", status=FAILED)


@pytest.mark.parametrize(
    "words",
    [
        *(["scores", "--chunk-size", value] for value in ("0", "10001", "abc", "1e3", "", "-1")),
        *(["red-flags", "--chunks", value] for value in ("0", "some", "1000001", "", "1.5")),
        *(["refresh-all", "--time-budget", value] for value in ("0", "-1", "nan", "inf", "x", "")),
        ["scores", "--on-conflict", "wait"],
        ["scores", "now"],
        ["history", "--limit", "0"],
        ["history", "--limit", "201"],
        ["history", "--status", "done"],
        ["history", "--since", "soon"],
        ["reset", "--job", "all", "--yes"],
        ["status", "--chunks", "1"],
        ["nonsense"],
        [],
    ],
)
def test_wrong_usage_is_status_2_and_changes_nothing(sqlite_world: World, words: Sequence[str]) -> None:
    add_stocks(sqlite_world, 1)
    before = everything(sqlite_world)
    result = run(sqlite_world, "cron", *words)
    assert (result.exit_code, result.stdout) == (WRONG_USAGE, "")
    assert "Usage:" in result.stderr
    assert everything(sqlite_world) == before


def test_a_time_budget_ends_a_call(sqlite_world: World) -> None:
    add_stocks(sqlite_world, 3)
    data = printed_json(sqlite_world, "cron", "scores", "--time-budget", "0.000001")
    assert (data["status"], data["stop_reason"], data["stocks_processed"]) == ("completed", "time_budget", 0)


@pytest.mark.parametrize("name", ["scores", "status", "history", "reset"])
def test_an_absent_server_is_one_sentence_and_status_1(migrated_sqlite_url: str, name: str) -> None:
    world = World.make(migrated_sqlite_url, "redis://somebody:hush-hush@127.0.0.1:1")
    result = run(world, "cron", name, *(["--yes"] if name == "reset" else []))
    world.close()
    assert (result.exit_code, result.stdout, result.stderr) == (FAILED, "", "Error: Redis does not answer\n")


def test_refresh_all_without_servers_says_so_for_both_jobs(redis_url: str) -> None:
    world = World.make("postgresql://somebody:hush-hush@127.0.0.1:1/none", redis_url)
    data = printed_json(world, "cron", "refresh-all", status=FAILED)
    assert {data[key]["error"] for key in ("scores", "red_flags")} == {"The database does not answer"}
    plain = run(world, "cron", "refresh-all")
    assert plain.stdout.count("The database does not answer") == 2
    world.close()


def test_an_empty_universe_is_said(sqlite_world: World) -> None:
    result = run(sqlite_world, "cron", "scores")
    assert result.exit_code == DONE
    assert "refresh-scores: there are no stocks" in result.stdout


def test_a_bug_is_not_hidden(sqlite_world: World) -> None:
    replace_services(sqlite_world, status=Broken())
    result = run(sqlite_world, "cron", "status")
    assert result.exit_code == FAILED
    assert str(result.exception) == INTERNALS


def test_every_command_explains_itself(sqlite_world: World) -> None:
    listed = run(sqlite_world, "cron", "--help").stdout
    for name in ("scores", "red-flags", "refresh-all", "status", "history", "reset", "overview"):
        assert f"  {name} " in listed
        told = run(sqlite_world, "cron", name, "--help")
        assert told.exit_code == DONE
        assert "Usage:" in told.stdout
