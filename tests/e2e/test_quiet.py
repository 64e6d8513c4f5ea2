"""--quiet, for what a crontab runs: nothing is printed, so that nothing is mailed, unless something failed."""

import json
import subprocess
from collections.abc import Sequence

import pytest

from tests.e2e.programs import environment, finished, flask
from tests.integration.bare_stocks import add_stocks
from tests.integration.commands import DONE, FAILED, SKIPPED, WRONG_USAGE
from tests.world import World
from vettr_cron.redis_store.leases import Lease, Leases

CALLS = (["cron", "refresh-all"], ["cron", "scores"], ["cron", "red-flags"], ["cron", "cleanup"])


def quiet(world: World, words: Sequence[str], **variables: str) -> "subprocess.CompletedProcess[str]":
    return finished(flask(*words, "--quiet"), environment(world, **variables))


@pytest.mark.parametrize("words", CALLS, ids=" ".join)
@pytest.mark.parametrize("options", [[], ["--json"]], ids=["text", "json"])
def test_nothing_is_printed_if_all_is_well(sqlite_world: World, words: list[str], options: list[str]) -> None:
    add_stocks(sqlite_world, 3)
    done = quiet(sqlite_world, [*words, *options], CRON_PING_URL_NO_JOB="https://example.com")
    assert (done.returncode, done.stdout, done.stderr) == (DONE, "", "")


def test_nothing_is_printed_if_the_call_is_skipped(sqlite_world: World) -> None:
    add_stocks(sqlite_world, 3)
    assert isinstance(Leases(sqlite_world.redis, 30).acquire("scores"), Lease)
    done = quiet(sqlite_world, ["cron", "scores"])
    assert (done.returncode, done.stdout, done.stderr) == (SKIPPED, "", "")


@pytest.mark.parametrize("words", CALLS, ids=" ".join)
def test_an_error_is_printed_with_its_cause(sqlite_world: World, words: list[str]) -> None:
    add_stocks(sqlite_world, 3)
    done = quiet(sqlite_world, words, DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    assert done.returncode == FAILED
    assert "The database does not answer" in done.stderr + done.stdout
    assert any("refused" in json.loads(line)["cause"] for line in done.stderr.splitlines() if line.startswith("{"))


def test_a_failed_call_is_shown_as_without_the_option(sqlite_world: World) -> None:
    add_stocks(sqlite_world, 10, unscorable=10)
    loud = finished(flask("cron", "scores", "--json"), environment(sqlite_world))
    silent = quiet(sqlite_world, ["cron", "scores", "--json"])
    assert (loud.returncode, silent.returncode) == (FAILED, FAILED)
    assert json.loads(silent.stdout)["status"] == json.loads(loud.stdout)["status"] == "failed"


def test_the_doctor_speaks_only_of_problems(sqlite_world: World) -> None:
    add_stocks(sqlite_world, 3)
    sqlite_world.data("refresh-all")
    done = quiet(sqlite_world, ["cron", "doctor"], CRON_SCHEDULE="off")
    assert (done.returncode, done.stdout, done.stderr) == (DONE, "", "")
    sqlite_world.execute("UPDATE cron_alembic_version SET version_num = '2026_11_23_tables'")
    done = quiet(sqlite_world, ["cron", "doctor"], CRON_SCHEDULE="off")
    assert done.returncode == FAILED
    assert "Not all migrations of this release have run" in done.stdout


@pytest.mark.parametrize("words", [["cron", "scores"], ["cron", "refresh-all"], ["cron", "cleanup"]], ids=" ".join)
def test_it_cannot_be_combined_with_what_only_shows(sqlite_world: World, words: list[str]) -> None:
    done = quiet(sqlite_world, [*words, "--dry-run"])
    assert done.returncode == WRONG_USAGE
    assert "--quiet cannot be combined with --dry-run" in done.stderr
